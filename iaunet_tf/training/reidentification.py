"""Person re-identification: pictures or tracklets to embeddings, judged by retrieval."""

import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.clips import LoadedTracklets, train_clips
from iaunet_tf.data.datasets import Dataset, has_match
from iaunet_tf.data.loading import LoadedSplit, load_split
from iaunet_tf.data.pipeline import train_batches
from iaunet_tf.data.readers import read_dataset
from iaunet_tf.data.sampling import Share, check_batches
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import embed_split, embed_tracklets, embedding_function
from iaunet_tf.evaluation.histograms import image_histograms, tracklet_histograms
from iaunet_tf.evaluation.report import draw_cmc, table
from iaunet_tf.evaluation.reranking import expand_queries, rerank
from iaunet_tf.evaluation.retrieval import RetrievalResult, evaluate_distances, evaluate_retrieval
from iaunet_tf.files import write_json
from iaunet_tf.models import IAUNet
from iaunet_tf.training.config import Config, DataConfig
from iaunet_tf.training.objective import objective
from iaunet_tf.training.run import Run
from iaunet_tf.training.strategies import is_chief
from iaunet_tf.training.task import Task
from iaunet_tf.weights import find_weights


@dataclass(frozen=True)
class LoadedDataset:
    """The three splits, checked and ready to read."""

    train: LoadedSplit | LoadedTracklets
    query: LoadedSplit | LoadedTracklets
    gallery: LoadedSplit | LoadedTracklets


class ReIdentification(Task):
    """Trains on people, looks for other people in a gallery. What differs between images and tracklets is below."""

    validation = ("mAP", "rank-1")
    entries: str  # what a gallery consists of
    video: bool

    def __init__(self, config: Config, anew: bool):
        self.config = config
        if anew and config.model.weights:
            find_weights(config.model.weights)
        dataset = read(config.data)
        check_matches(dataset)
        self.data = self._load(dataset)
        self.group_size = config.train.group_size
        self.steps = check_batches(self.data.train.split.labels, config.train.batch_size, self.group_size)

    @abstractmethod
    def _load(self, dataset: Dataset) -> LoadedDataset: ...

    @abstractmethod
    def _embed(self, embed: Callable, loaded) -> np.ndarray: ...

    @abstractmethod
    def _histograms(self, loaded) -> np.ndarray: ...

    def build_model(self, weights: str | None = None) -> keras.Model:
        model, data = self.config.model, self.config.data
        return IAUNet(
            self.data.train.split.num_people,
            (data.height, data.width, 3),
            video=self.video,
            block=model.block,
            width=model.width,
            weights=weights,
            recompute=model.recompute,
        )

    def objective(self, outputs: dict, batch: dict) -> tuple[tf.Tensor, dict]:
        return objective(outputs, batch, self.config.loss, self.config.train.mining)

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        retrieve = self._retrieval(model)

        def validate():
            result = retrieve()
            return {"mAP": result.mAP, "rank-1": result.rank(1)}

        return validate

    def _retrieval(self, model):
        """A function that looks for every query with the network's present state."""
        embed = self._embedder(model)
        return lambda: self._search(*self._of_both(embed))

    def _embedder(self, model):
        embed = embedding_function(model, self.config.eval.flip, self.config.data.clip_length)
        return lambda loaded: self._embed(embed, loaded)

    def evaluate(self, model: keras.Model, run: Run) -> dict[str, float]:
        start, options, name = time.perf_counter(), self.config.eval, self.config.name
        query, gallery = self._of_both(self._embedder(model))
        results = {name: self._search(query, gallery)}
        if options.expand:
            results[f"{name}, expanded"] = self._search(expand_queries(query, gallery, options.expand), gallery)
        if options.rerank:
            distances = rerank(query, gallery, distance=options.distance)
            results[f"{name}, re-ranked"] = evaluate_distances(distances, *self._ids())
        if options.histograms:
            results["colour histograms"] = evaluate_retrieval(*self._of_both(self._histograms), *self._ids())
        ours = results[self.config.name]
        if is_chief():
            print(f"\n{table(results)}\n")
            print(
                f"{ours.num_queries} queries with a match among {len(self.data.gallery.split)} gallery {self.entries}, "
                f"{time.perf_counter() - start:.1f} s; {run.metrics}, {run.cmc}"
            )
            write_json(run.metrics, {name: {**r.metrics(), "cmc": r.cmc.tolist()} for name, r in results.items()})
            draw_cmc(results, run.cmc)
        return ours.metrics()

    def _of_both(self, features: Callable) -> list[np.ndarray]:
        """Features of query and gallery."""
        return [features(loaded) for loaded in (self.data.query, self.data.gallery)]

    def _ids(self):
        """People of both, cameras of both."""
        splits = self.data.query.split, self.data.gallery.split
        return [*(split.pids for split in splits), *(split.camids for split in splits)]

    def _search(self, query: np.ndarray, gallery: np.ndarray) -> RetrievalResult:
        """Looks for every query in the gallery."""
        return evaluate_retrieval(query, gallery, *self._ids(), distance=self.config.eval.distance)


