"""Losses, a file each."""

from iaunet_tf.losses.part_masks import part_mask_loss
from iaunet_tf.losses.triplet import batch_hard_triplet_loss

__all__ = ["batch_hard_triplet_loss", "part_mask_loss"]
