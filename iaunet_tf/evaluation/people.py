"""What to expect on other people: rates of many draws of people (bootstrap; Efron, 1979)."""

import numpy as np

GROUPS = 32  # of people, which are drawn together: a histogram for each of many people would be slow
BINS = 2000  # of distances, between which counts are interpolated
SAMPLES = 1000
LEVEL = 0.95

Interval = tuple[float, float]


def drawn_people(count: int) -> np.ndarray:
    """How often each of `count` people, or groups, is drawn: `(samples, count)`.

    They are drawn twice, the second time from those of the first: what is known is a sample of the people that there
    are, and what is to be expected is another one.
    """
    rng = np.random.default_rng(0)
    population = rng.multinomial(count, np.full(count, 1 / count), SAMPLES)
    return rng.multinomial(count, population / count).astype("float64")


def expected(events: np.ndarray, cases: np.ndarray) -> list[Interval]:
    """For each column of `events`, `(samples, n)`, the interval that holds 95 % of their rates among `cases`,
    `(samples,)`."""
    tails = 100 * (1 - LEVEL) / 2
    rates = np.clip(events / np.maximum(cases, 1)[:, None], 0, 1)
    low, high = np.percentile(rates, [tails, 100 - tails], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


class PairsByGroup:
    """Histograms of distances by groups of people; a pair of two people is in those of both.

    The people of queries are spread over the groups by chance. Gallery entries of people who are no query's, such as
    the distractors of Market-1501, who share an identity but are not one person, are spread one by one.

    Args:
        query_pids, gallery_pids: `(Q,)`, `(G,)` identities.
        bins: number of bins of distances; several make one bin here.
    """

    def __init__(self, query_pids: np.ndarray, gallery_pids: np.ndarray, bins: int):
        people, query = np.unique(query_pids, return_inverse=True)
        groups = min(GROUPS, len(people))
        order = np.random.default_rng(0).permutation(len(people)) % groups
        place = np.minimum(np.searchsorted(people, gallery_pids), len(people) - 1)
        own = people[place] == gallery_pids
        self._query = order[query]
        self._gallery = np.where(own, order[place], np.arange(len(gallery_pids)) % groups)
        self._step = -(-bins // BINS)
        self._bins = -(-bins // self._step)
        self._same, self._everything = np.zeros((2, groups, self._bins), int)

    def add(self, query: int, gallery: np.ndarray, places: np.ndarray, matches: np.ndarray) -> None:
        """Counts the pairs of a query and the entries `gallery`, whose distances are in the bins `places`; those of its
        person are in the bins `matches`."""
        group, places = self._query[query], places // self._step
        counts = np.bincount(self._gallery[gallery] * self._bins + places, minlength=self._everything.size)
        self._everything += counts.reshape(self._everything.shape)
        self._everything[group] += np.bincount(places, minlength=self._bins)
        self._same[group] += np.bincount(matches // self._step, minlength=self._bins)

    def expected(self, bins: np.ndarray) -> tuple[list[Interval], list[Interval]]:
        """Intervals of the false and of the true positive rates of calling pairs in the first 1, 2 ... `bins` the same
        person.

        A pair of two people counts as often as both were drawn, less one: in the first order their product, whose
        square would exaggerate what depends on single pairs (Owen, 2007).
        """
        drawn = drawn_people(len(self._same))
        different, same = (self._below(counts, bins) for counts in (self._everything - 2 * self._same, self._same))
        pairs = np.maximum(drawn @ different - different.sum(axis=0) / 2, 0)
        return expected(pairs[:, :-1], pairs[:, -1]), expected((drawn @ same)[:, :-1], drawn @ same[:, -1])

    def _below(self, counts, bins):
        """`(groups, n + 1)` pairs in the first `bins`, and in all."""
        edges = np.arange(self._bins + 1)
        sums = np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0)))
        wanted = np.append(np.asarray(bins) / self._step, self._bins)
        return np.stack([np.interp(wanted, edges, each) for each in sums])
