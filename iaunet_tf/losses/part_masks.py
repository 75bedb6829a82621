"""Supervision of the part attention by part masks (IAUnet, TNNLS 2020)."""

import numpy as np
from keras import ops

MODES = ("bce", "l1", "l2")


def aligned_corners_matrix(size: int, new_size: int) -> np.ndarray:
    """The `(new_size, size)` matrix of linear interpolation that maps the first sample to the first and the
    last to the last (PyTorch's `align_corners=True`)."""
    position = np.linspace(0, size - 1, new_size)
    distance = np.abs(position[:, None] - np.arange(size))
    return np.maximum(1 - distance, 0).astype("float32")


def resize_aligned_corners(masks, height: int, width: int):
    """Bilinear resize with aligned corners, `(..., H, W, K)` to `(..., height, width, K)`, float32."""
    *_, old_height, old_width, _ = masks.shape
    masks = ops.cast(masks, "float32")
    if (old_height, old_width) == (height, width):
        return masks
    masks = ops.einsum("hH,...HWk->...hWk", aligned_corners_matrix(old_height, height), masks)
    return ops.einsum("wW,...hWk->...hwk", aligned_corners_matrix(old_width, width), masks)


def part_mask_loss(attention, masks, mode: str = "bce", sample_weight=None):
    """How far part attention is from part masks: the mean over all, scalar float32, at least 0.

    Args:
        attention: `(B, [T,] h, w, K)` in 0..1.
        masks: `(B, [T,] H, W, K)` in 0..1, of any size; or `(H, W, K)` for all.
        mode: `"bce"` (binary cross entropy), `"l1"` or `"l2"`.
        sample_weight: `(B,)` factors on the images' losses, 0 for those without masks; the mean is still
            over the whole batch.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; received {mode!r}")
    attention = ops.cast(attention, "float32")
    *_, height, width, _ = attention.shape
    masks = resize_aligned_corners(masks, height, width)
    if mode == "bce":
        tiny = 1e-7
        loss = -masks * ops.log(ops.maximum(attention, tiny)) - (1 - masks) * ops.log(ops.maximum(1 - attention, tiny))
    else:
        difference = ops.abs(attention - masks)
        loss = difference if mode == "l1" else difference * difference
    loss = ops.mean(loss, axis=tuple(range(1, len(loss.shape))))
    if sample_weight is not None:
        loss = loss * ops.convert_to_tensor(sample_weight, loss.dtype)
    return ops.mean(loss)
