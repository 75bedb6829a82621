"""Verification: are two pictures of the same person? Distances of all pairs of query and gallery, and the ROC curve."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.evaluation.retrieval import Measure, check_ids, each_query

BINS = 10_000
FALSE_POSITIVE_RATES = (1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class PairDistances:
    """How far apart pairs are, counted in bins.

    Attributes:
        edges: `(bins + 1,)` of the bins, from 0 up.
        same: `(bins,)` pairs of one person in two cameras.
        different: `(bins,)` pairs of two people.
    """

    edges: np.ndarray
    same: np.ndarray
    different: np.ndarray

    def roc(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates, `(bins + 1,)` each, of calling pairs nearer than each edge the same person."""
        rates = [np.append(0, np.cumsum(counts)) / max(counts.sum(), 1) for counts in (self.different, self.same)]
        return rates[0], rates[1]

    def true_positive_rate(self, false_positive_rate: float) -> float:
        """The best that is reached with no more false positives, to the width of a bin."""
        false, true = self.roc()
        return float(true[np.searchsorted(false, false_positive_rate, side="right") - 1])

    def metrics(self) -> dict[str, float]:
        """True positive rates by name."""
        return {f"TPR@FPR={rate:g}": self.true_positive_rate(rate) for rate in FALSE_POSITIVE_RATES}


def compare_pairs(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
    bins: int = BINS,
) -> PairDistances:
    """Counts the distances between queries and gallery images, those of the same person in the same camera left out.

    Args:
        query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance: as for `evaluate_retrieval`.
        bins: how finely distances are counted.

    Raises:
        InputError: sizes do not fit, or embeddings are not finite.
    """
    ids = check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    measure = Measure(query, gallery, distance)
    same, everything = np.zeros((2, bins), int)

    def count(distances):
        places = (distances * (bins / measure.largest)).astype("int32")
        return np.bincount(np.clip(places, 0, bins - 1), minlength=bins)

    for i, row, matches in each_query(measure.similarities, *ids):
        same += count(measure.distances(i, row[matches]))
        everything += count(measure.distances(i, row[np.isfinite(row)]))
    return PairDistances(np.linspace(0, measure.largest, bins + 1), same, everything - same)
