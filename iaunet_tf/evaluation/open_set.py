"""Open-set identification: is the person of a query in the gallery at all, and who is it? (Phillips et al., Handbook of
Face Recognition, 2011, chapter 21)"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iaunet_tf.arguments import check_number
from iaunet_tf.evaluation.people import drawn_people, expected
from iaunet_tf.evaluation.search import Search
from iaunet_tf.thresholds import Threshold

RATES = (1e-2, 1e-1)
FEWEST = 3  # false alarms that a threshold is measured by


@dataclass(frozen=True)
class OpenSetDistances:
    """How near each query's own person and the nearest other person are.

    Every query is looked for twice: in the gallery, and in the gallery without its own person, whom it then may not
    find. A query without a match is looked for once.

    Attributes:
        own, other: `(Q,)` distance of the nearest gallery entry of the same person, infinite without one, and of the
            nearest of all others.
        pids: `(Q,)` identities of the queries.
    """

    own: np.ndarray
    other: np.ndarray
    pids: np.ndarray

    def thresholds(self, false_identification_rates: Sequence[float] = RATES) -> tuple[Threshold, ...]:
        """The largest distances below which no more queries than asked for find somebody though their person is left
        out, and the share of queries with a match that find their person first, and below it; without rates for which
        there are too few queries.

        Intervals are those of 1,000 draws of people, see `iaunet_tf.evaluation.people`, in the same gallery.
        """
        for rate in false_identification_rates:
            check_number("a false identification rate", rate, 0, 1)
        rates = [rate for rate in false_identification_rates if rate * len(self.other) >= FEWEST]
        matched = np.isfinite(self.own)
        if not rates or not matched.any():
            return ()
        order = np.sort(self.other)
        # Rounded first: 0.29 * 100 is a little less than 29.
        distances = [order[min(int(round(rate * len(order), 6)), len(order) - 1)] for rate in rates]
        alarms = self.other[:, None] < distances
        hits = (self.own < self.other)[:, None] & (self.own[:, None] < distances)
        people, person = np.unique(self.pids, return_inverse=True)
        drawn = drawn_people(len(people))

        def by_draw(values):
            sums = np.zeros((len(people), values.shape[1]))
            np.add.at(sums, person, values)
            return drawn @ sums

        false = expected(by_draw(alarms), by_draw(np.ones((len(person), 1)))[:, 0])
        true = expected(by_draw(hits), by_draw(matched[:, None])[:, 0])
        shares = (hits.sum(axis=0) / matched.sum()).tolist()
        return tuple(map(Threshold, rates, map(float, distances), shares, false, true))


class OpenSet:
    """Finds the nearest gallery entry of the same person, and of others, for every query."""

    def __init__(self, search: Search):
        self.search = search
        self.own, self.other = np.full((2, len(search.query)), np.inf)

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        others = similarities.copy()
        others[matches] = -np.inf
        for nearest, values in ((self.own, similarities[matches]), (self.other, others)):
            if values.max(initial=-np.inf) > -np.inf:
                nearest[query] = self.search.distances(query, values.max())

    def result(self) -> OpenSetDistances:
        return OpenSetDistances(self.own, self.other, self.search.query.pids)
