"""One training step, on however many replicas."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from iaunet_tf.config.common import TrainConfig
from iaunet_tf.training.loss_scale import LossScale

Objective = Callable[[dict, dict], tuple[tf.Tensor, dict]]


def make_train_step(
    model: keras.Model,
    objective: Objective,
    options: TrainConfig,
    scale: LossScale | None = None,
    prepare: Callable[[dict], dict] = dict,
    frozen: Sequence[keras.Layer] = (),
) -> Callable[[dict, bool], dict[str, float]]:
    """Compiles a step of a model that is compiled with its optimizer, inside the strategy's scope.

    The step takes a global batch, shared out over the replicas, and whether this worker wants to
    stop. On the device, `prepare` makes `"images"` and what the objective needs of it. The step updates the network,
    but for `frozen` layers, whose batch norms keep their statistics, and returns the means of the objective's values
    over all replicas, and `"stop"`, above 0 if any worker wants to.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    optimizer = model.optimizer
    with freezing(frozen):
        variables = model.trainable_variables
    piece_size = options.batch_size // (replicas * options.accumulate)
    names: list[str] = []  # of the values, known when the step is traced

    def gradients_of(batch, factor):
        """Mean over the pieces of one replica's share, times `factor`, with the values."""
        sums = None
        for number in range(options.accumulate):
            piece = {key: value[number * piece_size :][:piece_size] for key, value in batch.items()}
            if sums is not None:
                # The next piece waits, so that only one is in memory.
                with tf.control_dependencies(sums[0]):
                    piece = {key: tf.identity(value) for key, value in piece.items()}
            piece = prepare(piece)
            with tf.GradientTape() as tape:
                total, values = objective(model(piece["images"], training=True), piece)
                share = factor * total / (replicas * options.accumulate)
            found = tape.gradient(share, [variable.value for variable in variables])
            values = {"loss": total, **values}
            names[:] = values
            # Sums over replicas and pieces become means.
            vector = tf.stack([tf.cast(value, "float32") for value in values.values()])
            vector /= replicas * options.accumulate
            if sums is not None:
                found = [a + b for a, b in zip(sums[0], found, strict=True)]
                vector += sums[1]
            sums = found, vector
        return sums

    if options.jit_compile:
        gradients_of = tf.function(gradients_of, autograph=False, jit_compile=True)

    def update(gradients):
        if options.clip_norm:
            if replicas > 1:  # the norm is that of the global batch; the optimizer sums once more
                context = tf.distribute.get_replica_context()
                gradients = [g / replicas for g in context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)]
            gradients, _ = tf.clip_by_global_norm(gradients, options.clip_norm / replicas)
        if not optimizer.weight_decay:  # else it decays the weights itself
            gradients = with_l2(gradients, variables, options.weight_decay / replicas)
        optimizer.apply(gradients, variables)

    @tf.function(autograph=False)
    def train_step(batch, stop):
        factor = scale.value if scale else 1.0
        gradients, values = strategy.run(gradients_of, (batch, tf.cast(factor, "float32")))
        flags = strategy.run(lambda: tf.cast(stop, "float32"))
        total = strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
        stops = strategy.reduce(tf.distribute.ReduceOp.SUM, flags, axis=None)
        if scale:
            scale.apply(strategy, gradients, update)
        else:
            strategy.run(update, (gradients,))
        return total, stops

    def step(batch, stop=False):
        with freezing(frozen):  # it is traced in the first call
            total, stops = train_step(batch, tf.constant(stop))
        return {**dict(zip(names, total.numpy().astype(float).tolist(), strict=True)), "stop": float(stops)}

    return step


@contextlib.contextmanager
def freezing(layers: Sequence[keras.Layer]) -> Iterator[None]:
    """In the block, the layers are not trained; afterwards they are, as files that are written then shall say."""
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True


def with_l2(gradients: list, variables: list[keras.Variable], decay: float) -> list:
    """Adds the gradient of `decay / 2 · |w|²`: L2 that goes through the optimizer, unlike that of AdamW."""
    return [gradient + decay * variable.value for gradient, variable in zip(gradients, variables, strict=True)]
