"""The metrics as functions of arrays."""

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.cameras import CameraPairs
from iaunet_tf.evaluation.embeddings import ids_of, query_and_gallery
from iaunet_tf.evaluation.open_set import OpenSet, OpenSetDistances
from iaunet_tf.evaluation.pairs import BINS, PairDistances, Pairs
from iaunet_tf.evaluation.ranking import MAX_RANK, Ranking, RetrievalResult
from iaunet_tf.evaluation.search import Nearest, Search, each_query
from iaunet_tf.evaluation.single_shot import REPEATS, SingleShot
from iaunet_tf.vectors import as_array


def evaluate_retrieval(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    distance: str = "cosine",
    max_rank: int = MAX_RANK,
    chunk: int | None = None,
) -> RetrievalResult:
    """Ranks the gallery for every query, by the protocol of Market-1501.

    For each query, gallery images of the same person in the same camera are left out. Everybody else stays, including
    distractors; junk (person -1) is removed when a data set is read. Queries without a match are not counted. At equal
    distance the gallery's order decides. Embeddings may be memory-mapped; beside them only a few similarities per
    gallery image and chunk of queries are held.

    Args:
        query: embeddings `(Q, D)`.
        gallery: embeddings `(G, D)`.
        query_pids: identities `(Q,)`, whole numbers or text.
        gallery_pids: identities `(G,)`, likewise.
        query_camids: camera ids `(Q,)`, likewise. Without them nothing is left out: keep images that are queries out of
            the gallery.
        gallery_camids: camera ids `(G,)`, likewise.
        distance: `"cosine"` or `"euclidean"`.
        max_rank: length of the CMC curve.
        chunk: queries at a time; None chooses by the size of the gallery.

    Raises:
        InputError: sizes differ; embeddings are not finite, or too large or too small for float32, or zero under the
            cosine distance; ids are not the same kind on both sides; an argument is out of range; or no query has a
            match.
    """
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    return Search(*pair, distance, chunk).run(Ranking(len(query), max_rank))[0]


def evaluate_distances(
    distances: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    max_rank: int = MAX_RANK,
) -> RetrievalResult:
    """Evaluates `(Q, G)` distances that are there already, such as those of `rerank`, as `evaluate_retrieval` does.

    Raises:
        InputError: sizes differ, distances are not finite, or no query has a match.
    """
    distances = as_array(distances, "distances")
    query, gallery = ids_of(query_pids, gallery_pids, query_camids, gallery_camids)
    counts = len(query), len(gallery)
    if not distances.size or distances.shape != counts or (len(query.camids), len(gallery.camids)) != counts:
        raise InputError(f"{distances.shape} distances do not go with {len(query)} queries and {len(gallery)} others")
    if distances.dtype.kind not in "fiu" or not np.isfinite(distances).all():
        raise InputError(f"some distances are not finite real numbers; received {distances.dtype}")
    floating = np.result_type(distances, "float32")
    ranking = Ranking(len(query), max_rank)
    for row in each_query(lambda rows: np.negative(distances[rows], dtype=floating), query, gallery):
        ranking.add(*row)
    return ranking.result()


def evaluate_single_shot(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    distance: str = "cosine",
    max_rank: int = MAX_RANK,
    repeats: int = REPEATS,
    seed: int = 0,
) -> RetrievalResult:
    """Evaluates by the protocol of CUHK03: each query is looked for among one image of each person.

    Arguments and errors are those of `evaluate_retrieval`. Metrics are averaged over `repeats`
    galleries, drawn for each query from `seed`.
    """
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    return Search(*pair, distance).run(SingleShot(*pair, max_rank, repeats, seed))[0]


def nearest(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    distance: str = "cosine",
    k: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the `k` gallery images nearest to each query; those of the same person in the same camera are left out.

    Arguments and errors are those of `evaluate_retrieval`; a smaller gallery is returned whole.
    Returns int `(Q, k)` places in the gallery, nearest first, and float32 `(Q, k)` distances,
    infinite where fewer are left.
    """
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    search = Search(*pair, distance)
    return search.run(Nearest(search, k))[0]


def compare_pairs(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    distance: str = "cosine",
    bins: int = BINS,
) -> PairDistances:
    """Counts the distances of all pairs in `bins`, for the ROC curve and thresholds; those of the same person in the
    same camera are left out. Arguments and errors are those of `evaluate_retrieval`."""
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    search = Search(*pair, distance)
    return search.run(Pairs(search, bins))[0]


def evaluate_open_set(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray | None = None,
    gallery_camids: np.ndarray | None = None,
    distance: str = "cosine",
) -> OpenSetDistances:
    """Looks for every query in the gallery with and without its own person, for thresholds of "nobody"; entries of the
    same person in the same camera are left out. Arguments and errors are those of `evaluate_retrieval`."""
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    search = Search(*pair, distance)
    return search.run(OpenSet(search))[0]


def by_camera_pair(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
) -> list[dict]:
    """Evaluates each pair of cameras alone, see `CameraPairs`; arguments and errors are those of
    `evaluate_retrieval`."""
    pair = query_and_gallery(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    return Search(*pair, distance).run(CameraPairs(*pair))[0]
