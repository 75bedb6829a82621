"""Embeddings together with the identity and the camera of each."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from iaunet_tf.arguments import check_choice
from iaunet_tf.errors import InputError
from iaunet_tf.vectors import as_array, as_vectors, unit_length

DISTANCES = ("cosine", "euclidean")


@dataclass(frozen=True)
class Ids:
    """Who is seen, and by which camera: `(N,)` identities and camera ids."""

    pids: np.ndarray
    camids: np.ndarray

    def __len__(self) -> int:
        return len(self.pids)


@dataclass(frozen=True)
class Embeddings(Ids):
    """Finite float32 vectors `(N, D)` of images or tracklets, with their ids; may be memory-mapped.

    Raises:
        InputError: there are none, sizes differ, or one is not finite; the message uses `name`.
    """

    vectors: np.ndarray
    name: str = "embeddings"

    def __post_init__(self):
        vectors = as_vectors(self.vectors, self.name)
        object.__setattr__(self, "vectors", vectors)
        if self.pids.shape != (len(vectors),) or self.camids.shape != (len(vectors),):
            raise InputError(
                f"{self.name}: {len(vectors)} embeddings, {self.pids.shape} person ids, {self.camids.shape} camera ids"
            )

    def __repr__(self):
        return f"Embeddings({self.name}, {self.vectors.shape})"


def query_and_gallery(query, gallery, *ids) -> tuple[Embeddings, Embeddings]:
    """Pairs up the six arrays of the public functions, in their order."""
    queries, others = ids_of(*ids)
    return (
        Embeddings(queries.pids, queries.camids, query, "query"),
        Embeddings(others.pids, others.camids, gallery, "gallery"),
    )


def ids_of(query_pids, gallery_pids, query_camids, gallery_camids) -> tuple[Ids, Ids]:
    """Ids of queries and gallery as the public functions take them. Without cameras, which are None for both, every
    query has one that nobody else has.

    Raises:
        InputError: ids are neither whole numbers nor text, or not the same on both sides.
    """
    people = _comparable("pids", query_pids, gallery_pids)
    if query_camids is None and gallery_camids is None:
        cameras = [np.full(len(pids), camera) for camera, pids in enumerate(people)]
    else:
        cameras = _comparable("camids", query_camids, gallery_camids)
    return Ids(people[0], cameras[0]), Ids(people[1], cameras[1])


def _comparable(name, query, gallery):
    arrays = [_ids(f"query_{name}", query), _ids(f"gallery_{name}", gallery)]
    kinds = ["text" if array.dtype.kind == "U" else "numbers" for array in arrays]
    if kinds[0] != kinds[1]:
        raise InputError(f"query_{name} are {kinds[0]}, gallery_{name} {kinds[1]}; give both as the same, say integers")
    return arrays


def _ids(name, values):
    """Whole numbers as int64, or text."""
    # NumPy would make text of numbers in a list that has both. Tables hold text as objects.
    array = as_array(values, name, None if hasattr(values, "dtype") else object)
    received = array.dtype.name
    if array.dtype.kind == "O":
        kinds = {type(value) for value in array.flat}
        received = " and ".join(sorted(kind.__name__ for kind in kinds))
        if all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
            array = np.array(array.tolist())
        elif all(issubclass(kind, str) for kind in kinds):
            array = array.astype(str)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = array.astype("int64")
        if (whole != array).any():
            raise InputError(f"{name} must be whole numbers; received {array[whole != array][0]}")
        exact = 2 ** (np.finfo(array.dtype).nmant + 1)
        if (np.abs(array) >= exact).any():
            raise InputError(f"{name}: {array.dtype} cannot tell whole numbers from {exact} on apart; give integers")
        array = whole
    if array.dtype == "uint64" and (array >= 2**63).any():
        raise InputError(f"{name} must be less than 2**63, or text; received {array.max()}")
    if array.dtype.kind not in "iuU" or array.ndim != 1:
        received = f"{received} {array.shape}"
        raise InputError(f"{name} must be whole numbers or text, one for each image; received {received}")
    return array if array.dtype.kind == "U" else array.astype("int64", copy=False)


def combine(embeddings: list[np.ndarray], distance: str = "cosine") -> np.ndarray:
    """Joins the embeddings `(N, D_i)` that several networks give the same images: an ensemble.

    Returns float32 `(N, sum of D_i)`, to be compared by `distance`: its cosine distance is the mean
    of the networks' distances, its squared Euclidean distance their sum.

    Raises:
        InputError: the numbers of images differ, or embeddings cannot be used.
    """
    check_choice("distance", distance, DISTANCES)
    if not isinstance(embeddings, Iterable):
        raise InputError(f"embeddings must be a list of arrays; received {type(embeddings).__name__}")
    vectors = [as_vectors(each, f"embeddings {place}") for place, each in enumerate(embeddings, start=1)]
    counts = [len(each) for each in vectors]
    if len(set(counts)) != 1:
        raise InputError(f"embeddings of {' and '.join(map(str, counts)) or 'no'} images cannot be combined")
    return np.concatenate([unit_length(each) for each in vectors] if distance == "cosine" else vectors, axis=1)
