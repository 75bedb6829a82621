"""The evaluation of a trained network."""

import time
from collections.abc import Callable

import keras

from iaunet_tf.evaluation.embeddings import embed_split, embedding_function
from iaunet_tf.evaluation.histograms import colour_histograms
from iaunet_tf.evaluation.report import draw_cmc, table
from iaunet_tf.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from iaunet_tf.files import write_json
from iaunet_tf.training.config import Config, EvalConfig
from iaunet_tf.training.inputs import LoadedDataset
from iaunet_tf.training.run import Run


def search(embed: Callable, data: LoadedDataset, config: EvalConfig) -> RetrievalResult:
    """Looks for every query in the gallery, with an `embedding_function`."""
    embeddings = (embed_split(embed, split, config.batch_size) for split in (data.query, data.gallery))
    return _match(*embeddings, data, config.distance)


def _match(query, gallery, data, distance):
    splits = data.query.split, data.gallery.split
    pids, camids = [s.pids for s in splits], [s.camids for s in splits]
    return evaluate_retrieval(query, gallery, *pids, *camids, distance=distance)


def evaluate(config: Config, run: Run, model: keras.Model, data: LoadedDataset) -> dict[str, RetrievalResult]:
    """Evaluates, prints the table, and writes `metrics.json` and `cmc.png`."""
    start = time.perf_counter()
    embed = embedding_function(model, config.eval.flip)
    results = {config.name: search(embed, data, config.eval)}
    if config.eval.histograms:
        histograms = (colour_histograms(split) for split in (data.query, data.gallery))
        results["colour histograms"] = _match(*histograms, data, "cosine")
    ours = results[config.name]
    print(f"\n{table(results)}\n")
    print(
        f"{ours.num_queries} queries with a match among {len(data.gallery.split)} gallery images, "
        f"{time.perf_counter() - start:.1f} s; {run.metrics}, {run.cmc}"
    )
    content = {name: {**r.metrics(), "cmc": r.cmc.tolist()} for name, r in results.items()}
    write_json(run.metrics, content)
    draw_cmc(results, run.cmc)
    return results
