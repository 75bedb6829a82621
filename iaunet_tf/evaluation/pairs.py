"""Verification: are two images of the same person? Distances of all pairs of query and gallery, the ROC curve, and
thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from iaunet_tf.arguments import at_least_one, check_number
from iaunet_tf.evaluation.people import PairsByGroup
from iaunet_tf.evaluation.search import Search
from iaunet_tf.thresholds import Threshold

BINS = 10_000
FALSE_POSITIVE_RATES = (1e-3, 1e-2, 1e-1)
THRESHOLD_RATES = (1e-4, 1e-3, 1e-2, 1e-1)
FEWEST = 3  # false positives that a threshold is measured by


@dataclass(frozen=True)
class PairDistances:
    """Histograms of the distances of pairs.

    Attributes:
        edges: `(bins + 1,)` of the bins, from 0 up.
        same: `(bins,)` number of pairs of one person in two cameras.
        different: `(bins,)` number of pairs of two people.
        groups: the same pairs by groups of people.
    """

    edges: np.ndarray
    same: np.ndarray
    different: np.ndarray
    groups: PairsByGroup = field(repr=False)

    def roc(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates, `(bins + 1,)` each, of calling pairs nearer than each edge the same person."""
        rates = [np.append(0, np.cumsum(counts)) / max(counts.sum(), 1) for counts in (self.different, self.same)]
        return rates[0], rates[1]

    def true_positive_rate(self, false_positive_rate: float) -> float:
        """Highest true positive rate with no more false positives, to the width of a bin."""
        return float(self.roc()[1][self._edge(false_positive_rate)])

    def thresholds(self, false_positive_rates: Sequence[float] = THRESHOLD_RATES) -> tuple[Threshold, ...]:
        """The largest distances with no more false positives than asked for, to the width of a bin; without rates for
        which there are too few pairs of two people.

        Intervals are those of 1,000 draws of people, see `iaunet_tf.evaluation.people`.
        """
        for rate in false_positive_rates:
            check_number("a false positive rate", rate, 0, 1)
        rates = [rate for rate in false_positive_rates if rate * self.different.sum() >= FEWEST]
        if not rates or not self.same.any():
            return ()
        bins = np.array([self._edge(rate) for rate in rates])
        columns = rates, self.edges[bins].tolist(), self.roc()[1][bins].tolist(), *self.groups.expected(bins)
        return tuple(map(Threshold, *columns))

    def metrics(self) -> dict[str, float]:
        """True positive rates by name."""
        return {f"TPR@FPR={rate:g}": self.true_positive_rate(rate) for rate in FALSE_POSITIVE_RATES}

    def _edge(self, false_positive_rate):
        """The last edge with no more false positives."""
        return np.searchsorted(self.roc()[0], false_positive_rate, side="right") - 1

    def __repr__(self):
        return f"PairDistances({self.same.sum()} pairs of one person, {self.different.sum()} of two)"


class Pairs:
    """Counts distances of queries to the gallery, except for the same person in the same camera."""

    def __init__(self, search: Search, bins: int = BINS):
        self.search, self.bins = search, at_least_one(bins=bins)
        self.scale = bins / search.largest
        self.same, self.everything = np.zeros((2, bins), int)
        self.groups = PairsByGroup(search.query.pids, search.gallery.pids, bins)

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        there = np.flatnonzero(similarities > -np.inf)
        everything, same = self._places(query, similarities[there]), self._places(query, similarities[matches])
        self.everything += np.bincount(everything, minlength=self.bins)
        self.same += np.bincount(same, minlength=self.bins)
        self.groups.add(query, there, everything, same)

    def _places(self, query, similarities):
        places = (self.search.distances(query, similarities) * self.scale).astype("int32")
        return np.clip(places, 0, self.bins - 1)

    def result(self) -> PairDistances:
        edges = np.linspace(0, self.search.largest, self.bins + 1)
        return PairDistances(edges, self.same, self.everything - self.same, self.groups)
