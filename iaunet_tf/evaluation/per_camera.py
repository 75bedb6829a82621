"""Embeddings without what is peculiar to a camera."""

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.vectors import as_vectors, unit_length

LEAST = 8  # images of a camera of which mean and spread say something


def standardise_per_camera(vectors: np.ndarray, camids: np.ndarray) -> np.ndarray:
    """Unit vectors `(N, D)` whose every number has mean 0 and standard deviation 1 over the images of each camera,
    before they are brought to unit length again: float32 `(N, D)`. Needs no labels.

    A camera with fewer than 8 images takes the mean and the deviation of all. After Zhuang et al., Rethinking the
    Distribution Gap of Person Re-identification with Camera-based Batch Normalization, ECCV 2020, of embeddings alone.

    Raises:
        InputError: embeddings cannot be used, or there is not one camera id for each.
    """
    vectors, camids = unit_length(as_vectors(vectors, "embeddings")), np.asarray(camids)
    if camids.shape != (len(vectors),):
        raise InputError(f"{len(vectors)} embeddings, camera ids of shape {camids.shape}")
    result = np.empty_like(vectors)
    for camera in np.unique(camids):
        own = camids == camera
        of = vectors[own] if own.sum() >= LEAST else vectors
        spread = of.std(axis=0)
        result[own] = (vectors[own] - of.mean(axis=0)) / np.where(spread > 1e-6, spread, 1)
    return unit_length(result + 1e-12)
