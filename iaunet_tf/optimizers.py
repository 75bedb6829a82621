"""Optimizers and learning-rate schedules, by the name that configurations give them.

Keras is imported when one is built, so that the configuration can list the names without it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def adam(learning_rate, options, **average) -> "keras.optimizers.Optimizer":
    """Adam with L2 that goes through its moments."""
    from iaunet_tf.adam import Adam

    return Adam(learning_rate, epsilon=options.epsilon, **average)


def adamw(learning_rate, options, **average) -> "keras.optimizers.Optimizer":
    """Adam with decoupled weight decay."""
    from iaunet_tf.adam import Adam

    return Adam(learning_rate, epsilon=options.epsilon, weight_decay=options.weight_decay, **average)


def sgd(learning_rate, options, **average) -> "keras.optimizers.Optimizer":
    """Stochastic gradient descent with a momentum of 0.9."""
    import keras

    return keras.optimizers.SGD(learning_rate, momentum=0.9, **average)


def nesterov(learning_rate, options, **average) -> "keras.optimizers.Optimizer":
    """Stochastic gradient descent with Nesterov's momentum of 0.9."""
    import keras

    return keras.optimizers.SGD(learning_rate, momentum=0.9, nesterov=True, **average)


def step_schedule(options, steps: int) -> "keras.optimizers.schedules.LearningRateSchedule":
    """Up from zero during the warm-up; a tenth of the learning rate from each milestone on."""
    import keras

    from iaunet_tf.schedules import WarmUp

    boundaries = [epoch * steps for epoch in options.milestones or [options.epochs]]
    values = [options.learning_rate * 0.1**k for k in range(len(boundaries) + 1)]
    # Keras lowers the rate one step behind the boundary.
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([b - 1 for b in boundaries], values)
    warmup = round(options.warmup_epochs * steps)
    return WarmUp(schedule, warmup) if warmup else schedule


def cosine_schedule(options, steps: int) -> "keras.optimizers.schedules.LearningRateSchedule":
    """Up from zero during the warm-up, then down to zero along a cosine."""
    import keras

    warmup = round(options.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else options.learning_rate,
        max(1, options.epochs * steps - warmup),
        warmup_target=options.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


# Functions of the learning rate, the `train` section, and Keras' arguments for a moving average of the weights.
OPTIMIZERS: dict[str, Callable] = {"adam": adam, "adamw": adamw, "sgd": sgd, "nesterov": nesterov}
# Functions of the `train` section and the number of steps of an epoch.
SCHEDULES: dict[str, Callable] = {"step": step_schedule, "cosine": cosine_schedule}


def make_optimizer(options, steps: int) -> "keras.optimizers.Optimizer":
    """The optimizer of a configuration's `train` section, for epochs of some number of steps."""
    average = {"use_ema": True, "ema_momentum": options.ema} if options.ema else {}
    return OPTIMIZERS[options.optimizer](SCHEDULES[options.schedule](options, steps), options, **average)
