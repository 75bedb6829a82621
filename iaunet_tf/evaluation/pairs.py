"""Verification: are two images of the same person? Distances of all pairs of query and gallery, and the ROC curve."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.arguments import at_least_one
from iaunet_tf.evaluation.search import Search

BINS = 10_000
FALSE_POSITIVE_RATES = (1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class PairDistances:
    """Histograms of the distances of pairs.

    Attributes:
        edges: `(bins + 1,)` of the bins, from 0 up.
        same: `(bins,)` number of pairs of one person in two cameras.
        different: `(bins,)` number of pairs of two people.
    """

    edges: np.ndarray
    same: np.ndarray
    different: np.ndarray

    def roc(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates, `(bins + 1,)` each, of calling pairs nearer than each edge the same person."""
        rates = [np.append(0, np.cumsum(counts)) / max(counts.sum(), 1) for counts in (self.different, self.same)]
        return rates[0], rates[1]

    def true_positive_rate(self, false_positive_rate: float) -> float:
        """Highest true positive rate with no more false positives, to the width of a bin."""
        false, true = self.roc()
        return float(true[np.searchsorted(false, false_positive_rate, side="right") - 1])

    def metrics(self) -> dict[str, float]:
        """True positive rates by name."""
        return {f"TPR@FPR={rate:g}": self.true_positive_rate(rate) for rate in FALSE_POSITIVE_RATES}

    def __repr__(self):
        return f"PairDistances({self.same.sum()} pairs of one person, {self.different.sum()} of two)"


class Pairs:
    """Counts distances of queries to the gallery, except for the same person in the same camera."""

    def __init__(self, search: Search, bins: int = BINS):
        self.search, self.bins = search, at_least_one(bins=bins)
        self.scale = bins / search.largest
        self.same, self.everything = np.zeros((2, bins), int)

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        self.same += self._count(query, similarities[matches])
        self.everything += self._count(query, similarities[similarities > -np.inf])

    def _count(self, query, similarities):
        places = (self.search.distances(query, similarities) * self.scale).astype("int32")
        return np.bincount(np.clip(places, 0, self.bins - 1), minlength=self.bins)

    def result(self) -> PairDistances:
        edges = np.linspace(0, self.search.largest, self.bins + 1)
        return PairDistances(edges, self.same, self.everything - self.same)
