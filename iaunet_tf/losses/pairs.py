"""What losses of pairs within a batch have in common: distances, and what they ask of labels and embeddings."""

import keras
from keras import ops

from iaunet_tf.errors import InputError
from iaunet_tf.losses.checks import per_example, real, require

DISTANCES = ("cosine", "euclidean")


class PairLoss(keras.losses.Loss):
    """A loss of labels `(B,)` and embeddings `(B, D)`, whose `call` returns a loss for every anchor.

    Weights of examples are those of anchors; an example of weight 0 is still a positive or negative of others.
    """

    def __init__(self, name: str, reduction: str):
        super().__init__(name, reduction, dtype="float32")

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Keras makes the truth float32, which cannot tell large ids apart; places in the batch are small.
        labels, doubt = identities(y_true, real(y_pred, "embeddings"))
        first = ops.argmax(ops.cast(labels[:, None] == labels[None, :], "int8"), axis=1)
        return super().__call__(first, y_pred, sample_weight) + doubt


def identities(labels, embeddings):
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


def pairs(labels, embeddings):
    """Embeddings as float32 `(B, D)`, which of all pairs are of the same identity, bool `(B, B)`, and what `require`
    says of labels and embeddings."""
    embeddings = ops.cast(real(embeddings, "embeddings"), "float32")
    labels, doubt = identities(labels, embeddings)
    square = ops.sum(embeddings * embeddings, axis=-1)
    tiny = ops.logical_and(square < 1e-18, ops.any(embeddings != 0, axis=-1))
    sound = ops.all(ops.logical_and(ops.isfinite(square), ops.logical_not(tiny)))
    doubt += require(sound, "embeddings must be 0 or have lengths of 1e-9 to 1e18; the network may have diverged")
    return embeddings, ops.equal(labels[:, None], labels[None, :]), doubt


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
