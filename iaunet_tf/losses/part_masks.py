"""Supervision of the part attention by part masks (IAUnet, TNNLS 2020)."""

import keras
from keras import ops

from iaunet_tf.arguments import check_choice
from iaunet_tf.data.aligned_corners import aligned_corners_matrix
from iaunet_tf.errors import InputError
from iaunet_tf.losses.checks import per_example, real, require

MODES = ("bce", "l1", "l2")


def resize_aligned_corners(masks, height: int, width: int):
    """Bilinear resize with aligned corners, `(..., H, W, K)` to `(..., height, width, K)`, float32."""
    *_, old_height, old_width, _ = masks.shape
    masks = ops.cast(masks, "float32")
    if (old_height, old_width) == (height, width):
        return masks
    masks = ops.einsum("hH,...HWk->...hWk", aligned_corners_matrix(old_height, height), masks)
    return ops.einsum("wW,...hWk->...hwk", aligned_corners_matrix(old_width, width), masks)


@keras.saving.register_keras_serializable("iaunet_tf")
def part_mask_loss(masks, attention, mode: str = "bce", sample_weight=None):
    """How far part attention is from part masks: the mean over all, scalar float32, at least 0.

    Args:
        masks: `(B, [T,] H, W, K)` in 0..1, as large as the attention or larger; or `(H, W, K)` for all.
        attention: `(B, [T,] h, w, K)` in 0..1.
        mode: `"bce"` (binary cross entropy), `"l1"` or `"l2"`.
        sample_weight: `(B,)` factors on the images' losses, 0 for those without masks; the mean is still
            over the whole batch.

    Raises:
        InputError: the arguments are others, such as masks in 0..255, or masks and attention swapped.
            Where values cannot be seen, in a compiled step, the loss is NaN instead.
    """
    check_choice("mode", mode, MODES)
    losses = _image_losses(masks, attention, mode)
    if sample_weight is not None:
        weights = ops.cast(per_example(sample_weight, "sample_weight", losses), losses.dtype)
        losses = losses * weights + require(ops.all(weights >= 0), "sample_weight must be 0 or more")
    return ops.mean(losses)


@keras.saving.register_keras_serializable("iaunet_tf")
class PartMaskLoss(keras.losses.Loss):
    """`part_mask_loss`, which explains the arguments, for `keras.Model.compile`; every image has its own masks."""

    def __init__(self, mode: str = "bce", reduction: str = "sum_over_batch_size", name: str = "part_mask_loss"):
        super().__init__(name, reduction, dtype="float32")
        check_choice("mode", mode, MODES)
        self.mode = mode

    def call(self, y_true, y_pred):
        if len(y_true.shape) != len(y_pred.shape):
            raise InputError(
                f"part masks must be (B, [T,] H, W, K), as the attention {tuple(y_pred.shape)} is; "
                f"received {tuple(y_true.shape)}"
            )
        return _image_losses(y_true, y_pred, self.mode)

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


def _check_shapes(masks, attention):
    """Refuses shapes that do not belong together; masks smaller than the attention are most likely the attention."""
    given, wanted = tuple(masks.shape), tuple(attention.shape)
    fits = (
        len(wanted) in (4, 5)
        and len(given) in (3, len(wanted))
        and None not in given[-3:] + wanted[-3:]
        and 0 not in given + wanted
        and given[-1] == wanted[-1]
        and given[-3] >= wanted[-3]
        and given[-2] >= wanted[-2]
        and all(None in pair or pair[0] == pair[1] for pair in zip(given[:-3], wanted, strict=False))
    )
    if not fits:
        raise InputError(
            "part masks must be (B, [T,] H, W, K), and come before the attention (B, [T,] h, w, K), whose height and "
            f"width are not larger; received masks {given} and attention {wanted}"
        )


def _check_values(masks, attention):
    """What `require` says of the values; Pillow's and Keras' resizing overshoots a little."""
    doubt = 0.0
    for values, name, remedy in (
        (masks, "part masks", "divide bytes by 255"),
        (attention, "attention", "apply a sigmoid to logits"),
    ):
        inside = ops.all(ops.logical_and(values >= -1e-3, values <= 1 + 1e-3))
        doubt += require(inside, f"{name} must be in 0..1: {remedy}")
    if tuple(masks.shape) == tuple(attention.shape):  # then only values tell them apart: masks are mostly 0 and 1
        hard = ops.all(attention * (1 - attention) == 0) & ops.any(attention == 0) & ops.any(attention == 1)
        soft = ops.any(masks * (1 - masks) > 0)
        doubt += require(~(hard & soft), "part masks come before the attention; here they seem to be swapped")
    return doubt


def _image_losses(masks, attention, mode):
    """The loss of every image or clip, `(B,)`."""
    masks, attention = real(masks, "part masks"), real(attention, "attention")
    _check_shapes(masks, attention)
    masks, attention = ops.cast(masks, "float32"), ops.cast(attention, "float32")
    doubt = _check_values(masks, attention)
    *_, height, width, _ = attention.shape
    masks = resize_aligned_corners(masks, height, width)
    if len(masks.shape) == len(attention.shape):
        masks = ops.reshape(masks, ops.shape(attention))  # numbers of frames that are not known yet are not broadcast
    if mode == "bce":
        tiny = 1e-7
        loss = -masks * ops.log(ops.maximum(attention, tiny)) - (1 - masks) * ops.log(ops.maximum(1 - attention, tiny))
    else:
        difference = ops.abs(attention - masks)
        loss = difference if mode == "l1" else difference * difference
    return ops.mean(loss, axis=tuple(range(1, len(loss.shape)))) + doubt
