"""Weighted regularised triplet loss (Ye et al., Deep Learning for Person Re-identification, TPAMI 2021, AGW)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice
from iaunet_tf.losses.pairs import DISTANCES, PairLoss, pairs, pairwise_distance


@keras.saving.register_keras_serializable("iaunet_tf")
def weighted_triplet_loss(labels, embeddings, distance: str = "cosine"):
    """Mean over anchors of `log(1 + exp(p − n))`, scalar float32; `p` is the mean distance of the positives, each
    weighted by `exp(distance)`, and `n` that of the negatives, each weighted by `exp(−distance)`.

    There is no margin. As in the authors' code, an anchor is one of its positives. An anchor without a negative costs
    nothing. Arguments and errors are those of `batch_hard_triplet_loss`.
    """
    check_choice("distance", distance, DISTANCES)
    return ops.mean(_anchor_losses(labels, embeddings, distance))


@keras.saving.register_keras_serializable("iaunet_tf")
class WeightedTripletLoss(PairLoss):
    """`weighted_triplet_loss`, which explains the arguments, for `keras.Model.compile`.

    Weights of examples are those of anchors; an example of weight 0 is still a positive or negative of others.
    """

    def __init__(
        self,
        distance: str = "cosine",
        reduction: str = "sum_over_batch_size",
        name: str = "weighted_triplet_loss",
    ):
        super().__init__(name, reduction)
        check_choice("distance", distance, DISTANCES)
        self.distance = distance

    def call(self, y_true, y_pred):
        return _anchor_losses(y_true, y_pred, self.distance)

    def get_config(self):
        return {**super().get_config(), "distance": self.distance}


def _anchor_losses(labels, embeddings, distance):
    """The loss of every anchor, `(B,)`."""
    embeddings, same, doubt = pairs(labels, embeddings)
    distances = pairwise_distance(embeddings, distance)
    none = ops.cast(-1e9, distances.dtype)
    positives = ops.softmax(ops.where(same, distances, none), axis=1)
    negatives = ops.softmax(ops.where(same, none, -distances), axis=1)
    gap = ops.sum(positives * distances, axis=1) - ops.sum(negatives * distances, axis=1)
    return ops.where(ops.all(same, axis=1), 0.0, ops.softplus(gap)) + doubt
