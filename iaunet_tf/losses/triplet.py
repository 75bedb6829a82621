"""Batch-hard triplet loss (Hermans et al., 2017)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.losses.checks import per_example, real, require

DISTANCES = ("cosine", "euclidean")


def pairwise_distance(embeddings, distance: str = "cosine"):
    """Distances within a batch, `(B, D)` to float32 `(B, B)`; cosine: minus the similarity."""
    embeddings = ops.cast(embeddings, "float32")
    if distance == "cosine":
        unit = embeddings / ops.maximum(ops.norm(embeddings, axis=-1, keepdims=True), 1e-12)
        return -ops.matmul(unit, ops.transpose(unit))
    square = ops.sum(embeddings * embeddings, axis=-1)
    squared = square[:, None] + square[None, :] - 2 * ops.matmul(embeddings, ops.transpose(embeddings))
    # The floor keeps the gradient of the square root finite where two embeddings are the same.
    return ops.sqrt(ops.maximum(squared, 1e-12))


@keras.saving.register_keras_serializable("iaunet_tf")
def batch_hard_triplet_loss(labels, embeddings, margin: float = 0.3, distance: str = "cosine"):
    """Mean over anchors of `max(0, farthest positive − nearest negative + margin)`, scalar float32.

    An anchor is its own positive when it has no other. An anchor without a negative costs nothing.

    Args:
        labels: identities, whole numbers `(B,)` or `(B, 1)`.
        embeddings: `(B, D)`.
        margin: by how much a negative must be farther than a positive, 0 or more.
        distance: `"cosine"` (minus the cosine similarity, in -1..1) or `"euclidean"`.

    Raises:
        InputError: the arguments are others, such as one-hot labels, or embeddings that are not finite.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    _check_arguments(margin, distance)
    return ops.mean(_anchor_losses(labels, embeddings, margin, distance))


@keras.saving.register_keras_serializable("iaunet_tf")
class BatchHardTripletLoss(keras.losses.Loss):
    """`batch_hard_triplet_loss`, which explains the arguments, for `keras.Model.compile`.

    Weights of examples are those of anchors; an example of weight 0 is still a positive or negative of others.
    """

    def __init__(
        self,
        margin: float = 0.3,
        distance: str = "cosine",
        reduction: str = "sum_over_batch_size",
        name: str = "batch_hard_triplet_loss",
    ):
        super().__init__(name, reduction, dtype="float32")
        _check_arguments(margin, distance)
        self.margin, self.distance = float(margin), distance

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras makes the truth float32, which cannot tell large ids apart; places in the batch are small.
        labels, doubt = _identities(y_true, real(y_pred, "embeddings"))
        first = ops.argmax(ops.cast(labels[:, None] == labels[None, :], "int8"), axis=1)
        return super().__call__(first, y_pred, sample_weight) + doubt

    def call(self, y_true, y_pred):
        return _anchor_losses(y_true, y_pred, self.margin, self.distance)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "distance": self.distance}


def _check_arguments(margin, distance):
    check_number("margin", margin, 0)
    check_choice("distance", distance, DISTANCES)


def _identities(labels, embeddings):
    """Labels `(B,)`, and what `require` says of them; refuses other shapes, and embeddings that are not `(B, D)`."""
    if len(embeddings.shape) != 2 or 0 in tuple(embeddings.shape):
        raise InputError(f"embeddings must be (B, D), and come after the labels; received {tuple(embeddings.shape)}")
    labels = per_example(labels, "labels", embeddings, ", and come first; argmax(axis=-1) makes them from one-hot ones")
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if not keras.backend.is_float_dtype(dtype):
        return labels, 0.0
    exact = {"float16": 2**11, "bfloat16": 2**8}.get(dtype, 2**24)
    whole = ops.all(ops.logical_and(labels == ops.floor(labels), ops.abs(labels) < exact))
    return labels, require(whole, f"labels must be whole numbers, and integers from {exact} on; received {dtype}")


def _anchor_losses(labels, embeddings, margin, distance):
    """The loss of every anchor, `(B,)`."""
    embeddings = ops.cast(real(embeddings, "embeddings"), "float32")
    labels, doubt = _identities(labels, embeddings)
    square = ops.sum(embeddings * embeddings, axis=-1)
    tiny = ops.logical_and(square < 1e-18, ops.any(embeddings != 0, axis=-1))
    sound = ops.all(ops.logical_and(ops.isfinite(square), ops.logical_not(tiny)))
    doubt += require(sound, "embeddings must be 0 or have lengths of 1e-9 to 1e18; the network may have diverged")
    distances = pairwise_distance(embeddings, distance)
    same = ops.equal(labels[:, None], labels[None, :])
    far = ops.cast(1e9, distances.dtype)
    hardest_positive = ops.max(ops.where(same, distances, -far), axis=1)
    hardest_negative = ops.min(ops.where(same, far, distances), axis=1)
    return ops.relu(hardest_positive - hardest_negative + margin) + doubt
