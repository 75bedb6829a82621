"""Retrieval by the protocols of Market-1501 (Zheng et al., ICCV 2015) and CUHK03 (Li et al., CVPR 2014), without
sorting the gallery."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.vectors import lengths, unit_length

DISTANCES = ("cosine", "euclidean")
# So many queries, and no more than so many similarities, are held at a time.
CHUNK, SIMILARITIES = 256, 2**26


@dataclass(frozen=True)
class RetrievalResult:
    """How well queries find their people.

    Attributes:
        mAP: mean of `ap`, 0..1.
        cmc: `(max_rank,)`; `cmc[k - 1]` is the share of queries with a hit among the first `k`.
        mINP: mean inverse negative penalty (Ye et al., TPAMI 2021): matches divided by the rank of the last one.
        ap: `(Q,)` average precision of each query, NaN for queries without a match.
        rank1: `(Q,)` 1 where the first found is a hit, else 0, NaN for queries without a match; where the protocol
            draws galleries the share of them.
    """

    mAP: float
    cmc: np.ndarray
    mINP: float
    ap: np.ndarray
    rank1: np.ndarray

    @property
    def num_queries(self) -> int:
        """Queries that have a match; the others count nowhere."""
        return int(np.isfinite(self.ap).sum())

    def rank(self, k: int) -> float:
        """Share of queries with a hit among the first `k`; a `k` beyond the gallery counts all of it."""
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def metrics(self) -> dict[str, float]:
        """The usual figures by name."""
        ranks = {f"rank-{k}": self.rank(k) for k in (1, 5, 10, 20)}
        return {"mAP": self.mAP, **ranks, "mINP": self.mINP}


def evaluate_retrieval(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
    max_rank: int = 50,
    chunk: int | None = None,
) -> RetrievalResult:
    """Ranks the gallery for every query and says where the matches are.

    For a query, gallery images of the same person in the same camera are left out. Everybody else stays, the
    distractors too; junk (person -1) is left out by whoever reads a data set. Queries without a match count
    nowhere. At equal distance the gallery's order decides. Memory beside the features, which may be memory-mapped,
    is a few similarities per gallery image and chunk of queries; ranks are counted among those that are as near as the
    farthest match, the others are not sorted.

    Args:
        query: `(Q, D)` embeddings.
        gallery: `(G, D)` embeddings.
        query_pids, gallery_pids: `(Q,)`, `(G,)` person ids.
        query_camids, gallery_camids: `(Q,)`, `(G,)` camera ids.
        distance: `"cosine"` or `"euclidean"`.
        max_rank: length of the CMC curve.
        chunk: queries at a time; None chooses by the size of the gallery.

    Raises:
        InputError: sizes do not fit, embeddings are not finite, or no query has a match.
    """
    ids = check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    measure = Measure(query, gallery, distance)
    return _evaluate(each_query(measure.similarities, *ids, chunk), len(query), max_rank)


def evaluate_distances(
    distances: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    max_rank: int = 50,
) -> RetrievalResult:
    """The same for `(Q, G)` distances that are there already, such as those of `rerank`.

    Raises:
        InputError: sizes do not fit, distances are not finite, or no query has a match.
    """
    distances = np.asarray(distances)
    ids = [np.asarray(each) for each in (query_pids, gallery_pids, query_camids, gallery_camids)]
    if distances.shape != (len(ids[0]), len(ids[1])) or [len(each) for each in ids[2:]] != list(distances.shape):
        raise InputError(f"{distances.shape} distances do not go with {len(ids[0])} queries and {len(ids[1])} others")
    if not np.isfinite(distances).all():
        raise InputError("some distances are not finite")
    floating = np.result_type(distances, "float32")
    queries = each_query(lambda rows: np.negative(distances[rows], dtype=floating), *ids)
    return _evaluate(queries, len(distances), max_rank)


def evaluate_single_shot(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
    max_rank: int = 50,
    repeats: int = 100,
    seed: int = 0,
) -> RetrievalResult:
    """The protocol of CUHK03: a query looks for its person among one image of each person.

    Those images are of other cameras than the query's and drawn at random, for every query so many times; figures are
    means over the draws. With one match there is, a query's average precision and inverse negative penalty are
    `1 / rank`.

    Args:
        query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance, max_rank: as for
            `evaluate_retrieval`.
        repeats: galleries drawn for each query.
        seed: of the draws.

    Raises:
        InputError: as `evaluate_retrieval`.
    """
    ids = check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    query_pids, gallery_pids, query_camids, gallery_camids = ids
    rng = np.random.default_rng(seed)
    people = {}  # by camera of the query: gallery images by person, where each person's begin, how many they are
    for camera in np.unique(query_camids):
        others = np.flatnonzero(gallery_camids != camera)
        others = others[np.argsort(gallery_pids[others], kind="stable")]
        people[camera] = others, *np.unique(gallery_pids[others], return_index=True, return_counts=True)

    ap, rank1 = np.full((2, len(query)), np.nan)
    hits = np.zeros(max_rank)
    for i, row, _ in each_query(Measure(query, gallery, distance).similarities, *ids):
        others, persons, begins, counts = people[query_camids[i]]
        own = np.searchsorted(persons, query_pids[i])
        if own == len(persons) or persons[own] != query_pids[i]:
            continue
        drawn = others[begins + (rng.random((repeats, len(persons))) * counts).astype(int)]
        similarities = row[drawn]
        match, image = similarities[:, own, None], drawn[:, own, None]
        before = (similarities > match) | ((similarities == match) & (drawn < image))
        ranks = 1 + before.sum(axis=1)
        ap[i], rank1[i] = np.mean(1 / ranks), np.mean(ranks == 1)
        hits += (ranks[:, None] <= np.arange(1, max_rank + 1)).mean(axis=0)
    return _result(ap, ap, rank1, hits)


def nearest(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
    k: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """The gallery images that queries find first; those of the same person in the same camera are left out.

    Args:
        query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance: as for `evaluate_retrieval`.
        k: how many.

    Returns:
        int `(Q, k)` places in the gallery, nearest first; float32 `(Q, k)` distances, infinite where fewer are left.
        With a gallery of less than `k` images that many columns.

    Raises:
        InputError: sizes do not fit, or embeddings are not finite.
    """
    ids = check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    measure = Measure(query, gallery, distance)
    k = min(k, len(gallery))
    places, distances = np.empty((len(query), k), int), np.empty((len(query), k), "float32")
    for i, row, _ in each_query(measure.similarities, *ids):
        first = np.sort(np.argpartition(row, -k)[-k:])
        places[i] = first[np.argsort(-row[first], kind="stable")]
        distances[i] = measure.distances(i, row[places[i]])
    return places, distances


class Measure:
    """Similarities of queries with a gallery, of whatever size, and the distances that they stand for.

    Args:
        query, gallery: `(Q, D)`, `(G, D)` finite embeddings.
        distance: `"cosine"` or `"euclidean"`.

    Raises:
        InputError: there is no such distance.
    """

    def __init__(self, query: np.ndarray, gallery: np.ndarray, distance: str):
        if distance not in DISTANCES:
            raise InputError(f"distance must be one of {', '.join(DISTANCES)}; received {distance!r}")
        self.query, self.gallery = np.asarray(query, "float32"), np.asarray(gallery, "float32")
        self.cosine = distance == "cosine"
        self._query_lengths, self._gallery_lengths = lengths(self.query), lengths(self.gallery)
        if self.cosine:
            self._scales = 1 / np.maximum(self._gallery_lengths, 1e-12)

    def similarities(self, rows: slice) -> np.ndarray:
        """`(n, G)` of some queries, the caller's own: cosines, or `q·g - |g|²/2`, which falls as `|q - g|` grows."""
        if self.cosine:
            rows = self.query[rows] / np.maximum(self._query_lengths[rows], 1e-12)[:, None]
            return np.multiply(found := rows @ self.gallery.T, self._scales, out=found)
        return np.subtract(found := self.query[rows] @ self.gallery.T, self._gallery_lengths**2 / 2, out=found)

    def distances(self, row: int, similarities: np.ndarray) -> np.ndarray:
        """What similarities of query `row` mean."""
        if self.cosine:
            return 1 - similarities
        return np.sqrt(np.maximum(self._query_lengths[row] ** 2 - 2 * similarities, 0))

    @property
    def largest(self) -> float:
        """No distance is larger."""
        return 2.0 if self.cosine else float(self._query_lengths.max() + self._gallery_lengths.max())


