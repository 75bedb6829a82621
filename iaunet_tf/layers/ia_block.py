"""The interaction-and-aggregation block (IANet, CVPR 2019), IAUnet's predecessor."""

import keras
import numpy as np
from keras import ops

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.layers.channel_iau import attend_to_channels
from iaunet_tf.layers.parts import batch_norm


def location_prior(height: int, width: int, alpha_x: float, alpha_y: float) -> np.ndarray:
    """Attention between the `n = height · width` positions of a map from their distances alone.

    Float32 `(n, n)`; row `i` is the softmax over `j` of `−(Δx² / 2 alpha_x² + Δy² / 2 alpha_y²)`.
    """
    y, x = np.divmod(np.arange(height * width), width)
    logits = -((x[:, None] - x) ** 2 / (2 * alpha_x**2) + (y[:, None] - y) ** 2 / (2 * alpha_y**2))
    prior = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (prior / prior.sum(axis=1, keepdims=True)).astype("float32")


@keras.saving.register_keras_serializable(package="iaunet_tf")
class IABlock(keras.layers.Layer):
    """Interaction-and-aggregation block: spatial, then channel interaction (Hou et al., CVPR 2019).

    First aggregates, at every position, the features of similar and nearby positions,
    `x + BN(softmax(D ⊙ softmax(X Xᵀ / √C)) X)`, then, for every channel, similar channels, `x + BN(softmax(G Gᵀ) G)`.
    A newly created block returns its input unchanged.

    Args:
        alpha_x: standard deviation of the prior along the width, in positions.
        alpha_y: the same along the height.

    Input and output shape: `(B, H, W, C)`.

    Raises:
        InputError: the input does not have four axes, or its height, width or number of channels is unknown.
    """

    def __init__(self, alpha_x: float = 5.0, alpha_y: float = 10.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("alpha_x", alpha_x), ("alpha_y", alpha_y)):
            check_number(name, value, 1e-3)
        self.alpha_x = alpha_x
        self.alpha_y = alpha_y
        self.spatial_norm = batch_norm(zero=True, dtype=self.dtype_policy, name="spatial_norm")
        self.channel_norm = batch_norm(zero=True, dtype=self.dtype_policy, name="channel_norm")

    def build(self, input_shape):
        if len(input_shape) != 4 or not all(tuple(input_shape)[1:]):
            raise InputError(
                "IABlock expects (batch, height, width, channels) with known height, width and number of channels, "
                f"none 0; received {tuple(input_shape)}"
            )
        self.spatial_norm.build(input_shape)
        self.channel_norm.build(input_shape)

    def call(self, x, training=None):
        x = x + self.spatial_norm(self._attend_to_positions(x), training=training)
        alike = ops.squeeze(attend_to_channels(ops.expand_dims(x, axis=1)), axis=1)
        return x + self.channel_norm(alike, training=training)

    def _attend_to_positions(self, x):
        batch, height, width, channels = ops.shape(x)
        flat = ops.reshape(x, (batch, height * width, channels))
        # float32, as in the channel attention, because the products overflow float16.
        flat32 = ops.cast(flat, "float32")
        likeness = ops.softmax(ops.matmul(flat32, ops.transpose(flat32, (0, 2, 1))) * channels**-0.5, axis=-1)
        prior = ops.convert_to_tensor(location_prior(height, width, self.alpha_x, self.alpha_y))
        attention = ops.softmax(prior * likeness, axis=-1)
        return ops.reshape(ops.matmul(ops.cast(attention, x.dtype), flat), (batch, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "alpha_x": self.alpha_x, "alpha_y": self.alpha_y}
