"""The interaction-aggregation-update block (IAUnet, TNNLS 2020)."""

import keras
from keras import ops

from iaunet_tf.errors import InputError
from iaunet_tf.layers.channel_iau import ChannelIAU
from iaunet_tf.layers.spatial_temporal_iau import SpatialTemporalIAU


@keras.saving.register_keras_serializable(package="iaunet_tf")
class IAUBlock(keras.layers.Layer):
    """Channel IAU followed by spatial-temporal IAU; can be inserted after any stage of a CNN.

    The same weights serve images and clips: an image is a clip of one frame, and no weight depends on the number of
    frames or the size of the feature map. A newly created block returns its input unchanged.

    Args:
        parts: number of body parts `K` (head, upper body, lower body, shoes).
        recompute: compute the channel attention in blocks of rows, and again for the gradient: less
            memory, more time. Long clips are always computed in this way.
        rows: rows of the channel attention to compute at a time, or `"all"`; None chooses.

    Input shape: `(B, H, W, C)` or `(B, T, H, W, C)`, with an even `C`.
    Output: features of the same shape, and the part attention `(B, H, W, K)` or `(B, T, H, W, K)`, float32 in 0..1.

    Raises:
        InputError: the input has another rank, an odd number of channels, or no frames; an argument is out of range.

    Example:

    >>> features, attention = IAUBlock()(keras.ops.ones((2, 8, 4, 16)))
    """

    def __init__(self, parts: int = 4, recompute: bool = False, rows: int | str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.parts, self.recompute, self.rows = parts, recompute, rows
        self.channel = ChannelIAU(recompute, rows, dtype=self.dtype_policy, name="channel")
        self.spatial_temporal = SpatialTemporalIAU(parts, dtype=self.dtype_policy, name="spatial_temporal")

    def build(self, input_shape):
        if len(input_shape) not in (4, 5) or not input_shape[-1] or input_shape[-1] % 2:
            raise InputError(
                "IAUBlock expects (batch, height, width, channels) or (batch, frames, height, width, "
                f"channels) with an even number of channels; received {tuple(input_shape)}"
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=4, max_ndim=5, axes={-1: input_shape[-1]})
        batch, *frames, height, width, channels = input_shape
        clip_shape = (batch, *(frames or [1]), height, width, channels)
        self.channel.build(clip_shape)
        self.spatial_temporal.build(clip_shape)

    def call(self, x, training=None):
        if 0 in tuple(x.shape)[1:]:
            raise InputError(f"IAUBlock got a clip without frames, or frames without pixels: {tuple(x.shape)}")
        is_image = len(x.shape) == 4
        if is_image:
            x = ops.expand_dims(x, axis=1)
        x = self.channel(x, training=training)
        x, attention = self.spatial_temporal(x, training=training)
        if is_image:
            x, attention = ops.squeeze(x, axis=1), ops.squeeze(attention, axis=1)
        return x, attention

    def relations(self, x):
        """Computes the attention between body parts from the block's input, for visualisation.

        `(B, T·K, T·K)`, whose rows sum to 1; node `t·K + k` is part `k` of frame `t`.
        """
        if len(x.shape) == 4:
            x = ops.expand_dims(x, axis=1)
        return self.spatial_temporal.relations(self.channel(x, training=False))

    def compute_output_shape(self, input_shape):
        return input_shape, (*input_shape[:-1], self.parts)

    def get_config(self):
        return {**super().get_config(), "parts": self.parts, "recompute": self.recompute, "rows": self.rows}
