"""The interaction-aggregation-update block (IAUnet, TNNLS 2020)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice
from iaunet_tf.errors import InputError
from iaunet_tf.layers.channel_iau import ChannelIAU
from iaunet_tf.layers.spatial_temporal_iau import EDGES, SpatialTemporalIAU

KINDS = ("iau", "channel", *EDGES)


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
        kind: `"iau"`, or a part of it, as in the paper's ablation: `"channel"` alone, or `"spatial_temporal"` alone, or
            only what that relates within frames, `"spatial"`, or between them, `"temporal"`, for clips.

    Input shape: `(B, H, W, C)` or `(B, T, H, W, C)`, with an even `C`.
    Output: features of the same shape, and the part attention `(B, H, W, K)` or `(B, T, H, W, K)`, float32 in 0..1;
    with `kind="channel"` the features alone.

    Raises:
        InputError: the input has another rank, an odd number of channels, or no frames; an argument is out of range.

    Examples:
        >>> features, attention = IAUBlock()(keras.ops.ones((2, 8, 4, 16)))
    """

    def __init__(
        self,
        parts: int = 4,
        recompute: bool = False,
        rows: int | str | None = None,
        kind: str = "iau",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice("kind", kind, KINDS)
        self.parts, self.recompute, self.rows, self.kind = parts, recompute, rows, kind
        self.channel = self.spatial_temporal = None
        if kind in ("iau", "channel"):
            self.channel = ChannelIAU(recompute, rows, dtype=self.dtype_policy, name="channel")
        if kind != "channel":
            edges = "spatial_temporal" if kind == "iau" else kind
            options = {"dtype": self.dtype_policy, "name": "spatial_temporal"}
            self.spatial_temporal = SpatialTemporalIAU(parts, edges, **options)

    def build(self, input_shape):
        if len(input_shape) not in (4, 5) or not input_shape[-1] or input_shape[-1] % 2:
            raise InputError(
                "IAUBlock expects (batch, height, width, channels) or (batch, frames, height, width, "
                f"channels) with an even number of channels; received {tuple(input_shape)}"
            )
        if self.kind == "temporal" and len(input_shape) == 4:
            raise InputError('a block of kind "temporal" relates frames of clips, and got single images')
        self.input_spec = keras.layers.InputSpec(min_ndim=4, max_ndim=5, axes={-1: input_shape[-1]})
        batch, *frames, height, width, channels = input_shape
        clip_shape = (batch, *(frames or [1]), height, width, channels)
        for part in (self.channel, self.spatial_temporal):
            if part is not None:
                part.build(clip_shape)

    def call(self, x, training=None):
        if 0 in tuple(x.shape)[1:]:
            raise InputError(f"IAUBlock got a clip without frames, or frames without pixels: {tuple(x.shape)}")
        is_image = len(x.shape) == 4
        if is_image:
            x = ops.expand_dims(x, axis=1)
        if self.channel is not None:
            x = self.channel(x, training=training)
        outputs = [x] if self.spatial_temporal is None else self.spatial_temporal(x, training=training)
        if is_image:
            outputs = [ops.squeeze(each, axis=1) for each in outputs]
        return outputs[0] if self.spatial_temporal is None else tuple(outputs)

    def relations(self, x):
        """Computes the attention between body parts from the block's input, for visualisation.

        `(B, T·K, T·K)`, whose rows sum to 1; node `t·K + k` is part `k` of frame `t`.
        """
        if self.spatial_temporal is None:
            raise InputError("a block of channels alone has no body parts to relate")
        if len(x.shape) == 4:
            x = ops.expand_dims(x, axis=1)
        return self.spatial_temporal.relations(x if self.channel is None else self.channel(x, training=False))

    def compute_output_shape(self, input_shape):
        if self.spatial_temporal is None:
            return input_shape
        return input_shape, (*input_shape[:-1], self.parts)

    def get_config(self):
        own = {"parts": self.parts, "recompute": self.recompute, "rows": self.rows, "kind": self.kind}
        return {**super().get_config(), **own}
