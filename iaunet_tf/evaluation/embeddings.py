"""Embeddings together with the identity and the camera of each."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.vectors import unit_length

BLOCK = 4096  # rows that are checked at a time


@dataclass(frozen=True)
class Ids:
    """Who is seen, and by which camera.

    Attributes:
        pids: `(N,)` identities.
        camids: `(N,)` camera ids.
    """

    pids: np.ndarray
    camids: np.ndarray

    def __len__(self) -> int:
        return len(self.pids)


@dataclass(frozen=True)
class Embeddings(Ids):
    """Vectors of images or tracklets, with their ids.

    Attributes:
        vectors: `(N, D)`, finite, of any length; may be memory-mapped.
        name: how error messages call them, such as `"query"`.

    Raises:
        InputError: there are none, sizes differ, or a vector is not finite.
    """

    vectors: np.ndarray
    name: str = "embeddings"

    def __post_init__(self):
        for field in ("pids", "camids", "vectors"):
            object.__setattr__(self, field, np.asarray(getattr(self, field)))
        vectors = self.vectors
        if vectors.ndim != 2 or not len(vectors):
            raise InputError(f"{self.name} must be (images, dimensions), at least one; received {vectors.shape}")
        if self.pids.shape != (len(vectors),) or self.camids.shape != (len(vectors),):
            raise InputError(
                f"{self.name}: {len(vectors)} embeddings, {self.pids.shape} person ids, {self.camids.shape} camera ids"
            )
        blocks = (vectors[start : start + BLOCK] for start in range(0, len(vectors), BLOCK))
        bad = sum(np.count_nonzero(~np.isfinite(block).all(axis=1)) for block in blocks)
        if bad:
            raise InputError(f"{self.name}: {bad} of {len(vectors)} embeddings are not finite")


def query_and_gallery(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
) -> tuple[Embeddings, Embeddings]:
    """Pairs up the six arrays of the public functions.

    Raises:
        InputError: sizes differ, or embeddings are not finite.
    """
    return Embeddings(query_pids, query_camids, query, "query"), Embeddings(
        gallery_pids, gallery_camids, gallery, "gallery"
    )


def combine(embeddings: list[np.ndarray], distance: str = "cosine") -> np.ndarray:
    """Joins the embeddings that several networks give the same images: an ensemble.

    Args:
        embeddings: `(N, D_i)` of each network.
        distance: the distance that the result will be compared by.

    Returns:
        float32 `(N, sum of D_i)`. Its cosine distance is the mean of the networks' distances, its squared Euclidean
        distance their sum.

    Raises:
        InputError: the numbers of images differ.
    """
    counts = [len(each) for each in embeddings]
    if len(set(counts)) > 1:
        raise InputError(f"embeddings of {' and '.join(map(str, counts))} images cannot be combined")
    vectors = [np.asarray(each, "float32") for each in embeddings]
    return np.concatenate([unit_length(each) for each in vectors] if distance == "cosine" else vectors, axis=1)
