"""Resizing of part masks as the loss compares them, in NumPy alone."""

from collections.abc import Sequence

import numpy as np


def aligned_corners_matrix(size: int, new_size: int) -> np.ndarray:
    """The `(new_size, size)` matrix of linear interpolation that maps the first sample to the first and the
    last to the last (PyTorch's `align_corners=True`)."""
    position = np.linspace(0, size - 1, new_size)
    distance = np.abs(position[:, None] - np.arange(size))
    return np.maximum(1 - distance, 0).astype("float32")


def reduced(masks: np.ndarray, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """Masks `(H, W, K)` in 0..255, resized with aligned corners to several sizes and joined: float32 `(M,)` in 0..1."""
    parts = []
    for height, width in sizes:
        rows, columns = aligned_corners_matrix(len(masks), height), aligned_corners_matrix(masks.shape[1], width)
        parts.append((columns @ np.tensordot(rows, masks.astype("float32"), 1)).ravel())
    return np.concatenate(parts) / np.float32(255)
