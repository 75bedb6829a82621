"""Resizing of part masks as the loss compares them, in NumPy alone."""

import functools
from collections.abc import Sequence

import numpy as np


def aligned_corners_matrix(size: int, new_size: int) -> np.ndarray:
    """The `(new_size, size)` matrix of linear interpolation that maps the first sample to the first and the
    last to the last (PyTorch's `align_corners=True`)."""
    position = np.linspace(0, size - 1, new_size)
    distance = np.abs(position[:, None] - np.arange(size))
    return np.maximum(1 - distance, 0).astype("float32")


@functools.cache
def _weights(size, new_size):
    """The places that the matrix takes something of, and its columns for these."""
    matrix = aligned_corners_matrix(size, new_size)
    places = np.flatnonzero(matrix.any(axis=0))
    return places, matrix[:, places]


def reduced(masks: np.ndarray, sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """Masks `(H, W, K)` in 0..255, resized with aligned corners to several sizes and joined: float32 `(M,)` in 0..1."""
    parts = []
    for height, width in sizes:
        (y, rows), (x, columns) = _weights(len(masks), height), _weights(masks.shape[1], width)
        parts.append((columns @ np.tensordot(rows, masks[np.ix_(y, x)].astype("float32"), 1)).ravel())
    return np.concatenate(parts) / np.float32(255)