class ImageReIdentification(ReIdentification):
    """Single pictures."""

    entries, video = "images", False

    def _load(self, dataset: Dataset) -> LoadedDataset:
        config = self.config.data
        options = {
            "size": (config.height, config.width),
            "cache_dir": config.cache_dir,
            "on_corrupt": config.on_corrupt,
        }
        return LoadedDataset(
            load_split(dataset.train, cache=config.cache, **options),
            load_split(dataset.query, **options),
            load_split(dataset.gallery, **options),
        )

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        train, data = self.config.train, self.config.data
        return train_batches(
            self.data.train, train.batch_size, train.group_size, self.config.seed, epoch, data.flip, data.erase, share
        )

    def _embed(self, embed, loaded):
        return embed_split(embed, loaded, self.config.eval.batch_size)

    def _histograms(self, loaded):
        return image_histograms(loaded)


class TrackletReIdentification(ReIdentification):
    """Clips of tracklets."""

    examples, entries, video = "clips", "tracklets", True

    def _load(self, dataset: Dataset) -> LoadedDataset:
        config = self.config.data
        if config.cache == "disk":
            raise InputError("data.cache disk keeps images, not tracklets; choose memory or none")
        size = (config.height, config.width)
        return LoadedDataset(
            LoadedTracklets(dataset.train, size, config.cache, config.on_corrupt),
            LoadedTracklets(dataset.query, size, "none", config.on_corrupt),
            LoadedTracklets(dataset.gallery, size, "none", config.on_corrupt),
        )

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        train, data = self.config.train, self.config.data
        return train_clips(
            self.data.train,
            data.clip_length,
            data.clip_stride,
            train.batch_size,
            train.group_size,
            self.config.seed,
            epoch,
            data.flip,
            data.erase,
            share,
        )

    def _embed(self, embed, loaded):
        config = self.config.eval
        return embed_tracklets(embed, loaded, self.config.data.clip_length, config.batch_size, config.clips)

    def _histograms(self, loaded):
        return tracklet_histograms(loaded)


def read(config: DataConfig) -> Dataset:
    """Reads the data set and says what it holds."""
    dataset, warnings = read_dataset(config.name, config.root, config.split, config.cache_dir)
    if config.masks == "none":
        dataset = replace(dataset, train=dataset.train.without_masks())
    print("\n".join([f"{config.name} in {config.root}", dataset.summary(), *warnings]))
    if not dataset.train.has_masks:
        print("training goes on without part masks and without their loss")
    return dataset


def check_matches(dataset: Dataset) -> None:
    """Makes sure that there is something to find, before training rather than after.

    Raises:
        InputError: no query has a match.
    """
    if not has_match(dataset.query, dataset.gallery).any():
        raise InputError(
            f"{dataset.name}: no query has a match, an entry of the gallery with the same person in another camera"
        )
