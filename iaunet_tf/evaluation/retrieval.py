"""Retrieval by the Market-1501 protocol (Zheng et al., ICCV 2015), without sorting the gallery."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.errors import InputError

DISTANCES = ("cosine", "euclidean")
# Similarities of this many queries are held at a time.
QUERY_CHUNK = 256


@dataclass(frozen=True)
class RetrievalResult:
    """How well queries find their people.

    Attributes:
        mAP: mean of `ap`, 0..1.
        cmc: `(max_rank,)`; `cmc[k - 1]` is the share of queries with a hit among the first `k`.
        mINP: mean inverse negative penalty (Ye et al., TPAMI 2021): matches divided by the rank of the last one.
        ap: `(Q,)` average precision of each query, NaN for queries without a match.
    """

    mAP: float
    cmc: np.ndarray
    mINP: float
    ap: np.ndarray

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
) -> RetrievalResult:
    """Ranks the gallery for every query and says where the matches are.

    For a query, gallery images of the same person in the same camera are left out. Everybody else stays, the
    distractors too; junk (person -1) is left out by whoever reads a data set. Queries without a match count
    nowhere. At equal distance the gallery's order decides. Memory beside the features is a few similarities
    per gallery image and chunk of queries: ranks of the matches are counted, nothing is sorted.

    Args:
        query: `(Q, D)` embeddings.
        gallery: `(G, D)` embeddings.
        query_pids, gallery_pids: `(Q,)`, `(G,)` person ids.
        query_camids, gallery_camids: `(Q,)`, `(G,)` camera ids.
        distance: `"cosine"` or `"euclidean"`.
        max_rank: length of the CMC curve.

    Raises:
        InputError: sizes do not fit, embeddings are not finite, or no query has a match.
    """
    query, gallery = np.asarray(query, "float32"), np.asarray(gallery, "float32")
    query_pids, gallery_pids = np.asarray(query_pids), np.asarray(gallery_pids)
    query_camids, gallery_camids = np.asarray(query_camids), np.asarray(gallery_camids)
    _check(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance, max_rank)

    if distance == "cosine":
        query, gallery = unit(query), unit(gallery)
        bias = None
    else:
        # |q - g|² = |q|² + 2 (|g|²/2 - q·g), of which |q|² does not change a ranking.
        bias = np.einsum("gd,gd->g", gallery, gallery) / 2

    def similarities(rows):
        chunk = query[rows] @ gallery.T
        if bias is not None:
            chunk -= bias
        return chunk

    return _evaluate(similarities, query_pids, gallery_pids, query_camids, gallery_camids, max_rank)


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
    return _evaluate(lambda rows: -distances[rows], *ids, max_rank)


def _evaluate(similarities, query_pids, gallery_pids, query_camids, gallery_camids, max_rank):
    """`similarities` gives those of some queries with the whole gallery, as an array of its own."""
    by_person = np.argsort(gallery_pids, kind="stable")
    first = np.searchsorted(gallery_pids[by_person], query_pids, side="left")
    last = np.searchsorted(gallery_pids[by_person], query_pids, side="right")

    queries = len(query_pids)
    ap = np.full(queries, np.nan)
    inp = np.full(queries, np.nan)
    hits = np.zeros(max_rank)
    for start in range(0, queries, QUERY_CHUNK):
        for i, row in enumerate(similarities(slice(start, start + QUERY_CHUNK)), start):
            same_person = by_person[first[i] : last[i]]
            same_camera = gallery_camids[same_person] == query_camids[i]
            matches = same_person[~same_camera]
            if not len(matches):
                continue
            row[same_person[same_camera]] = -np.inf
            ranks = _ranks(row, matches)
            order = np.arange(1, len(ranks) + 1)
            ap[i] = np.mean(order / ranks)
            inp[i] = len(ranks) / ranks[-1]
            hits[ranks[0] - 1 :] += 1
    valid = np.isfinite(ap)
    if not valid.any():
        raise InputError("no query has a match: a match is a gallery image of the same person in another camera")
    return RetrievalResult(
        mAP=float(ap[valid].mean()),
        cmc=hits / valid.sum(),
        mINP=float(inp[valid].mean()),
        ap=ap,
    )


def _ranks(similarities: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Ascending ranks, from 1, that a stable sort by falling similarity would give `matches`."""
    ranks = np.empty(len(matches), int)
    for place, match in enumerate(matches):
        similarity = similarities[match]
        closer = np.count_nonzero(similarities > similarity)
        ties_before = np.count_nonzero(similarities[:match] == similarity)
        ranks[place] = 1 + closer + ties_before
    ranks.sort()
    return ranks


def unit(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _check(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance, max_rank):
    if distance not in DISTANCES:
        raise InputError(f"distance must be one of {', '.join(DISTANCES)}; received {distance!r}")
    if max_rank < 1:
        raise InputError(f"max_rank must be at least 1; received {max_rank}")
    for name, features, pids, camids in (
        ("query", query, query_pids, query_camids),
        ("gallery", gallery, gallery_pids, gallery_camids),
    ):
        if features.ndim != 2 or not len(features):
            raise InputError(f"{name} must be (images, dimensions), at least one; received {features.shape}")
        if pids.shape != (len(features),) or camids.shape != (len(features),):
            raise InputError(f"{name}: {len(features)} embeddings, {pids.shape} person ids, {camids.shape} camera ids")
        bad = np.count_nonzero(~np.isfinite(features).all(axis=1))
        if bad:
            raise InputError(f"{name}: {bad} of {len(features)} embeddings are not finite")
    if query.shape[1] != gallery.shape[1]:
        raise InputError(f"query embeddings have {query.shape[1]} dimensions, gallery embeddings {gallery.shape[1]}")
