"""Circle loss of pairs (Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, CVPR 2020)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_number
from iaunet_tf.losses.pairs import PairLoss, pairs, pairwise_distance


@keras.saving.register_keras_serializable("iaunet_tf")
def circle_loss(labels, embeddings, margin: float = 0.25, scale: float = 64.0):
    """Mean over anchors of `log(1 + Σₙ exp(γ αₙ (sₙ − m)) · Σₚ exp(−γ αₚ (sₚ − 1 + m)))`, scalar float32 (equation 6).

    `s` are cosine similarities of an anchor with its positives p, other examples of its identity, and its negatives n;
    `αₚ = max(0, 1 + m − sₚ)` and `αₙ = max(0, sₙ + m)` are constants to the gradient (equation 5). An anchor without a
    positive or without a negative costs nothing.

    Args:
        labels: identities, whole numbers `(B,)` or `(B, 1)`.
        embeddings: `(B, D)`.
        margin: m, 0 to 1: how far similarities are to be from 1 and from 0.
        scale: γ, above 0.

    Raises:
        InputError: the arguments are others, such as one-hot labels, or embeddings that are not finite.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    _check_arguments(margin, scale)
    return ops.mean(_anchor_losses(labels, embeddings, margin, scale))


@keras.saving.register_keras_serializable("iaunet_tf")
class CircleLoss(PairLoss):
    """`circle_loss`, which explains the arguments, for `keras.Model.compile`.

    Weights of examples are those of anchors; an example of weight 0 is still a positive or negative of others.
    """

    def __init__(
        self,
        margin: float = 0.25,
        scale: float = 64.0,
        reduction: str = "sum_over_batch_size",
        name: str = "circle_loss",
    ):
        super().__init__(name, reduction)
        _check_arguments(margin, scale)
        self.margin, self.scale = float(margin), float(scale)

    def call(self, y_true, y_pred):
        return _anchor_losses(y_true, y_pred, self.margin, self.scale)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


def _check_arguments(margin, scale):
    check_number("margin", margin, 0, 1)
    check_number("scale", scale, 1e-6)


def _anchor_losses(labels, embeddings, margin, scale):
    """The loss of every anchor, `(B,)`."""
    embeddings, same, doubt = pairs(labels, embeddings)
    similarity = -pairwise_distance(embeddings, "cosine")
    itself = ops.eye(ops.shape(similarity)[0], dtype="bool")
    positive, negative = ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)
    fixed = ops.stop_gradient(similarity)
    towards = -scale * ops.relu(1 + margin - fixed) * (similarity - 1 + margin)
    apart = scale * ops.relu(fixed + margin) * (similarity - margin)
    none = ops.cast(-1e9, similarity.dtype)
    terms = [
        ops.logsumexp(ops.where(pairs_of, values, none), axis=1)
        for pairs_of, values in ((positive, towards), (negative, apart))
    ]
    both = ops.logical_and(ops.any(positive, axis=1), ops.any(negative, axis=1))
    # The sum is that of the two logarithms; without pairs it is far below 0.
    return ops.where(both, ops.softplus(ops.where(both, terms[0] + terms[1], 0.0)), 0.0) + doubt
