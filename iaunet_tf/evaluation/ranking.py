"""mAP, CMC and mINP by the protocol of Market-1501 (Zheng et al., ICCV 2015), without sorting the gallery."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.arguments import at_least_one
from iaunet_tf.errors import InputError

MAX_RANK = 50


@dataclass(frozen=True)
class RetrievalResult:
    """How well queries find their person.

    Attributes:
        mAP: mean of `ap`, 0..1.
        cmc: `(max_rank,)`; `cmc[k - 1]` is the share of queries with a hit among the first `k`.
        mINP: mean inverse negative penalty (Ye et al., TPAMI 2021): number of matches divided by the rank of the last.
        ap: `(Q,)` average precision of each query, NaN for queries without a match.
        rank1: `(Q,)` 1 where the first result is a hit, else 0; NaN for queries without a match. Where the protocol
            draws galleries, the share of draws.
    """

    mAP: float
    cmc: np.ndarray
    mINP: float
    ap: np.ndarray
    rank1: np.ndarray

    @classmethod
    def of(cls, ap: np.ndarray, inp: np.ndarray, rank1: np.ndarray, hits: np.ndarray) -> "RetrievalResult":
        """From the values of each query, and the number of hits among the first 1, 2, ..."""
        valid = np.isfinite(ap)
        if not valid.any():
            raise InputError("no query has a match: a match is a gallery image of the same person in another camera")
        return cls(float(ap[valid].mean()), hits / valid.sum(), float(inp[valid].mean()), ap, rank1)

    @property
    def num_queries(self) -> int:
        """Number of queries with a match; the others are not counted in any metric."""
        return int(np.isfinite(self.ap).sum())

    def rank(self, k: int) -> float:
        """Share of queries with a hit among the first `k`; a `k` beyond the gallery means all of it."""
        if not self._knows(at_least_one(k=k)):
            raise InputError(f"the CMC curve ends at rank {len(self.cmc)}; evaluate with max_rank={k}")
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def _knows(self, k):
        return k <= len(self.cmc) or self.cmc[-1] == 1  # which it is at the latest where the gallery ends

    def metrics(self) -> dict[str, float]:
        """The usual metrics by name, without ranks beyond the curve."""
        ranks = {f"rank-{k}": self.rank(k) for k in (1, 5, 10, 20) if self._knows(k)}
        return {"mAP": self.mAP, **ranks, "mINP": self.mINP}

    def __repr__(self):
        values = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics().items())
        return f"RetrievalResult({values}, {self.num_queries} queries)"


class Ranking:
    """Ranks of the matches of every query; `max_rank` is the length of the CMC curve."""

    def __init__(self, queries: int, max_rank: int = MAX_RANK):
        self.ap, self.inp, self.rank1 = np.full((3, queries), np.nan)
        self.hits = np.zeros(at_least_one(max_rank=max_rank))

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        if not len(matches):
            return
        ranks = match_ranks(similarities, matches)
        self.ap[query] = average_precision(ranks)
        self.inp[query] = len(ranks) / ranks[-1]
        self.rank1[query] = ranks[0] == 1
        self.hits[ranks[0] - 1 :] += 1

    def result(self) -> RetrievalResult:
        return RetrievalResult.of(self.ap, self.inp, self.rank1, self.hits)


def average_precision(ranks: np.ndarray) -> float:
    """Mean of `i / rank_i` over the ascending ranks of a query's matches."""
    return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))


def match_ranks(similarities: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Ascending ranks, from 1, that a stable sort by falling similarity would give `matches`."""
    own = similarities[matches]
    # Only what is as near as the farthest match matters.
    near = np.sort(similarities[similarities >= own.min()])
    closer = len(near) - np.searchsorted(near, own, side="right")
    ties = len(near) - np.searchsorted(near, own, side="left") - closer
    for place in np.flatnonzero(ties > 1):
        closer[place] += np.count_nonzero(similarities[: matches[place]] == own[place])
    return np.sort(1 + closer)
