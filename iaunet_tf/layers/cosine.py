"""A classifier whose outputs are cosines, as margin softmax takes them."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="iaunet_tf")
class CosineClassifier(keras.layers.Dense):
    """Cosines in -1..1 between inputs `(B, C)` and a learned direction for each of `units` classes: `(B, units)`.

    Computed in float32 under every precision policy.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(units, use_bias=False, **{**kwargs, "dtype": "float32"})

    def call(self, inputs, training=None):
        x = ops.cast(inputs, "float32")
        return ops.matmul(ops.normalize(x, axis=-1, epsilon=1e-12), ops.normalize(self.kernel, axis=0, epsilon=1e-12))

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "use_bias"}
