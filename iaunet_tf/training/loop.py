"""The training loop."""

import math
import sys
from functools import partial

import keras
import tensorflow as tf

from iaunet_tf.config.common import Config
from iaunet_tf.config.files import save_config
from iaunet_tf.data.augment import augment
from iaunet_tf.data.sampling import Share
from iaunet_tf.distribution.strategy import is_chief, statistics_averager, synchronize_batch_norms
from iaunet_tf.errors import InputError, Stopped
from iaunet_tf.files import remove_unfinished, replacing
from iaunet_tf.optimizers import make_optimizer
from iaunet_tf.run import Run
from iaunet_tf.tasks.task import Task
from iaunet_tf.terminal import watched
from iaunet_tf.training.averaging import averaged
from iaunet_tf.training.checkpoints import State, restore, save, save_outside
from iaunet_tf.training.history import History, rewind
from iaunet_tf.training.loggers import make_loggers
from iaunet_tf.training.loss_scale import LossScale
from iaunet_tf.training.resumption import check_same, dependencies
from iaunet_tf.training.signals import sigterm
from iaunet_tf.training.step import make_train_step
from iaunet_tf.wording import counted

# Batch norms of smaller batches are noticeably worse.
ENOUGH_FOR_STATISTICS = 32
STOPPED = "stopped by SIGTERM; the state is saved, --resume {} continues from it"


def train(config: Config, run: Run, task: Task, resume: bool = False) -> keras.Model:
    """Trains a network and leaves its checkpoints, history and final model in the run's folder.

    Runs inside the strategy's scope, on several hosts in all processes alike; only the chief writes.
    A loss that is not finite is an `InputError`; SIGTERM saves the state and raises `Stopped`.
    """
    options = config.train
    check_replicas(config, task)
    announce(config, task)
    depends = {"replicas": tf.distribute.get_strategy().num_replicas_in_sync, "training data": task.training_data()}
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(options.precision)
    model = task.build_model(None if resume else config.model.weights)
    if synchronizes(config):
        synchronize_batch_norms(model)
    backbone = model.backbone_layers()
    paths = [variable.path for layer in backbone for variable in layer.trainable_variables]
    optimizer = make_optimizer(options, task.steps, paths)
    optimizer.build(model.trainable_variables)
    # The optimizer belongs to the model so that checkpoints hold both and callbacks find it.
    model.compile(optimizer=optimizer, auto_scale_loss=False)
    scale = LossScale() if options.precision == "mixed_float16" else None
    make_step = partial(make_train_step, model, task.objective, options, scale, augment)
    average_statistics = statistics_averager(model)
    validate = task.validator(model)

    score = f"val_{task.validation[0]}"
    state = restore(model, run) if resume else State()
    if resume:
        check_same(depends, state.depends, run.path)
        if state.step >= task.steps:
            raise InputError(
                f"{run.path}: its checkpoint is at step {state.step + 1} of an epoch, which has {task.steps}; restore "
                "train.batch_size and the training data, or begin a new run with another --run_dir"
            )
        if scale and state.loss_scale:
            scale.restore(state.loss_scale)
        at = f", step {state.step + 1}" if state.step else ""
        if state.epoch >= options.epochs:
            print(f"all {counted(options.epochs, 'epoch is', 'epochs are')} done; evaluating")
        else:
            print(f"continuing with epoch {state.epoch + 1} of {options.epochs}{at}")
    if is_chief():
        if resume:
            remove_unfinished(run.path, run.last.parent, run.embeddings)
            rewind(run.history, state.epoch)
        begin(run, config)
        print(f"run folder: {run.path}")

    def checkpoint(path, previous=None):
        state.loss_scale = scale.state() if scale else {}
        state.depends = {**dependencies(config), **depends}
        if is_chief():
            save(model, path, state, previous)

    callbacks = make_callbacks(config, run, task, model, resume)
    callbacks.on_train_begin()
    train_step, stopping, logs = None, False, {}
    with sigterm() as stop:
        for epoch in range(state.epoch, options.epochs):
            callbacks.on_epoch_begin(epoch)
            if train_step is None or epoch == options.freeze_epochs:
                train_step = make_step(backbone if epoch < options.freeze_epochs else ())
            for step, batch in enumerate(distributed_batches(task, epoch, state.step), state.step):
                callbacks.on_train_batch_begin(step)
                values = train_step(batch, stop())
                stopping = values.pop("stop") > 0
                for name, value in values.items():
                    state.sums[name] = state.sums.get(name, 0.0) + value
                if not math.isfinite(state.sums["loss"]):
                    raise InputError(
                        f"the loss is {state.sums['loss']} in epoch {epoch + 1}, step {step + 1}; "
                        f"checkpoints in {run.last.parent} are those of earlier epochs; "
                        "try a lower --train.learning_rate"
                    )
                state.step = step + 1
                logs = {name: value / state.step for name, value in state.sums.items()}
                callbacks.on_train_batch_end(step, logs)
                if stopping and state.step < task.steps:
                    average_statistics()
                    checkpoint(run.last, run.previous)
                    raise Stopped(STOPPED.format(run.path))
            logs["learning_rate"] = float(optimizer.learning_rate)
            average_statistics()
            if config.eval.every and (epoch + 1) % config.eval.every == 0:
                with averaged(model):
                    logs.update({f"val_{name}": value for name, value in validate().items()})
            callbacks.on_epoch_end(epoch, logs)
            better = logs.get(score, -math.inf) > state.best
            state = State(epoch + 1, best=logs[score] if better else state.best)
            if better:
                with averaged(model):
                    checkpoint(run.best)
            checkpoint(run.last, run.previous)
            if stopping:
                raise Stopped(STOPPED.format(run.path))
    callbacks.on_train_end()

    # The final model is for use: without the optimizer's state, which is twice its size.
    final = task.build_model()
    with averaged(model):
        final.set_weights(model.get_weights())
    if is_chief():
        with replacing(run.model) as temporary:
            save_outside(final, temporary)
    return final


