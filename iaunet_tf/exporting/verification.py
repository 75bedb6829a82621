"""An export proves itself before it is called one."""

from dataclasses import asdict, dataclass

import numpy as np

from iaunet_tf.errors import InputError

TOP = 10


@dataclass(frozen=True)
class Limits:
    """How far an export may be from Keras.

    Attributes:
        difference: largest absolute difference of embeddings of length 1; None does not limit it.
        cosine: smallest cosine similarity.
    """

    difference: float | None = 1e-4
    cosine: float = 0.9999


LIMITS = {"fp32": Limits(), "fp16": Limits(None, 0.999), "int8": Limits(None, 0.99)}


@dataclass(frozen=True)
class Comparison:
    """An exported network beside the one it came from, on the same pictures.

    Attributes:
        pictures: how many.
        max_difference: of embeddings of length 1.
        min_cosine: similarity of a picture's two embeddings.
        same_nearest: share of the pictures whose nearest other picture is the same for both.
        rank_agreement: share of a picture's ten nearest others that both have among their ten, mean of all pictures.
    """

    pictures: int
    max_difference: float
    min_cosine: float
    same_nearest: float
    rank_agreement: float


def compare(ours: np.ndarray, theirs: np.ndarray) -> Comparison:
    """Compares `(N, D)` embeddings of length 1."""
    count = len(ours)
    ranks = [np.argsort(2 * np.eye(count) - e @ e.T, axis=1, kind="stable")[:, : count - 1] for e in (ours, theirs)]
    top = min(TOP, count - 1)
    shared = [len(np.intersect1d(mine[:top], other[:top])) / top for mine, other in zip(*ranks, strict=True)]
    return Comparison(
        count,
        float(np.abs(ours - theirs).max()),
        float((ours * theirs).sum(axis=1).min()),
        float((ranks[0][:, 0] == ranks[1][:, 0]).mean()),
        float(np.mean(shared)),
    )


def verify(ours: np.ndarray, theirs: np.ndarray, limits: Limits, name: str = "the export") -> dict[str, float]:
    """Compares the embeddings of the network with those of its export.

    Args:
        ours: `(N, D)` of length 1, of the network.
        theirs: the same of the export.
        limits: how far they may be off.
        name: of what gave them, for the message.

    Returns:
        The comparison, for a report.

    Raises:
        InputError: they are further off, or no numbers.
    """
    if not np.isfinite(theirs).all():
        raise InputError(f"{name} gives embeddings that are no numbers")
    comparison = compare(ours, theirs)
    too_far = limits.difference is not None and comparison.max_difference > limits.difference
    if too_far or comparison.min_cosine < limits.cosine:
        raise InputError(
            f"{name} differs from Keras by {comparison.max_difference:.2g} (cosine similarity at least "
            f"{comparison.min_cosine:.6f}) where {limits.difference} ({limits.cosine}) is allowed"
        )
    return asdict(comparison)
