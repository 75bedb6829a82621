"""Dynamic loss scaling for float16 (Micikevicius et al., ICLR 2018)."""

from collections.abc import Callable

import tensorflow as tf


class LossScale:
    """Scales the loss so that small gradients do not vanish in float16.

    If a gradient is not finite, the step is skipped and the factor is halved; after `growth_steps` finite steps in a
    row, it is doubled. Keras' `LossScaleOptimizer` checks the gradients of each replica before they are summed, so
    replicas may disagree; here all replicas decide together.
    """

    def __init__(self, initial: float = 2.0**15, growth_steps: int = 2000):
        self.growth_steps = growth_steps
        options = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        self.value = tf.Variable(initial, dtype="float32", **options)
        self.finite_steps = tf.Variable(0, dtype="int64", **options)

    def apply(self, strategy: tf.distribute.Strategy, gradients, update: Callable) -> None:
        """From outside the replicas, runs `update` on each with unscaled gradients if all are finite."""

        def unfinite(values):
            return tf.reduce_sum([tf.reduce_sum(tf.cast(~tf.math.is_finite(value), "float32")) for value in values])

        count = strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(unfinite, (gradients,)), axis=None)

        def finite():
            strategy.run(lambda values: update([value / self.value for value in values]), (gradients,))
            grow = self.finite_steps + 1 >= self.growth_steps
            self.value.assign(tf.where(grow, 2 * self.value, self.value))
            self.finite_steps.assign(tf.where(grow, tf.zeros_like(self.finite_steps), self.finite_steps + 1))
            return True

        def skip():
            self.value.assign(self.value / 2)
            self.finite_steps.assign(0)
            return False

        tf.cond(count == 0, finite, skip)

    def state(self) -> dict[str, float]:
        """What `restore` takes, to save in a checkpoint."""
        return {"value": float(self.value.numpy()), "finite_steps": int(self.finite_steps.numpy())}

    def restore(self, state: dict[str, float]) -> None:
        self.value.assign(state["value"])
        self.finite_steps.assign(state["finite_steps"])
