"""The first layer of networks."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice
from iaunet_tf.preprocessing import INTERPOLATIONS, SCALES


@keras.saving.register_keras_serializable(package="iaunet_tf")
class Preprocessing(keras.layers.Layer):
    """Normalises RGB in 0..255, `(..., 3)` to float32 `(..., 3)`, and remembers how images are to be resized before.

    Args:
        normalisation: a key of `iaunet_tf.preprocessing.SCALES`.
        interpolation: `"bicubic"` or `"bilinear"`; what reads images for the network resizes them so.
    """

    def __init__(self, normalisation: str = "imagenet", interpolation: str = "bicubic", **kwargs):
        check_choice("normalisation", normalisation, SCALES)
        check_choice("interpolation", interpolation, INTERPOLATIONS)
        super().__init__(**{"dtype": "float32", **kwargs})
        self.normalisation, self.interpolation = normalisation, interpolation

    def call(self, pixels):
        mean, std = SCALES[self.normalisation]
        scale = ops.convert_to_tensor([1 / (255 * s) for s in std], "float32")
        offset = ops.convert_to_tensor([-m / s for m, s in zip(mean, std, strict=True)], "float32")
        return ops.cast(pixels, "float32") * scale + offset

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"normalisation": self.normalisation, "interpolation": self.interpolation}
        return {**super().get_config(), **own}
