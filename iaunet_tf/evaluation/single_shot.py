"""The protocol of CUHK03 (Li et al., CVPR 2014): one gallery image of each person, drawn many times."""

import numpy as np

from iaunet_tf.arguments import at_least_one, check_number
from iaunet_tf.evaluation.embeddings import Ids
from iaunet_tf.evaluation.ranking import MAX_RANK, RetrievalResult

REPEATS = 100


class SingleShot:
    """Ranks of the one match in random galleries of one image of each person from other cameras than the query's.

    With a single match, average precision and inverse negative penalty are both `1 / rank`. Values
    are means over the `repeats` galleries that are drawn for each query.
    """

    def __init__(self, query: Ids, gallery: Ids, max_rank: int = MAX_RANK, repeats: int = REPEATS, seed: int = 0):
        self.query, self.repeats = query, at_least_one(repeats=repeats)
        check_number("seed", seed, 0, whole=True)
        self.rng = np.random.default_rng(seed)
        # By camera of the query: gallery images sorted by person, the people, where each begins, how many images.
        self.people = {}
        for camera in np.unique(query.camids):
            others = np.flatnonzero(gallery.camids != camera)
            others = others[np.argsort(gallery.pids[others], kind="stable")]
            unique = np.unique(gallery.pids[others], return_index=True, return_counts=True)
            self.people[camera] = others, *unique
        self.inverse, self.rank1 = np.full((2, len(query)), np.nan)
        self.hits = np.zeros(at_least_one(max_rank=max_rank))

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        if not len(matches):
            return
        others, persons, begins, counts = self.people[self.query.camids[query]]
        own = np.searchsorted(persons, self.query.pids[query])
        drawn = others[begins + (self.rng.random((self.repeats, len(persons))) * counts).astype(int)]
        found = similarities[drawn]
        match, image = found[:, own, None], drawn[:, own, None]
        before = (found > match) | ((found == match) & (drawn < image))
        ranks = 1 + before.sum(axis=1)
        self.inverse[query], self.rank1[query] = np.mean(1 / ranks), np.mean(ranks == 1)
        self.hits += (ranks[:, None] <= np.arange(1, len(self.hits) + 1)).mean(axis=0)

    def result(self) -> RetrievalResult:
        return RetrievalResult.of(self.inverse, self.inverse, self.rank1, self.hits)
