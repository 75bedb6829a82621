"""Channel interaction-aggregation-update (IAUnet, TNNLS 2020, section III-C)."""

import keras
from keras import ops

from iaunet_tf.layers.parts import batch_norm, pointwise

# exp(-60) is about 1e-26: nothing beside the 1 of the row's maximum, yet far from the denormal floats
# on which runtimes that do not flush them are several times slower.
LOGIT_FLOOR = -60.0


def attend_to_channels(x):
    """Replaces every channel map by the softmax-weighted sum of all channel maps alike.

    With ``G`` the ``T·C`` channel maps as vectors of length ``H·W``: ``softmax(G Gᵀ) G``. The logits and
    the softmax are float32 whatever the precision of ``x``: they overflow float16 and lose their order
    in bfloat16.

    Args:
        x: `(B, T, H, W, C)`.

    Returns:
        The same shape and dtype as `x`.
    """
    batch, frames, height, width, channels = ops.shape(x)
    # Columns are the tokens: (B, H·W, T·C).
    maps = ops.reshape(ops.transpose(x, (0, 2, 3, 1, 4)), (batch, height * width, frames * channels))
    maps32 = ops.cast(maps, "float32")
    logits = ops.matmul(ops.transpose(maps32, (0, 2, 1)), maps32)
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    attention = ops.softmax(ops.maximum(logits, LOGIT_FLOOR), axis=-1)
    y = ops.matmul(maps, ops.transpose(ops.cast(attention, maps.dtype), (0, 2, 1)))
    y = ops.reshape(y, (batch, height, width, frames, channels))
    return ops.transpose(y, (0, 3, 1, 2, 4))


@keras.saving.register_keras_serializable(package="iaunet_tf")
class ChannelIAU(keras.layers.Layer):
    """Lets every channel of every frame take in the channels that fire in the same places.

    ``x + BN(Dense(softmax(G Gᵀ) G))``, see `attend_to_channels`. A new layer is the identity.

    Input and output: `(B, T, H, W, C)`; an image is a clip of one frame.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.dense = pointwise(channels, dtype=self.dtype_policy, name="dense")
        self.dense.build(input_shape)
        self.norm = batch_norm(zero=True, dtype=self.dtype_policy, name="norm")
        self.norm.build(input_shape)

    def call(self, x, training=None):
        return x + self.norm(self.dense(attend_to_channels(x)), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape
