"""Pooling of feature maps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="iaunet_tf")
class GeM(keras.layers.Layer):
    """Generalised mean over positions (Radenović et al., TPAMI 2019): `(B, h, w, C)` to float32 `(B, C)`.

    Args:
        power: 1 is the mean; the larger, the closer to the maximum.
        learn: whether the power is trained.
        epsilon: lower bound of the features.
    """

    def __init__(self, power: float = 3.0, learn: bool = False, epsilon: float = 1e-6, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if power <= 0 or epsilon <= 0:
            raise ValueError(f"power and epsilon must be above 0; received {power} and {epsilon}")
        self.power, self.learn, self.epsilon = power, learn, epsilon

    def build(self, input_shape):
        if self.learn:
            self.p = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(self.power), name="p")

    def call(self, x):
        power = self.p if self.learn else self.power
        return ops.mean(ops.maximum(x, self.epsilon) ** power, axis=(1, 2)) ** (1 / power)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]

    def get_config(self):
        own = {"power": self.power, "learn": self.learn, "epsilon": self.epsilon}
        return {**super().get_config(), **own}
