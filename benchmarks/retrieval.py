"""Retrieval at the sizes of Market-1501 and MSMT17, distances included, and re-ranking at that of Market-1501."""

import numpy as np

from benchmarks.timing import interleaved, peak_memory
from iaunet_tf.evaluation import evaluate_retrieval, rerank

DIMENSIONS = 2_048
# Queries, gallery, people, cameras; queries that NumPy sorts the gallery for, which has to fit into memory.
SIZES = {"Market-1501": (3_368, 15_913, 750, 6, 3_368), "MSMT17": (11_659, 82_161, 3_060, 15, 1_000)}
CHUNK = 256


def main(rounds: int = 2) -> None:
    """Prints seconds, memory over the arrays, and ratios to the bare matrix product and to sorting."""
    for name, (*size, part) in SIZES.items():
        everything = random_case(*size)
        query, gallery = everything[:2]
        few = (query[:part], gallery, everything[2][:part], everything[3], everything[4][:part], everything[5])
        seconds = interleaved(
            {
                "matrix product": lambda q=query, g=gallery: [
                    q[start : start + CHUNK] @ g.T for start in range(0, len(q), CHUNK)
                ][:0],
                "iaunet_tf": lambda every=everything: evaluate_retrieval(*every),
                f"iaunet_tf, {part} queries": lambda few=few: evaluate_retrieval(*few),
                f"NumPy, sorting, {part} queries": lambda few=few: by_sorting(*few),
            },
            rounds,
        )
        print(f"{name}: {len(query)} queries, {len(gallery)} gallery images, {DIMENSIONS} numbers each")
        for action, value in seconds.items():
            print(f"  {action:30}{value:7.2f} s")
        product, ours, ours_few, sorting = seconds.values()
        print(f"  iaunet_tf: {ours / product:.2f} x the bare product, {ours_few / sorting:.2f} x sorting")
        print(f"  memory over the arrays: {peak_memory(lambda every=everything: evaluate_retrieval(*every)):.0f} MB")
        difference = abs(evaluate_retrieval(*few).mAP - by_sorting(*few))
        print(f"  difference of the mAPs: {difference:.1e}", flush=True)
        if name == "Market-1501":
            (value,) = interleaved({"": lambda q=query, g=gallery: rerank(q, g)}, rounds).values()
            memory = peak_memory(lambda q=query, g=gallery: rerank(q, g))
            print(f"  re-ranking: {value:.1f} s, {memory:.0f} MB over the arrays", flush=True)


def random_case(queries, size, people, cameras):
    """Random clustered embeddings, and who and where."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((people, DIMENSIONS), "float32")
    pids = rng.integers(0, people, queries), rng.integers(0, people, size)
    embeddings = []
    for each in pids:
        noise = rng.standard_normal((len(each), DIMENSIONS), "float32")
        noise *= 3
        noise += centres[each]
        embeddings.append(noise)
    return *embeddings, *pids, rng.integers(0, cameras, queries), rng.integers(0, cameras, size)


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
