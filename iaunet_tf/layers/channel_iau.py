"""Channel interaction-aggregation-update (IAUnet, TNNLS 2020, section III-C)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_number
from iaunet_tf.layers.parts import Pointwise, batch_norm

# exp(-60) is about 1e-26: negligible next to the row maximum of 1, yet far from the denormal floats that slow down
# runtimes of exports that do not flush them. Training does without this floor, whose gradient takes time.
LOGIT_FLOOR = -60.0
# The channel affinity of a clip has (T·C)² floats. Above this number it is computed in blocks of rows.
LARGEST_AFFINITY = 2**25
# Number of floats in a block of rows, over the whole batch.
ROW_BLOCK = 2**21


def attend_to_channels(x, recompute: bool = False, rows: int | str | None = None, training: bool = True):
    """Replaces every channel map by a weighted sum of all channel maps, with more weight on similar ones.

    Computes ``softmax(G Gᵀ) G``, where ``G`` holds the ``T·C`` channel maps as vectors of length ``H·W``. The logits
    and the softmax are always computed in float32: they overflow float16 and lose their order in bfloat16.

    Args:
        x: `(B, T, H, W, C)`; the result has the same shape and dtype.
        recompute: compute the affinity in blocks of rows and recompute it for the gradient, so that
            the whole matrix is never in memory.
        rows: number of rows to compute at a time, or `"all"`. None chooses it: without `recompute`,
            all rows at once unless their number is very large or unknown.
        training: whether gradients will be computed; only then is anything recomputed.
    """
    batch, frames, height, width, channels = ops.shape(x)
    tokens = frames * channels
    # The columns are the tokens: (B, H·W, T·C).
    maps = ops.reshape(ops.transpose(x, (0, 2, 3, 1, 4)), (-1, height * width, tokens))
    # The number of frames, and so the number of tokens, may be known only when the graph runs.
    few = isinstance(tokens, int) and tokens**2 <= LARGEST_AFFINITY
    whole = rows == "all" or (few and rows is None and not recompute)
    if not whole:
        y = _attend_by_rows(maps, batch, tokens, rows, training)
    elif training:
        y = _mix(_similarities(maps), maps)
    else:
        y = _attend(maps, maps)
    y = ops.reshape(y, (-1, height, width, frames, channels))
    return ops.transpose(y, (0, 3, 1, 2, 4))


@ops.custom_gradient
def _similarities(maps):
    """The logits `(B, n, n)` of all tokens `(B, R, n)` with each other.

    They are symmetric, so that the gradient needs one product, of lower precision, where those of the two factors would
    be two in float32.
    """

    def gradient(*arguments, upstream=None):
        if upstream is None:
            (upstream,) = arguments
        return ops.matmul(maps, ops.cast(upstream + ops.transpose(upstream, (0, 2, 1)), maps.dtype))

    return _logits(maps, maps), gradient


def _logits(queries, maps):
    return ops.matmul(ops.transpose(ops.cast(queries, "float32"), (0, 2, 1)), ops.cast(maps, "float32"))


def _mix(logits, maps):
    """Sums of all tokens `maps` `(B, R, n)`, weighted by the softmax of `logits` `(B, m, n)`: `(B, R, m)`."""
    attention = ops.softmax(logits, axis=-1)
    return ops.matmul(maps, ops.transpose(ops.cast(attention, maps.dtype), (0, 2, 1)))


def _attend(queries, maps):
    """Attends from the tokens `queries` `(B, R, m)` to all tokens `maps` `(B, R, n)`: `(B, R, m)`."""
    logits = _logits(queries, maps)
    logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
    return _mix(ops.maximum(logits, LOGIT_FLOOR), maps)


def _attend_by_rows(maps, batch, tokens, rows, training):
    """Attends from all tokens to all tokens, block by block; in training, the gradient recomputes each block."""
    size = ops.shape(maps)[1]
    # Python numbers where shapes are static, because compilers need static shapes.
    static = isinstance(batch, int) and isinstance(tokens, int)
    smaller, larger = (min, max) if static else (ops.minimum, ops.maximum)
    rows = smaller(larger(1, ROW_BLOCK // (batch * tokens)) if rows is None else rows, tokens)
    blocks = (tokens + rows - 1) // rows
    missing = blocks * rows - tokens
    queries = ops.pad(maps, [(0, 0), (0, 0), (0, missing)])
    queries = ops.transpose(ops.reshape(queries, (batch, size, blocks, rows)), (2, 0, 1, 3))
    attend = keras.remat(_attend) if training else _attend
    y = ops.map(lambda block: attend(block, maps), queries)
    y = ops.reshape(ops.transpose(y, (1, 2, 0, 3)), (batch, size, blocks * rows))
    return y[..., :tokens]


@keras.saving.register_keras_serializable(package="iaunet_tf")
class ChannelIAU(keras.layers.Layer):
    """Channel interaction-aggregation-update: adds to every channel the channels that respond in the same places.

    Computes ``x + BN(Dense(softmax(G Gᵀ) G))``, see `attend_to_channels`, also for arguments.
    A newly created layer is the identity.

    Input and output shape: `(B, T, H, W, C)`; an image is a clip of one frame.
    """

    def __init__(self, recompute: bool = False, rows: int | str | None = None, **kwargs):
        super().__init__(**kwargs)
        if rows not in (None, "all"):
            check_number('rows, if not "all" or None,', rows, 1, whole=True)
        self.recompute, self.rows = recompute, rows
        self.input_spec = keras.layers.InputSpec(ndim=5)

    def build(self, input_shape):
        channels = input_shape[-1]
        self.dense = Pointwise(channels, dtype=self.dtype_policy, name="dense")
        self.dense.build(input_shape)
        self.norm = batch_norm(zero=True, dtype=self.dtype_policy, name="norm")
        self.norm.build(input_shape)

    def call(self, x, training=None):
        y = attend_to_channels(x, self.recompute, self.rows, training)
        return x + self.norm(self.dense(y), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "recompute": self.recompute, "rows": self.rows}
