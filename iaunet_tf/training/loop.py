"""The training loop."""

import math
import sys

import keras
import tensorflow as tf

from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.training.checkpoints import Checkpoints, restore
from iaunet_tf.training.config import Config
from iaunet_tf.training.history import History
from iaunet_tf.training.run import Run
from iaunet_tf.training.task import Task


def train(config: Config, run: Run, task: Task, resume: bool = False) -> keras.Model:
    """Trains a network and leaves its checkpoints, history and final model in the run's folder.

    Args:
        config: the whole configuration.
        run: where to.
        task: what to train.
        resume: go on from the run's last checkpoint.

    Raises:
        InputError: the configuration does not fit the data, the checkpoint does not fit the configuration, or the
            loss is no longer finite.
    """
    options = config.train
    steps = task.steps
    strategy = make_strategy(options.strategy)
    replicas = strategy.num_replicas_in_sync
    if options.batch_size % (replicas * task.group_size):
        raise InputError(
            f"train.batch_size {options.batch_size} does not give each of {replicas} replicas whole groups "
            f"of {task.group_size}; make it a multiple of {replicas * task.group_size}"
        )
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    print(f"{replicas} {device}, {options.precision}, {steps} steps of {options.batch_size} {task.examples} an epoch")
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(options.precision)
    with strategy.scope():
        model = task.build_model(None if resume else config.model.weights)
        optimizer = keras.optimizers.Adam(learning_rate(config, steps))
        optimizer.build(model.trainable_variables)
        # The optimizer belongs to the model so that checkpoints hold both and callbacks find it.
        model.compile(optimizer=optimizer)

    def replica_step(batch):
        with tf.GradientTape() as tape:
            outputs = model(batch["images"], training=True)
            total, values = task.objective(outputs, batch)
            share = total / replicas  # the optimizer sums the replicas' gradients
        variables = model.trainable_variables
        gradients = tape.gradient(share, [variable.value for variable in variables])
        optimizer.apply(with_l2(gradients, variables, options.weight_decay / replicas), variables)
        return {name: value / replicas for name, value in {"loss": total, **values}.items()}

    @tf.function
    def train_step(batch):
        values = strategy.run(replica_step, args=(batch,))
        return {name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for name, value in values.items()}

    score = f"val_{task.validation[0]}"
    validate = task.validator(model)
    first_epoch, best = 0, -math.inf
    if resume:
        restore(model, run)
        first_epoch = int(optimizer.iterations.numpy()) // steps
        best = run.rewind_history(first_epoch, score)
        print(f"going on with epoch {first_epoch + 1} of {options.epochs}")
    run.begin(config)
    print(f"run folder: {run.path}")

    callbacks = keras.callbacks.CallbackList(
        [
            History(run, [f"val_{name}" for name in task.validation] if config.eval.every else [], append=resume),
            keras.callbacks.TensorBoard(run.tensorboard, write_graph=False),
            Checkpoints(run, score, best),
        ],
        add_history=True,
        add_progbar=True,
        model=model,
        epochs=options.epochs,
        steps=steps,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    callbacks.on_train_begin()
    for epoch in range(first_epoch, options.epochs):
        callbacks.on_epoch_begin(epoch)
        sums: dict[str, float] = {}
        for step, batch in enumerate(strategy.experimental_distribute_dataset(task.batches(epoch))):
            callbacks.on_train_batch_begin(step)
            for name, value in train_step(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if not math.isfinite(sums["loss"]):
                raise InputError(
                    f"the loss is {sums['loss']} in epoch {epoch + 1}, step {step + 1}; "
                    f"checkpoints in {run.last.parent} are those of earlier epochs; "
                    "try a lower --train.learning_rate"
                )
            logs = {name: value / (step + 1) for name, value in sums.items()}
            callbacks.on_train_batch_end(step, logs)
        logs["learning_rate"] = float(optimizer.learning_rate)
        if config.eval.every and (epoch + 1) % config.eval.every == 0:
            logs.update({f"val_{name}": value for name, value in validate().items()})
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()

    # The final model is for use: without the optimizer's state, which is twice its size.
    final = task.build_model()
    final.set_weights(model.get_weights())
    with replacing(run.model) as temporary:
        final.save(temporary)
    return final


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a configuration."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if name == "mirrored" or (name == "auto" and len(tf.config.list_logical_devices("GPU")) > 1):
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def learning_rate(config: Config, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as Keras wants it, given the steps of an epoch."""
    options = config.train
    if options.schedule == "step":
        boundaries = [epoch * steps for epoch in options.milestones or [options.epochs]]
        values = [options.learning_rate * 0.1**k for k in range(len(boundaries) + 1)]
        # Keras lowers the rate one step behind the boundary.
        return keras.optimizers.schedules.PiecewiseConstantDecay([b - 1 for b in boundaries], values)
    warmup = round(options.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else options.learning_rate,
        max(1, options.epochs * steps - warmup),
        warmup_target=options.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def with_l2(gradients: list, variables: list[keras.Variable], decay: float) -> list:
    """Adds the gradient of `decay / 2 · |w|²`: L2 that goes through the optimizer, unlike that of AdamW."""
    return [gradient + decay * variable.value for gradient, variable in zip(gradients, variables, strict=True)]
