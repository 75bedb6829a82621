"""Losses, a file each: functions, and Keras losses for `keras.Model.compile`."""

from iaunet_tf.losses.part_masks import PartMaskLoss, part_mask_loss
from iaunet_tf.losses.triplet import BatchHardTripletLoss, batch_hard_triplet_loss

__all__ = ["BatchHardTripletLoss", "PartMaskLoss", "batch_hard_triplet_loss", "part_mask_loss"]
