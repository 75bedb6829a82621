"""Vectors in the rows of a matrix."""

import numpy as np


def lengths(vectors: np.ndarray) -> np.ndarray:
    """`(N,)` Euclidean lengths of `(N, D)`, without a copy of them."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors))


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """`(N, D)` scaled to rows of length 1; zeros stay."""
    return vectors / np.maximum(lengths(vectors), 1e-12)[:, None]
