"""Optimizers that give some variables a learning rate of their own."""

from collections.abc import Callable, Sequence

import keras

from iaunet_tf.arguments import check_number


class SlowVariables:
    """A mixin for Keras optimizers: some variables have a fraction of the learning rate, and are trained from a later
    step on.

    Args:
        slow: paths of these variables.
        slow_rate: factor on their learning rate. Decoupled weight decay has the learning rate of all.
        slow_start: the first step, from 0, that gives their gradients.
    """

    _get_variable_index: Callable  # of Keras' optimizers

    def __init__(self, *args, slow: Sequence[str] = (), slow_rate: float = 1.0, slow_start: int = 0, **kwargs):
        check_number("slow_rate", slow_rate, 0)
        check_number("slow_start", slow_start, 0, whole=True)
        super().__init__(*args, **kwargs)
        self.slow, self.slow_rate, self.slow_start = tuple(slow), float(slow_rate), int(slow_start)

    def build(self, variables):
        places = {variable.path: place for place, variable in enumerate(variables)}
        self._slow = frozenset(places[path] for path in self.slow if path in places)
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.rate_of(variable, learning_rate))

    def rate_of(self, variable, learning_rate):
        """The learning rate of a variable, given that of the others."""
        return learning_rate * self.slow_rate if self.is_slow(variable) and self.slow_rate != 1 else learning_rate

    def is_slow(self, variable) -> bool:
        """Whether a variable is one of those."""
        return self._get_variable_index(variable) in self._slow

    def get_config(self):
        own = {"slow": list(self.slow), "slow_rate": self.slow_rate, "slow_start": self.slow_start}
        return {**super().get_config(), **(own if self.slow else {})}


@keras.saving.register_keras_serializable("iaunet_tf")
class SGD(SlowVariables, keras.optimizers.SGD):
    """Stochastic gradient descent, see `SlowVariables`."""