def begin(run: Run, config: Config) -> None:
    """Makes a run's folder if it does not exist, and stores the configuration."""
    run.path.mkdir(parents=True, exist_ok=True)
    save_config(config, run.config)


def check_replicas(config: Config, task: Task) -> None:
    """Makes sure that batches fit the replicas."""
    options, replicas = config.train, tf.distribute.get_strategy().num_replicas_in_sync
    share = replicas * options.accumulate * task.group_size
    if options.batch_size % share:
        pieces = f", in {options.accumulate} pieces," if options.accumulate > 1 else ""
        raise InputError(
            f"train.batch_size {options.batch_size} does not give each of {replicas} replicas{pieces} whole groups "
            f"of {task.group_size}; make it a multiple of {share}"
        )
    mining = getattr(options, "mining", "local")  # classification has none
    if options.jit_compile and replicas > 1 and (mining == "global" or config.model.sync_batch_norm is True):
        raise InputError(
            "train.jit_compile on several replicas goes with --train.mining local and without --model.sync_batch_norm"
        )


def synchronizes(config: Config) -> bool:
    """Whether batch norms take the statistics of all replicas."""
    wanted, options = config.model.sync_batch_norm, config.train
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if wanted != "auto":
        return wanted
    own = options.batch_size // (replicas * options.accumulate)
    return replicas > 1 and own < ENOUGH_FOR_STATISTICS and not options.jit_compile


def announce(config: Config, task: Task) -> None:
    """Says what runs where."""
    options, replicas = config.train, tf.distribute.get_strategy().num_replicas_in_sync
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    steps = f"{counted(task.steps, 'step', 'steps')} of {options.batch_size} {task.unit}"
    norms = ", batch norms over all replicas" if replicas > 1 and synchronizes(config) else ""
    print(f"{replicas} {device}, {options.precision}, {steps}{norms}")
    if options.freeze_epochs and not config.model.weights:
        print("warning: a backbone of random weights is frozen; give --model.weights, or leave train.freeze_epochs out")
    if options.precision == "mixed_float16" and device == "CPU":
        print("warning: mixed_float16 on a CPU is slower than float32; take mixed_bfloat16, or a GPU")


def distributed_batches(task: Task, epoch: int, skip: int) -> tf.distribute.DistributedDataset:
    """An epoch's batches from number `skip` on, each replica's share on its device."""
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync

    def of_worker(context):
        workers = context.num_input_pipelines
        return task.batches(epoch, Share(skip, context.input_pipeline_id, workers, replicas // workers))

    return strategy.distribute_datasets_from_function(of_worker)


def make_callbacks(
    config: Config, run: Run, task: Task, model: keras.Model, resume: bool
) -> keras.callbacks.CallbackList:
    """What watches over training; on several hosts the chief's only."""
    callbacks = []
    if is_chief():
        validation = [f"val_{name}" for name in task.validation] if config.eval.every else []
        profile = tuple(config.train.profile) or 0
        board = keras.callbacks.TensorBoard(run.tensorboard, write_graph=False, profile_batch=profile)
        callbacks = [History(run, validation, append=resume), board, *make_loggers(config, run)]
    params = {"epochs": config.train.epochs, "steps": task.steps, "verbose": 1 if watched(sys.stdout) else 2}
    return keras.callbacks.CallbackList(callbacks, add_progbar=is_chief(), model=model, **params)
