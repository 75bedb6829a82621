"""Centres of identities, as weights of a network."""

import keras
from keras import ops

from iaunet_tf.arguments import check_number


@keras.saving.register_keras_serializable(package="iaunet_tf")
class CentreDistances(keras.layers.Layer):
    """Squared Euclidean distances of inputs `(B, C)` from a learned centre for each of `units` classes: `(B, units)`.

    For `iaunet_tf.losses.CentreLoss`. Computed in float32 under every precision policy; centres begin at 0.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        check_number("units", units, 1, whole=True)
        self.units = int(units)

    def build(self, input_shape):
        self.centres = self.add_weight(shape=(self.units, input_shape[-1]), initializer="zeros", name="centres")

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        squares = ops.sum(ops.square(x), axis=-1, keepdims=True) + ops.sum(ops.square(self.centres), axis=-1)
        # Rounding must not make it negative.
        return ops.relu(squares - 2 * ops.matmul(x, ops.transpose(self.centres)))

    def compute_output_shape(self, input_shape):
        return *input_shape[:-1], self.units

    def get_config(self):
        return {**super().get_config(), "units": self.units}
