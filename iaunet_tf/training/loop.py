"""The training loop."""

import math
import sys

import keras
import tensorflow as tf

from iaunet_tf.data.pipeline import train_batches
from iaunet_tf.data.sampling import check_batches
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import embedding_function
from iaunet_tf.files import replacing
from iaunet_tf.models import IAUNet
from iaunet_tf.training.checkpoints import Checkpoints, restore
from iaunet_tf.training.config import Config
from iaunet_tf.training.evaluate import search
from iaunet_tf.training.history import History
from iaunet_tf.training.inputs import LoadedDataset
from iaunet_tf.training.objective import objective
from iaunet_tf.training.run import Run


def train(config: Config, run: Run, data: LoadedDataset, resume: bool = False) -> keras.Model:
    """Trains a network and leaves its checkpoints, history and final model in the run's folder.

    Args:
        config: the whole configuration.
        run: where to.
        data: the pictures.
        resume: go on from the run's last checkpoint.

    Raises:
        InputError: the configuration does not fit the data, the checkpoint does not fit the configuration, or the
            loss is no longer finite.
    """
    options = config.train
    steps = check_batches(data.train.split.labels, options.batch_size, options.group_size)
    strategy = make_strategy(options.strategy)
    replicas = strategy.num_replicas_in_sync
    if options.batch_size % (replicas * options.group_size):
        raise InputError(
            f"train.batch_size {options.batch_size} does not give each of {replicas} replicas whole groups "
            f"of {options.group_size}; make it a multiple of {replicas * options.group_size}"
        )
    device = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    print(f"{replicas} {device}, {options.precision}, {steps} steps of {options.batch_size} images an epoch")
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(options.precision)
    with strategy.scope():
        weights = None if resume else config.model.weights
        model = build_model(config, data.train.split.num_people, weights)
        optimizer = keras.optimizers.Adam(learning_rate(config, steps))
        optimizer.build(model.trainable_variables)
        # The optimizer belongs to the model so that checkpoints hold both and callbacks find it.
        model.compile(optimizer=optimizer)

    def replica_step(batch):
        with tf.GradientTape() as tape:
            outputs = model(batch["images"], training=True)
            total, values = objective(outputs, batch, config.loss)
            total /= replicas  # the optimizer sums the replicas' gradients
        variables = model.trainable_variables
        gradients = tape.gradient(total, [variable.value for variable in variables])
        optimizer.apply(with_l2(gradients, variables, options.weight_decay / replicas), variables)
        return {name: value / replicas for name, value in values.items()}

    @tf.function
    def train_step(batch):
        values = strategy.run(replica_step, args=(batch,))
        return {name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for name, value in values.items()}

    embed = embedding_function(model, config.eval.flip)
    first_epoch, best = 0, -math.inf
    if resume:
        restore(model, run)
        first_epoch = int(optimizer.iterations.numpy()) // steps
        best = run.rewind_history(first_epoch)
        print(f"going on with epoch {first_epoch + 1} of {options.epochs}")
    run.begin(config)
    print(f"run folder: {run.path}")

    callbacks = keras.callbacks.CallbackList(
        [
            History(run, history_columns(config, data), append=resume),
            keras.callbacks.TensorBoard(run.tensorboard, write_graph=False),
            Checkpoints(run, best),
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
        batches = train_batches(
            data.train,
            options.batch_size,
            options.group_size,
            config.seed,
            epoch,
            config.data.flip,
            config.data.erase,
        )
        sums: dict[str, float] = {}
        for step, batch in enumerate(strategy.experimental_distribute_dataset(batches)):
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
            result = search(embed, data, config.eval)
            logs.update({"val_mAP": result.mAP, "val_rank-1": result.rank(1)})
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()

    # The final model is for use: without the optimizer's state, which is twice its size.
    final = build_model(config, data.train.split.num_people)
    final.set_weights(model.get_weights())
    with replacing(run.model) as temporary:
        final.save(temporary)
    return final


def build_model(config: Config, num_classes: int, weights: str | None = None) -> keras.Model:
    """The network of a configuration."""
    size = (config.data.height, config.data.width, 3)
    return IAUNet(num_classes, size, block=config.model.block, width=config.model.width, weights=weights)


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


def history_columns(config: Config, data: LoadedDataset) -> list[str]:
    """Columns of `history.csv` after the epoch."""
    columns = ["loss", "id_loss", "accuracy", "learning_rate"]
    if config.loss.triplet_weight:
        columns.insert(2, "triplet_loss")
    if config.loss.mask_weight and config.model.block == "iau" and data.train.has_masks.any():
        columns.insert(-2, "mask_loss")
    if config.eval.every:
        columns += ["val_mAP", "val_rank-1"]
    return columns
