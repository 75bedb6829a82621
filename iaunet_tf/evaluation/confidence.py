"""How sure the figures are: the bootstrap (Efron, 1979) over people."""

import numpy as np

from iaunet_tf.evaluation.ranking import RetrievalResult


def confidence_intervals(
    result: RetrievalResult, query_pids: np.ndarray, level: float = 0.95, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of mAP and rank-1, had other people been asked for.

    Queries of one person are alike; so people are drawn with replacement, each with all of his or her queries.

    Args:
        result: of an evaluation.
        query_pids: `(Q,)` person of each query.
        level: of confidence.
        samples: how often people are drawn.
        seed: of the draws.

    Returns:
        Lower and upper bound in 0..1 by name.
    """
    valid = np.isfinite(result.ap)
    people = np.unique(np.asarray(query_pids)[valid], return_inverse=True)[1]
    counts = np.bincount(people)
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), samples)
    tails = [100 * (1 - level) / 2, 100 * (1 + level) / 2]
    intervals = {}
    for name, values in (("mAP", result.ap[valid]), ("rank-1", result.rank1[valid])):
        means = draws @ np.bincount(people, weights=values) / (draws @ counts)
        intervals[name] = tuple(np.percentile(means, tails).tolist())
    return intervals
