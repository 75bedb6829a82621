"""Person re-identification: pictures to embeddings, judged by retrieval."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from iaunet_tf.data.datasets import Split
from iaunet_tf.data.embedded import ensure_embedded
from iaunet_tf.data.loading import LoadedSplit, load_split
from iaunet_tf.data.market1501 import read_market1501
from iaunet_tf.data.pipeline import train_batches
from iaunet_tf.data.sampling import check_batches
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import embed_split, embedding_function
from iaunet_tf.evaluation.histograms import colour_histograms
from iaunet_tf.evaluation.report import draw_cmc, table
from iaunet_tf.evaluation.retrieval import RetrievalResult, evaluate_retrieval
from iaunet_tf.files import write_json
from iaunet_tf.models import IAUNet
from iaunet_tf.training.config import Config, DataConfig, EvalConfig
from iaunet_tf.training.objective import objective
from iaunet_tf.training.run import Run
from iaunet_tf.training.task import Task
from iaunet_tf.weights import find_weights


@dataclass(frozen=True)
class LoadedDataset:
    """The three splits, checked and ready to read."""

    train: LoadedSplit
    query: LoadedSplit
    gallery: LoadedSplit


class ReIdentification(Task):
    """Trains on people, looks for other people in a gallery."""

    validation = ("mAP", "rank-1")

    def __init__(self, config: Config):
        self.config = config
        if config.model.weights:
            find_weights(config.model.weights)
        self.data = load_data(config.data)
        self.group_size = config.train.group_size
        self.steps = check_batches(self.data.train.split.labels, config.train.batch_size, self.group_size)

    def build_model(self, weights: str | None = None) -> keras.Model:
        model, data = self.config.model, self.config.data
        return IAUNet(
            self.data.train.split.num_people,
            (data.height, data.width, 3),
            block=model.block,
            width=model.width,
            weights=weights,
        )

    def batches(self, epoch: int) -> tf.data.Dataset:
        train, data = self.config.train, self.config.data
        return train_batches(
            self.data.train, train.batch_size, train.group_size, self.config.seed, epoch, data.flip, data.erase
        )

    def objective(self, outputs: dict, batch: dict) -> tuple[tf.Tensor, dict]:
        return objective(outputs, batch, self.config.loss)

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        embed = embedding_function(model, self.config.eval.flip)

        def validate():
            result = search(embed, self.data, self.config.eval)
            return {"mAP": result.mAP, "rank-1": result.rank(1)}

        return validate

    def evaluate(self, model: keras.Model, run: Run) -> None:
        start = time.perf_counter()
        config = self.config.eval
        results = {self.config.name: search(embedding_function(model, config.flip), self.data, config)}
        if config.histograms:
            histograms = (colour_histograms(split) for split in (self.data.query, self.data.gallery))
            results["colour histograms"] = _match(*histograms, self.data, "cosine")
        ours = results[self.config.name]
        print(f"\n{table(results)}\n")
        print(
            f"{ours.num_queries} queries with a match among {len(self.data.gallery.split)} gallery images, "
            f"{time.perf_counter() - start:.1f} s; {run.metrics}, {run.cmc}"
        )
        write_json(run.metrics, {name: {**r.metrics(), "cmc": r.cmc.tolist()} for name, r in results.items()})
        draw_cmc(results, run.cmc)


def load_data(config: DataConfig) -> LoadedDataset:
    """Reads the data set and checks every picture, before any long work."""
    if config.name == "embedded":
        ensure_embedded(config.root)
    dataset = read_market1501(config.root, config.name)
    train = dataset.train
    if config.masks == "none":
        train = train.without_masks()
    print(f"{config.name} in {config.root}\n{dataset.summary()}")
    if all(folder is None for folder in train.masks):
        print("training goes on without part masks and without their loss")
    check_matches(dataset.query, dataset.gallery)
    size = (config.height, config.width)
    options = {"cache_dir": config.cache_dir, "on_corrupt": config.on_corrupt}
    return LoadedDataset(
        load_split(train, size, config.cache, **options),
        load_split(dataset.query, size, "none", **options),
        load_split(dataset.gallery, size, "none", **options),
    )


def check_matches(query: Split, gallery: Split) -> None:
    """Makes sure that there is something to find, before training rather than after.

    Raises:
        InputError: no query has a match.
    """
    cameras: dict[int, set[int]] = {}
    for pid, camid in zip(gallery.pids, gallery.camids, strict=True):
        cameras.setdefault(pid, set()).add(camid)
    if not any(cameras.get(pid, set()) - {camid} for pid, camid in zip(query.pids, query.camids, strict=True)):
        raise InputError(
            f"{query.paths[0].parent}: no query has a match: a gallery image of the same person in another camera"
        )


def search(embed: Callable, data: LoadedDataset, config: EvalConfig) -> RetrievalResult:
    """Looks for every query in the gallery, with an `embedding_function`."""
    embeddings = (embed_split(embed, split, config.batch_size) for split in (data.query, data.gallery))
    return _match(*embeddings, data, config.distance)


def _match(query, gallery, data, distance):
    splits = data.query.split, data.gallery.split
    pids, camids = [s.pids for s in splits], [s.camids for s in splits]
    return evaluate_retrieval(query, gallery, *pids, *camids, distance=distance)
