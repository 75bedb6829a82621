"""Vectors in the rows of a matrix."""

import numpy as np

from iaunet_tf.errors import InputError

BLOCK = 4096  # rows that are checked at a time
SHORTEST, LONGEST = 1e-12, 1e18  # embeddings that float32 can compare


def lengths(vectors: np.ndarray) -> np.ndarray:
    """`(N,)` Euclidean lengths of `(N, D)`, without a copy of them."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors))


def unit_length(vectors: np.ndarray, name: str = "embeddings") -> np.ndarray:
    """`(N, D)` scaled to rows of length 1; checked by `comparable_lengths`."""
    return vectors / comparable_lengths(vectors, name)[:, None]


def comparable_lengths(vectors: np.ndarray, name: str, zeros: bool = False) -> np.ndarray:
    """`lengths` of embeddings that are called `name`, `zeros` among them or not.

    Raises:
        InputError: they are so long or so short that products in float32 become infinite or zero.
    """
    with np.errstate(over="ignore"):
        found = lengths(vectors)
    if len(found) and (found.max() > LONGEST or (found.max() if zeros else found.min()) < SHORTEST):
        raise InputError(
            f"{name}: vectors of length {found.min():.2g} to {found.max():.2g} cannot be compared in float32; leave "
            f"out zeros, and scale the others to lengths from {SHORTEST:g} to {LONGEST:g}"
        )
    return found


def centre(vectors: np.ndarray) -> np.ndarray:
    """A point amidst `(N, D)`. Distances of vectors minus it are the same, but do not drown in float32's rounding where
    all vectors are far from zero. It is a multiple of a power of two, so that whole numbers stay whole and exact."""
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    step = 2.0 ** np.ceil(np.log2((high - low).max() or 1))
    return (np.round((low / 2 + high / 2) / step) * step).astype("float32")


def as_array(values: object, name: str, dtype: type | None = None) -> np.ndarray:
    """What is called `name` as an array.

    Raises:
        InputError: it cannot become one: rows of different lengths, a masked array, a tensor on another device.
    """
    if np.ma.isMaskedArray(values):
        raise InputError(f"{name}: a masked array; leave out what is masked, then pass its data")
    try:
        return np.asarray(values, dtype)
    except ValueError:
        raise InputError(f"{name}: rows have different lengths") from None
    except Exception as error:  # tensors on other devices, or that need gradients
        reason = " ".join(str(error).split())
        raise InputError(f"{name}: {type(values).__name__} cannot become an array: {reason}") from None


def as_vectors(values: object, name: str, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Embeddings `(N, D)` as float32, without a copy if they are; may be memory-mapped.

    Raises:
        InputError: they are not a matrix of real numbers, of `shape` if given, or one is not finite; it calls them
            by `name`.
    """
    vectors = as_array(values, name)
    if vectors.dtype.kind not in "fiu" and vectors.dtype.name != "bfloat16":
        received = vectors.dtype if vectors.ndim else type(values).__name__
        raise InputError(f"{name}: must be real numbers; received {received}")
    if vectors.ndim != 2 or 0 in vectors.shape or shape not in (None, vectors.shape):
        wanted = f"be {shape}" if shape else "be (images, dimensions), at least one of each"
        raise InputError(f"{name}: must {wanted}; received {vectors.shape}")
    with np.errstate(over="ignore"):
        vectors = vectors.astype("float32", copy=False)
    blocks = (np.isfinite(vectors[start : start + BLOCK]).all(axis=1) for start in range(0, len(vectors), BLOCK))
    bad = np.flatnonzero(~np.concatenate(list(blocks)))
    if len(bad):
        count = f"{len(bad)} of {len(vectors)} embeddings are not finite"
        raise InputError(f"{name}: {count} in float32, the first in row {bad[0]}")
    return vectors
