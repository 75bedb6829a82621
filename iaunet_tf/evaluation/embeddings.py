"""Embeddings together with the identity and the camera of each."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.vectors import unit_length

BLOCK = 4096  # rows that are checked at a time


@dataclass(frozen=True)
class Ids:
    """Who is seen, and by which camera: `(N,)` identities and camera ids."""

    pids: np.ndarray
    camids: np.ndarray

    def __len__(self) -> int:
        return len(self.pids)


@dataclass(frozen=True)
class Embeddings(Ids):
    """Finite vectors `(N, D)` of images or tracklets, with their ids; may be memory-mapped.

    Raises:
        InputError: there are none, sizes differ, or one is not finite; the message uses `name`.
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


def query_and_gallery(*arrays: np.ndarray) -> tuple[Embeddings, Embeddings]:
    """Pairs up the six arrays of the public functions, in their order."""
    query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = arrays
    return (
        Embeddings(query_pids, query_camids, query, "query"),
        Embeddings(gallery_pids, gallery_camids, gallery, "gallery"),
    )


def combine(embeddings: list[np.ndarray], distance: str = "cosine") -> np.ndarray:
    """Joins the embeddings `(N, D_i)` that several networks give the same images: an ensemble.

    Returns float32 `(N, sum of D_i)`, to be compared by `distance`: its cosine distance is the mean
    of the networks' distances, its squared Euclidean distance their sum.

    Raises:
        InputError: the numbers of images differ.
    """
    counts = [len(each) for each in embeddings]
    if len(set(counts)) > 1:
        raise InputError(f"embeddings of {' and '.join(map(str, counts))} images cannot be combined")
    vectors = [np.asarray(each, "float32") for each in embeddings]
    return np.concatenate([unit_length(each) for each in vectors] if distance == "cosine" else vectors, axis=1)
