"""Spatial-temporal interaction-aggregation-update (IAUnet, TNNLS 2020, section III-B)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.layers.parts import Pointwise, batch_norm

FORBIDDEN = -1e8


EDGES = ("spatial_temporal", "spatial", "temporal")


def part_graph(frames, parts: int, edges: str = "spatial_temporal"):
    """Connects each part with the other parts of its frame (spatial) and with the same part in other frames (temporal).

    Boolean `(T·K, T·K)` for `T` frames, an int or a scalar tensor, of `K` parts; node `t·K + k` is
    part `k` of frame `t`.
    """
    node = ops.arange(frames * parts)
    frame, part = node // parts, node % parts
    same_frame = frame[:, None] == frame[None, :]
    same_part = part[:, None] == part[None, :]
    spatial = ops.logical_and(same_frame, ops.logical_not(same_part))
    temporal = ops.logical_and(same_part, ops.logical_not(same_frame))
    return {"spatial": spatial, "temporal": temporal}.get(edges, ops.logical_or(spatial, temporal))


@keras.saving.register_keras_serializable(package="iaunet_tf")
class SpatialTemporalIAU(keras.layers.Layer):
    """Locates body parts, relates them across space and time, and adds the result to the features.

    The part graph is small, a few vectors per frame, and is computed in float32 under every precision policy.
    A newly created layer returns its input unchanged.

    Args:
        parts: number of body parts `K`.
        edges: which parts are related, see `part_graph`: `"spatial_temporal"`, `"spatial"`, or `"temporal"`, which
            relates nothing in a single frame.

    Input shape: `(B, T, H, W, C)`.
    Output: features of the same shape, and the part attention `(B, T, H, W, K)` in 0..1.
    """

    def __init__(self, parts: int = 4, edges: str = "spatial_temporal", **kwargs):
        super().__init__(**kwargs)
        check_number("parts", parts, 1, whole=True)
        check_choice("edges", edges, EDGES)
        self.parts, self.edges = parts, edges
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        *_, channels = input_shape
        half = channels // 2
        self.attention_dense = Pointwise(self.parts, dtype=self.dtype_policy, name="attention_dense")
        self.attention_norm = batch_norm(dtype="float32", name="attention_norm")
        self.reduce = Pointwise(half, dtype="float32", name="reduce")
        self.relation_dense = Pointwise(1, dtype="float32", name="relation_dense")
        self.relation_norm = batch_norm(dtype="float32", name="relation_norm")
        self.aggregate_dense = Pointwise(half, dtype="float32", name="aggregate_dense")
        self.aggregate_norm = batch_norm(dtype="float32", name="aggregate_norm")
        self.update_dense = Pointwise(channels, dtype="float32", name="update_dense")
        self.update_norm = batch_norm(zero=True, dtype="float32", name="update_norm")

        self.attention_dense.build(input_shape)
        self.attention_norm.build((*input_shape[:-1], self.parts))
        self.reduce.build((None, channels))
        self.relation_dense.build((None, None, None, 2 * half))
        self.relation_norm.build((None, None, None, 1))
        self.aggregate_dense.build((None, None, 2 * half))
        self.aggregate_norm.build((None, None, half))
        self.update_dense.build((None, None, 2 * half))
        self.update_norm.build((None, None, channels))

    def call(self, x, training=None):
        _, frames, _, _, channels = ops.shape(x)
        half = channels // 2
        attention, parts, context = self._find_parts(x, training)
        relation = self._relate(parts, context, frames, training)

        # Aggregation.
        message = ops.concatenate([parts, ops.matmul(relation, parts)], axis=-1)
        message = self.aggregate_norm(self.aggregate_dense(message), training=training)
        message = ops.reshape(ops.relu(message), (-1, frames, self.parts, half))

        # Update, identical for every position of a frame.
        frame_context = ops.tile(context[:, None], (1, frames, 1))
        update = ops.concatenate([ops.mean(message, axis=2), frame_context], axis=-1)
        update = self.update_norm(self.update_dense(update), training=training)
        update = ops.reshape(update, (-1, frames, 1, 1, channels))
        return x + ops.cast(update, x.dtype), attention

    def relations(self, x):
        """Computes the attention between parts in inference mode: `(B, T·K, T·K)`, with rows that sum to 1."""
        _, parts, context = self._find_parts(x, training=False)
        return self._relate(parts, context, ops.shape(x)[1], training=False)

    def _find_parts(self, x, training):
        """Returns the attention `(B, T, H, W, K)`, the part features `(B, T·K, d)` and the global feature `(B, d)`."""
        _, frames, height, width, channels = ops.shape(x)
        logits = self.attention_norm(self.attention_dense(x), training=training)
        attention = ops.sigmoid(logits)
        flat = ops.cast(ops.reshape(x, (-1, frames, height * width, channels)), "float32")
        weights = ops.reshape(attention, (-1, frames, height * width, self.parts))
        parts = ops.matmul(ops.transpose(weights, (0, 1, 3, 2)), flat)
        parts = self.reduce(ops.reshape(parts, (-1, frames * self.parts, channels)))
        return attention, parts, self.reduce(ops.mean(flat, axis=(1, 2)))

    def _relate(self, parts, context, frames, training):
        """Interaction: the attention of node i to node j."""
        nodes = frames * self.parts
        difference = ops.abs(parts[:, :, None] - parts[:, None, :])
        pair_context = ops.tile(context[:, None, None], (1, nodes, nodes, 1))
        relation = self.relation_dense(ops.concatenate([difference, pair_context], axis=-1))
        relation = ops.squeeze(self.relation_norm(relation, training=training), axis=-1)
        relation = ops.where(part_graph(frames, self.parts, self.edges), relation, relation + FORBIDDEN)
        return ops.softmax(relation, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape, (*input_shape[:-1], self.parts)

    def get_config(self):
        return {**super().get_config(), "parts": self.parts, "edges": self.edges}
