"""Losses, a file each: functions, and Keras losses for `keras.Model.compile`."""

import keras  # noqa: F401  first, for it imports this package

from iaunet_tf.losses.centre import CentreLoss, centre_loss
from iaunet_tf.losses.circle import CircleLoss, circle_loss
from iaunet_tf.losses.distillation import RelationalLoss, SoftLabelLoss, relational_loss, soft_label_loss
from iaunet_tf.losses.margin_softmax import MarginSoftmaxLoss, margin_softmax_loss
from iaunet_tf.losses.part_masks import PartMaskLoss, part_mask_loss
from iaunet_tf.losses.triplet import BatchHardTripletLoss, batch_hard_triplet_loss
from iaunet_tf.losses.weighted_triplet import WeightedTripletLoss, weighted_triplet_loss

__all__ = [
    "BatchHardTripletLoss",
    "CentreLoss",
    "CircleLoss",
    "MarginSoftmaxLoss",
    "PartMaskLoss",
    "RelationalLoss",
    "SoftLabelLoss",
    "WeightedTripletLoss",
    "batch_hard_triplet_loss",
    "centre_loss",
    "circle_loss",
    "margin_softmax_loss",
    "part_mask_loss",
    "relational_loss",
    "soft_label_loss",
    "weighted_triplet_loss",
]
