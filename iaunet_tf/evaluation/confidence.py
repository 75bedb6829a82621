"""Confidence intervals of the metrics, by bootstrapping over identities (Efron, 1979)."""

import numpy as np

from iaunet_tf.arguments import at_least_one, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import ids_of
from iaunet_tf.evaluation.ranking import RetrievalResult


def confidence_intervals(
    result: RetrievalResult, query_pids: np.ndarray, level: float = 0.95, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Computes bootstrap percentile intervals of mAP and rank-1: `(lower, upper)` in 0..1 by name.

    Queries of the same identity, `(Q,)` in `query_pids`, are correlated. So identities are
    resampled, each with all of its queries, `samples` times. `level` is the confidence level, 0..1.
    """
    pids = ids_of(query_pids, query_pids, None, None)[0].pids
    if pids.shape != result.ap.shape:
        raise InputError(f"{pids.shape} person ids do not go with {len(result.ap)} queries")
    check_number("level", level, 1e-6, 1 - 1e-6)
    at_least_one(samples=samples)
    check_number("seed", seed, 0, whole=True)
    valid = np.isfinite(result.ap)
    people = np.unique(pids[valid], return_inverse=True)[1]
    counts = np.bincount(people)
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), samples)
    tails = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    intervals = {}
    for name, values in (("mAP", result.ap[valid]), ("rank-1", result.rank1[valid])):
        means = draws @ np.bincount(people, weights=values) / (draws @ counts)
        intervals[name] = tuple(np.percentile(means, tails).tolist())
    return intervals
