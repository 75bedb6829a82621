"""Batch-hard triplet loss (Hermans et al., 2017)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.losses.pairs import DISTANCES, PairLoss, pairs, pairwise_distance

SOFT = "soft"  # the margin that is none


@keras.saving.register_keras_serializable("iaunet_tf")
def batch_hard_triplet_loss(labels, embeddings, margin: float | str = 0.3, distance: str = "cosine"):
    """Mean over anchors of `max(0, farthest positive − nearest negative + margin)`, scalar float32.

    An anchor is its own positive when it has no other. An anchor without a negative costs nothing.

    Args:
        labels: identities, whole numbers `(B,)` or `(B, 1)`.
        embeddings: `(B, D)`.
        margin: by how much a negative must be farther than a positive, 0 or more; or `"soft"`, for
            `log(1 + exp(farthest positive − nearest negative))`, which always pulls a little.
        distance: `"cosine"` (minus the cosine similarity, in -1..1) or `"euclidean"`.

    Raises:
        InputError: the arguments are others, such as one-hot labels, or embeddings that are not finite.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    _check_arguments(margin, distance)
    return ops.mean(_anchor_losses(labels, embeddings, margin, distance))


@keras.saving.register_keras_serializable("iaunet_tf")
class BatchHardTripletLoss(PairLoss):
    """`batch_hard_triplet_loss`, which explains the arguments, for `keras.Model.compile`.

    Weights of examples are those of anchors; an example of weight 0 is still a positive or negative of others.
    """

    def __init__(
        self,
        margin: float | str = 0.3,
        distance: str = "cosine",
        reduction: str = "sum_over_batch_size",
        name: str = "batch_hard_triplet_loss",
    ):
        super().__init__(name, reduction)
        _check_arguments(margin, distance)
        self.margin, self.distance = margin if margin == SOFT else float(margin), distance

    def call(self, y_true, y_pred):
        return _anchor_losses(y_true, y_pred, self.margin, self.distance)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "distance": self.distance}


def _check_arguments(margin, distance):
    if margin != SOFT:
        check_number("margin", margin, 0)
    check_choice("distance", distance, DISTANCES)


def _anchor_losses(labels, embeddings, margin, distance):
    """The loss of every anchor, `(B,)`."""
    embeddings, same, doubt = pairs(labels, embeddings)
    distances = pairwise_distance(embeddings, distance)
    far = ops.cast(1e9, distances.dtype)
    hardest_positive = ops.max(ops.where(same, distances, -far), axis=1)
    hardest_negative = ops.min(ops.where(same, far, distances), axis=1)
    gap = hardest_positive - hardest_negative
    return (ops.softplus(gap) if margin == SOFT else ops.relu(gap + margin)) + doubt
