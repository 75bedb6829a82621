"""Comparison of an exported network with the original."""

from dataclasses import asdict, dataclass

import numpy as np

from iaunet_tf.errors import InputError

TOP = 10


@dataclass(frozen=True)
class Limits:
    """Largest allowed deviation of an export's unit-length embeddings from those of Keras."""

    difference: float | None = 1e-4  # absolute; None for no limit
    cosine: float = 0.9999  # smallest similarity


LIMITS = {"fp32": Limits(), "fp16": Limits(None, 0.999), "int8": Limits(None, 0.99)}


@dataclass(frozen=True)
class Comparison:
    """Comparison of an exported network with the original on the same images."""

    pictures: int
    max_difference: float  # absolute, between unit-length embeddings
    min_cosine: float  # of the two embeddings of an image
    same_nearest: float  # fraction of the images with the same nearest neighbour in both
    rank_agreement: float  # mean fraction of the ten nearest neighbours that both have in common


def compare(ours: np.ndarray, theirs: np.ndarray) -> Comparison:
    """Compares two sets of unit-length embeddings `(N, D)`."""
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
    """Compares unit-length embeddings `(N, D)` of the original network with those of an export.

    Returns the fields of the `Comparison`, or raises an `InputError` if they deviate too far.
    """
    if not np.isfinite(theirs).all():
        raise InputError(f"{name} returns embeddings that are not finite")
    comparison = compare(ours, theirs)
    too_far = limits.difference is not None and comparison.max_difference > limits.difference
    if too_far or comparison.min_cosine < limits.cosine:
        raise InputError(
            f"{name} differs from Keras: the maximum difference is {comparison.max_difference:.2g} (allowed: "
            f"{limits.difference}), the minimum cosine similarity {comparison.min_cosine:.6f} ({limits.cosine})"
        )
    return asdict(comparison)