def each_query(
    similarities: Callable[[slice], np.ndarray],
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    chunk: int | None = None,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Goes through the queries.

    Args:
        similarities: gives those of some queries with the gallery, as an array of its own.
        query_pids, gallery_pids, query_camids, gallery_camids: who and where.
        chunk: queries at a time; None chooses by the size of the gallery.

    Yields:
        Its number; its similarity with each gallery image, minus infinity for those of the same person in the same
        camera; and the places of its matches, the same person in other cameras.
    """
    chunk = chunk or max(1, min(CHUNK, SIMILARITIES // len(gallery_pids)))
    by_person = np.argsort(gallery_pids, kind="stable")
    first = np.searchsorted(gallery_pids[by_person], query_pids, side="left")
    last = np.searchsorted(gallery_pids[by_person], query_pids, side="right")
    for start in range(0, len(query_pids), chunk):
        for i, row in enumerate(similarities(slice(start, start + chunk)), start):
            same_person = by_person[first[i] : last[i]]
            same_camera = gallery_camids[same_person] == query_camids[i]
            row[same_person[same_camera]] = -np.inf
            yield i, row, same_person[~same_camera]


def _evaluate(queries, count, max_rank):
    ap, inp, rank1 = np.full((3, count), np.nan)
    hits = np.zeros(max_rank)
    for i, row, matches in queries:
        if not len(matches):
            continue
        ranks = _ranks(row, matches)
        ap[i] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        inp[i] = len(ranks) / ranks[-1]
        rank1[i] = ranks[0] == 1
        hits[ranks[0] - 1 :] += 1
    return _result(ap, inp, rank1, hits)


def _result(ap, inp, rank1, hits):
    valid = np.isfinite(ap)
    if not valid.any():
        raise InputError("no query has a match: a match is a gallery image of the same person in another camera")
    return RetrievalResult(
        mAP=float(ap[valid].mean()),
        cmc=hits / valid.sum(),
        mINP=float(inp[valid].mean()),
        ap=ap,
        rank1=rank1,
    )


def _ranks(similarities: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Ascending ranks, from 1, that a stable sort by falling similarity would give `matches`."""
    own = similarities[matches]
    # Only what is as near as the farthest match matters.
    near = np.sort(similarities[similarities >= own.min()])
    closer = len(near) - np.searchsorted(near, own, side="right")
    ties = len(near) - np.searchsorted(near, own, side="left") - closer
    for place in np.flatnonzero(ties > 1):
        closer[place] += np.count_nonzero(similarities[: matches[place]] == own[place])
    return np.sort(1 + closer)


def check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids) -> list[np.ndarray]:
    """The four arrays of ids, once they are known to go with finite embeddings.

    Raises:
        InputError: they do not, or embeddings are not finite.
    """
    query_pids, gallery_pids, query_camids, gallery_camids = map(
        np.asarray, (query_pids, gallery_pids, query_camids, gallery_camids)
    )
    for name, features, pids, camids in (
        ("query", np.asarray(query), query_pids, query_camids),
        ("gallery", np.asarray(gallery), gallery_pids, gallery_camids),
    ):
        if features.ndim != 2 or not len(features):
            raise InputError(f"{name} must be (images, dimensions), at least one; received {features.shape}")
        if pids.shape != (len(features),) or camids.shape != (len(features),):
            raise InputError(f"{name}: {len(features)} embeddings, {pids.shape} person ids, {camids.shape} camera ids")
        blocks = (features[start : start + 16 * CHUNK] for start in range(0, len(features), 16 * CHUNK))
        bad = sum(np.count_nonzero(~np.isfinite(block).all(axis=1)) for block in blocks)
        if bad:
            raise InputError(f"{name}: {bad} of {len(features)} embeddings are not finite")
    if np.shape(query)[1] != np.shape(gallery)[1]:
        raise InputError(
            f"query embeddings have {np.shape(query)[1]} dimensions, gallery embeddings {np.shape(gallery)[1]}"
        )
    return [query_pids, gallery_pids, query_camids, gallery_camids]


def combine(embeddings: list[np.ndarray], distance: str = "cosine") -> np.ndarray:
    """An ensemble: embeddings of the same images by several networks, as one.

    Args:
        embeddings: `(N, D_i)` each.
        distance: what they will be compared by.

    Returns:
        float32 `(N, sum of D_i)`, whose cosine distance is the mean of the networks', or whose squared Euclidean
        distance is the sum of the networks'.

    Raises:
        InputError: they are not of equally many images.
    """
    counts = [len(each) for each in embeddings]
    if len(set(counts)) > 1:
        raise InputError(f"embeddings of {' and '.join(map(str, counts))} images cannot be combined")
    parts = [np.asarray(each, "float32") for each in embeddings]
    return np.concatenate([unit_length(part) for part in parts] if distance == "cosine" else parts, axis=1)
