"""What every block is made of: 1×1 convolutions (dense layers over channels) and batch norms."""

import keras
from keras import ops

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


class Pointwise(keras.layers.Dense):
    """A 1×1 convolution with bias, its weights normal with variance ``2 / units``.

    A Dense layer that flattens its input's other axes itself, without asking for the batch's size: Keras' way leaves a
    dozen nodes of shape arithmetic in every exported graph.
    """

    def __init__(self, units: int, **kwargs):
        initializer = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
        super().__init__(units, kernel_initializer=initializer, **kwargs)

    def call(self, inputs, training=None):
        _, *between, channels = ops.shape(inputs)
        outputs = super().call(ops.reshape(inputs, (-1, channels)), training=training)
        return ops.reshape(outputs, (-1, *between, self.units))


def batch_norm(zero: bool = False, **kwargs) -> keras.layers.BatchNormalization:
    """A batch norm as in the paper; with ``zero`` it starts by returning 0, which makes the residual
    branch that it closes start as the identity."""
    gamma = "zeros" if zero else "ones"
    return keras.layers.BatchNormalization(gamma_initializer=gamma, **BATCH_NORM, **kwargs)
