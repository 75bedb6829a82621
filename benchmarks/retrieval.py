"""Retrieval at Market-1501's size, distances included, against NumPy that sorts the gallery."""

import numpy as np

from benchmarks.timing import interleaved
from iaunet_tf.evaluation import evaluate_retrieval

QUERIES, GALLERY, DIMENSIONS, PEOPLE, CAMERAS = 3_368, 15_913, 2_048, 750, 6


def main(rounds: int = 3) -> None:
    """Prints seconds and the ratios to the bare matrix product and to sorting."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(PEOPLE, DIMENSIONS)).astype("float32")
    query_pids, gallery_pids = rng.integers(0, PEOPLE, QUERIES), rng.integers(0, PEOPLE, GALLERY)
    query, gallery = (
        centres[pids] + 3 * rng.normal(size=(len(pids), DIMENSIONS)).astype("float32")
        for pids in (query_pids, gallery_pids)
    )
    query_camids, gallery_camids = rng.integers(0, CAMERAS, QUERIES), rng.integers(0, CAMERAS, GALLERY)
    everything = (query, gallery, query_pids, gallery_pids, query_camids, gallery_camids)
    seconds = interleaved(
        {
            "matrix product": lambda: query @ gallery.T,
            "iaunet_tf": lambda: evaluate_retrieval(*everything),
            "NumPy, sorting": lambda: by_sorting(*everything),
        },
        rounds,
    )
    for name, value in seconds.items():
        print(f"{name:16}{value:7.2f} s")
    ours = seconds["iaunet_tf"]
    print(
        f"iaunet_tf takes {ours / seconds['matrix product']:.2f} x the bare matrix product, "
        f"{ours / seconds['NumPy, sorting']:.2f} x the sorting version"
    )
    difference = abs(evaluate_retrieval(*everything).mAP - by_sorting(*everything))
    print(f"difference of the two mAPs: {difference:.1e}", flush=True)


def by_sorting(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids) -> float:
    """mAP as it is usually computed."""
    query, gallery = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery))
    order = np.argsort(-(query @ gallery.T), axis=1)
    ap = []
    for i, row in enumerate(order):
        same = gallery_pids[row] == query_pids[i]
        same = same[~(same & (gallery_camids[row] == query_camids[i]))]
        ranks = np.flatnonzero(same) + 1
        if len(ranks):
            ap.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(ap))
