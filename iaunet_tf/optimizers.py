"""Optimizers and learning-rate schedules, by the name that configurations give them.

Keras is imported when one is built, so that the configuration can list the names without it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def adam(learning_rate, options, **further) -> "keras.optimizers.Optimizer":
    """Adam with L2 that goes through its moments."""
    from iaunet_tf.adam import Adam

    return Adam(learning_rate, epsilon=options.epsilon, **further)


def adamw(learning_rate, options, **further) -> "keras.optimizers.Optimizer":
    """Adam with decoupled weight decay."""
    from iaunet_tf.adam import Adam

    return Adam(learning_rate, epsilon=options.epsilon, weight_decay=options.weight_decay, **further)


def sgd(learning_rate, options, **further) -> "keras.optimizers.Optimizer":
    """Stochastic gradient descent with a momentum of 0.9."""
    from iaunet_tf.rates import SGD

    return SGD(learning_rate, momentum=0.9, **further)


def nesterov(learning_rate, options, **further) -> "keras.optimizers.Optimizer":
    """Stochastic gradient descent with Nesterov's momentum of 0.9."""
    from iaunet_tf.rates import SGD

    return SGD(learning_rate, momentum=0.9, nesterov=True, **further)


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


# Functions of the learning rate, the `train` section, and further arguments of the optimizer.
OPTIMIZERS: dict[str, Callable] = {"adam": adam, "adamw": adamw, "sgd": sgd, "nesterov": nesterov}
# Functions of the `train` section and the number of steps of an epoch.
SCHEDULES: dict[str, Callable] = {"step": step_schedule, "cosine": cosine_schedule}


def make_optimizer(options, steps: int, backbone: Sequence[str] = ()) -> "keras.optimizers.Optimizer":
    """The optimizer of a configuration's `train` section, for epochs of some number of steps; `backbone` are the paths
    of the backbone's variables."""
    further = {"use_ema": True, "ema_momentum": options.ema} if options.ema else {}
    if options.freeze_epochs or options.backbone_rate != 1:
        further |= {"slow": backbone, "slow_rate": options.backbone_rate, "slow_start": options.freeze_epochs * steps}
    return OPTIMIZERS[options.optimizer](SCHEDULES[options.schedule](options, steps), options, **further)
