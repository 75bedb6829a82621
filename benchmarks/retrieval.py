"""Time and memory of retrieval, with distances, at the sizes of Market-1501 and MSMT17, and of re-ranking."""

from functools import partial

import numpy as np

from benchmarks.timing import interleaved, peak_memory
from iaunet_tf.evaluation import evaluate_retrieval, rerank
from iaunet_tf.evaluation.cameras import CameraPairs
from iaunet_tf.evaluation.embeddings import query_and_gallery
from iaunet_tf.evaluation.pairs import Pairs
from iaunet_tf.evaluation.ranking import Ranking
from iaunet_tf.evaluation.search import Nearest, Search

DIMENSIONS = 2_048
# Numbers of queries, gallery images, identities and cameras; and of queries for sorting in NumPy, limited by memory.
SIZES = {"Market-1501": (3_368, 15_913, 750, 6, 3_368), "MSMT17": (11_659, 82_161, 3_060, 15, 1_000)}
CHUNK = 256


def main(rounds: int = 2) -> None:
    """Prints the time, the memory besides the arrays, and ratios to the matrix product and to sorting."""
    for name, (*size, part) in SIZES.items():
        everything = random_case(*size)
        query, gallery, query_pids, gallery_pids, query_camids, gallery_camids = everything
        few = query[:part], gallery, query_pids[:part], gallery_pids, query_camids[:part], gallery_camids
        print(f"{name}: {len(query)} queries, {len(gallery)} gallery images, {DIMENSIONS} numbers each")
        # Measure memory first, before the process keeps memory that was freed.
        peak = peak_memory(partial(evaluate_retrieval, *everything))
        print(f"  memory besides the arrays: {peak / 1e6:.0f} MB")
        if name == "Market-1501":
            again = partial(rerank, query, gallery)
            print(f"  re-ranking, memory besides the arrays: {peak_memory(again) / 1e6:.0f} MB")
            print(f"  re-ranking: {interleaved({'': again}, rounds)['']:.1f} s")
        actions = {
            "matrix product": partial(product, query, gallery),
            "iaunet_tf": partial(evaluate_retrieval, *everything),
            "iaunet_tf, all metrics at once": partial(all_metrics, *everything),
            f"iaunet_tf, {part} queries": partial(evaluate_retrieval, *few),
            f"NumPy, sorting, {part} queries": partial(by_sorting, *few),
        }
        seconds = interleaved(actions, rounds)
        for action, value in seconds.items():
            print(f"  {action:30}{value:7.2f} s")
        bare, ours, _, ours_few, sorting = seconds.values()
        print(f"  iaunet_tf: {ours / bare:.2f} x the matrix product, {ours_few / sorting:.2f} x sorting")
        difference = abs(evaluate_retrieval(*few).mAP - by_sorting(*few))
        print(f"  difference of the mAPs: {difference:.1e}", flush=True)


def product(query: np.ndarray, gallery: np.ndarray) -> None:
    """Computes all similarities without using them."""
    for start in range(0, len(query), CHUNK):
        query[start : start + CHUNK] @ gallery.T


def all_metrics(*arrays) -> None:
    """Ranking, pairs, pairs of cameras and nearest neighbours in one walk, as an evaluation with a report does."""
    query, gallery = query_and_gallery(*arrays)
    search = Search(query, gallery)
    search.run(Ranking(len(query)), Pairs(search), CameraPairs(query, gallery), Nearest(search))


def random_case(queries, size, people, cameras):
    """Creates random clustered embeddings with random identities and camera ids."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((people, DIMENSIONS), "float32")
    pids = rng.integers(0, people, queries), rng.integers(0, people, size)
    embeddings = [rng.standard_normal((len(each), DIMENSIONS), "float32") for each in pids]
    for noise, each in zip(embeddings, pids, strict=True):
        noise *= 3
        noise += centres[each]
    return *embeddings, *pids, rng.integers(0, cameras, queries), rng.integers(0, cameras, size)


def by_sorting(query, gallery, query_pids, gallery_pids, query_camids, gallery_camids) -> float:
    """Computes mAP in the usual way, by sorting the gallery."""
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
