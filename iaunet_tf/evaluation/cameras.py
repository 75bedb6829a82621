"""Which cameras are hard to search from which."""

import numpy as np

from iaunet_tf.evaluation.retrieval import check_ids, evaluate_retrieval

# Where every picture counts as of a camera of its own there is nothing to see.
MOST_CAMERAS = 64


def by_camera_pair(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    distance: str = "cosine",
) -> list[dict]:
    """Searches for the queries of each camera in the images of each other camera alone.

    Args:
        query, gallery, query_pids, gallery_pids, query_camids, gallery_camids, distance: as for `evaluate_retrieval`.

    Returns:
        For each pair in which a query has a match: `query_camera`, `gallery_camera`, `queries` with a match, `mAP` and
        `rank-1` in 0..1. Nothing of more than 64 cameras.

    Raises:
        InputError: sizes do not fit, or embeddings are not finite.
    """
    ids = check_ids(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    query_pids, gallery_pids, query_camids, gallery_camids = ids
    rows: list[dict] = []
    if len(np.union1d(query_camids, gallery_camids)) > MOST_CAMERAS:
        return rows
    for here in np.unique(query_camids):
        asked = query_camids == here
        for there in np.unique(gallery_camids[gallery_camids != here]):
            searched = gallery_camids == there
            cameras = np.full(asked.sum(), here), np.full(searched.sum(), there)
            if not np.isin(query_pids[asked], gallery_pids[searched]).any():
                continue
            result = evaluate_retrieval(
                query[asked], gallery[searched], query_pids[asked], gallery_pids[searched], *cameras, distance
            )
            rows.append(
                {
                    "query_camera": int(here),
                    "gallery_camera": int(there),
                    "queries": result.num_queries,
                    "mAP": result.mAP,
                    "rank-1": result.rank(1),
                }
            )
    return rows
