"""Person re-identification: pictures or tracklets to embeddings, judged by retrieval."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.clips import LoadedTracklets, train_clips
from iaunet_tf.data.datasets import Dataset, Split, has_match, join
from iaunet_tf.data.loading import LoadedSplit, load_split
from iaunet_tf.data.part_masks import prior_masks
from iaunet_tf.data.pipeline import train_batches
from iaunet_tf.data.readers import read_dataset
from iaunet_tf.data.sampling import Share, check_batches
from iaunet_tf.data.tracklets import Tracklets
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.cameras import by_camera_pair
from iaunet_tf.evaluation.confidence import confidence_intervals
from iaunet_tf.evaluation.embeddings import embed_split, embed_tracklets, embedding_function, stored_embeddings
from iaunet_tf.evaluation.figures import draw_cmc, draw_roc, table, write_cameras
from iaunet_tf.evaluation.histograms import image_histograms, tracklet_histograms
from iaunet_tf.evaluation.pairs import compare_pairs
from iaunet_tf.evaluation.reranking import expand_queries, rerank
from iaunet_tf.evaluation.retrieval import (
    RetrievalResult,
    combine,
    evaluate_distances,
    evaluate_retrieval,
    evaluate_single_shot,
)
from iaunet_tf.files import write_json
from iaunet_tf.inference.keras_files import load_network, network_file
from iaunet_tf.models import IAUNet
from iaunet_tf.training.config import Config, DataConfig
from iaunet_tf.training.objective import objective
from iaunet_tf.training.run import Run
from iaunet_tf.training.strategies import is_chief
from iaunet_tf.training.task import Task
from iaunet_tf.weights import find_weights


@dataclass(frozen=True)
class TestSet:
    """Where people are looked for."""

    name: str
    query: LoadedSplit | LoadedTracklets
    gallery: LoadedSplit | LoadedTracklets

    @property
    def ids(self) -> list[np.ndarray]:
        """People of both, cameras of both."""
        splits = self.query.split, self.gallery.split
        return [*(split.pids for split in splits), *(split.camids for split in splits)]


class ReIdentification(Task):
    """Trains on people, looks for other people in a gallery. What differs between images and tracklets is below."""

    validation = ("mAP", "rank-1")
    entries: str  # what a gallery consists of
    video: bool

    def __init__(self, config: Config, purpose: str):
        self.config = config
        if purpose == "train" and config.model.weights:
            find_weights(config.model.weights)
        for source in config.eval.ensemble:
            network_file(source)
        train, tests = read(config.data)
        if purpose != "evaluate":
            self.train = self._load(train, training=True)
            self.group_size = config.train.group_size
            self.steps = check_batches(self.train.split.labels, config.train.batch_size, self.group_size)
        self.tests = [TestSet(test.name, self._load(test.query), self._load(test.gallery)) for test in tests]
        prior = prior_masks(config.data.height, config.data.width) if config.data.masks == "prior" else None
        self.everybodys = {} if prior is None else {"masks": tf.constant(prior)}

    @abstractmethod
    def _load(self, split: Split | Tracklets, size: tuple[int, int] | None = None, training: bool = False):
        """Checks the pictures; `size` if it is not the network's."""

    @abstractmethod
    def _embed(self, embed: Callable, loaded, new: Callable = np.empty) -> np.ndarray: ...

    @abstractmethod
    def _histograms(self, loaded) -> np.ndarray: ...

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.config.data.height, self.config.data.width

    def build_model(self, weights: str | None = None) -> keras.Model:
        model = self.config.model
        return IAUNet(
            self.train.split.num_people,
            (*self.size, 3),
            video=self.video,
            block=model.block,
            width=model.width,
            weights=weights,
            recompute=model.recompute,
        )

    def objective(self, outputs: dict, batch: dict) -> tuple[tf.Tensor, dict]:
        return objective(outputs, {**batch, **self.everybodys}, self.config.loss, self.config.train.mining)

    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        embed, test = self._embedder(model), self.tests[0]

        def validate():
            result = self.search(*(self._embed(embed, loaded) for loaded in (test.query, test.gallery)), test)
            return {"mAP": result.mAP, "rank-1": result.rank(1)}

        return validate

    def _embedder(self, model):
        return embedding_function(model, self.config.eval.flip, self.config.data.clip_length)

    def embeddings(self, model: keras.Model, test: TestSet, run: Run) -> list[np.ndarray]:
        """Embeddings of query and gallery, from the run's folder, memory-mapped, where they are there already."""
        options = [self.config.eval.flip, self.config.eval.clips, self.config.data.clip_length, self.size]
        embed = self._embedder(model)

        def of(loaded, part):
            path, source = run.embeddings / f"{test.name}-{part}.npy", [*options, *loaded.split.signature()]
            return stored_embeddings(path, model, source, lambda new: self._embed(embed, loaded, new))

        return [of(test.query, "query"), of(test.gallery, "gallery")]

    def _together(self, query, gallery, test):
        """The same with those of `eval.ensemble`."""
        distance, together = self.config.eval.distance, [[query], [gallery]]
        for source in self.config.eval.ensemble:
            other = load_network(source)
            if (len(other.inputs[0].shape) == 5) != self.video:
                raise InputError(f"{source}: embeds {'images, not clips' if self.video else 'clips, not images'}")
            embed = self._embedder(other)
            for own, loaded in zip(together, (test.query, test.gallery), strict=True):
                own.append(self._embed(embed, self._load(loaded.split, other.inputs[0].shape[-3:-1])))
        return [combine(each, distance) for each in together]

    def evaluate(self, model: keras.Model, run: Run) -> dict[str, float]:
        start, distance = time.perf_counter(), self.config.eval.distance
        results, pairs, figures, cameras = {}, {}, {}, []
        for test in self.tests:
            label = self.label(test)
            query, gallery = self.embeddings(model, test, run)
            results.update(self._results(query, gallery, test))
            pairs[label] = compare_pairs(query, gallery, *test.ids, distance)
            intervals = confidence_intervals(results[label], test.query.split.pids)
            figures[label] = {"95 %": intervals, **pairs[label].metrics()}
            between = by_camera_pair(query, gallery, *test.ids, distance)
            cameras += [{"test": test.name, **row} for row in between]
        label = self.label(self.tests[0])
        first = results[label]
        if is_chief():
            print(f"\n{table(results)}\n")
            for name, values in figures.items():
                print(describe(name, values))
            print(
                f"{first.num_queries} queries with a match among {len(self.tests[0].gallery.split)} gallery "
                f"{self.entries}, {time.perf_counter() - start:.1f} s; {run.metrics}"
            )
            content = {
                name: {**result.metrics(), "cmc": result.cmc.tolist(), **figures.get(name, {})}
                for name, result in results.items()
            }
            write_json(run.metrics, content)
            draw_cmc(results, run.cmc)
            draw_roc(pairs, run.roc)
            write_cameras(cameras, run.cameras)
        return {**first.metrics(), **pairs[label].metrics()}

    def _results(self, query, gallery, test) -> Iterator[tuple[str, RetrievalResult]]:
        """The ordinary evaluation, and what else the configuration wants, by label."""
        options, label = self.config.eval, self.label(test)
        yield label, self.search(query, gallery, test)
        if options.expand:
            expanded = expand_queries(query, gallery, options.expand)
            yield f"{label}, expanded", self.search(expanded, gallery, test)
        if options.rerank:
            distances = rerank(query, gallery, distance=options.distance)
            yield f"{label}, re-ranked", evaluate_distances(distances, *test.ids)
        if options.ensemble:
            together = self._together(query, gallery, test)
            yield f"{label}, ensemble of {1 + len(options.ensemble)}", self.search(*together, test)
        if options.histograms:
            on = f" on {test.name}" if self.config.data.test else ""
            colours = self._histograms(test.query), self._histograms(test.gallery)
            yield f"colour histograms{on}", self.search(*colours, test)

    def label(self, test: TestSet) -> str:
        """What a result is called: the experiment's name, with that of another data set than its own."""
        return self.config.name if not self.config.data.test else f"{self.config.name} on {test.name}"

    def search(self, query: np.ndarray, gallery: np.ndarray, test: TestSet) -> RetrievalResult:
        """Looks for every query in the gallery."""
        evaluate = evaluate_single_shot if self.config.eval.protocol == "cuhk03" else evaluate_retrieval
        return evaluate(query, gallery, *test.ids, distance=self.config.eval.distance)


def describe(label: str, figures: dict) -> str:
    """One line of confidence intervals and true positive rates, in percent."""
    intervals = [f"{name} {100 * low:.1f} to {100 * high:.1f}" for name, (low, high) in figures["95 %"].items()]
    rates = [f"{name} {100 * value:.1f}" for name, value in figures.items() if name.startswith("TPR")]
    return f"{label}: {', '.join(intervals)} (95 % of resampled people); {', '.join(rates)}"


class ImageReIdentification(ReIdentification):
    """Single pictures."""

    entries, video = "images", False

    def _load(self, split, size=None, training=False):
        config = self.config.data
        cache = config.cache if training else "none"
        return load_split(split, size or self.size, cache, config.cache_dir, config.on_corrupt)

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        train, data = self.config.train, self.config.data
        return train_batches(
            self.train, train.batch_size, train.group_size, self.config.seed, epoch, data.flip, data.erase, share
        )

    def _embed(self, embed, loaded, new=np.empty):
        return embed_split(embed, loaded, self.config.eval.batch_size, new)

    def _histograms(self, loaded):
        return image_histograms(loaded)


class TrackletReIdentification(ReIdentification):
    """Clips of tracklets."""

    examples, entries, video = "clips", "tracklets", True

    def _load(self, split, size=None, training=False):
        config = self.config.data
        if config.cache == "disk":
            raise InputError("data.cache disk keeps images, not tracklets; choose memory or none")
        return LoadedTracklets(split, size or self.size, config.cache if training else "none", config.on_corrupt)

    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        train, data = self.config.train, self.config.data
        return train_clips(
            self.train,
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

    def _embed(self, embed, loaded, new=np.empty):
        config = self.config.eval
        return embed_tracklets(embed, loaded, self.config.data.clip_length, config.batch_size, config.clips, new)

    def _histograms(self, loaded):
        return tracklet_histograms(loaded)


def read(config: DataConfig) -> tuple[Split | Tracklets, list[Dataset]]:
    """Reads the data sets and says what they hold.

    Returns:
        What to train on, and where to look for people.

    Raises:
        InputError: a data set cannot be read, or there is nobody to be found.
    """

    def read_one(name, root, split=0):
        dataset, warnings = read_dataset(name, root, split, config.cache_dir)
        print("\n".join([f"{name} in {root}", dataset.summary(), *warnings]))
        return dataset

    own = read_one(config.name, config.root, config.split)
    more, tests = ([read_one(*entry.split("=", 1)) for entry in entries] for entries in (config.more, config.test))
    train = join([dataset.train for dataset in (own, *more)]) if more else own.train
    for test in tests or [own]:
        check_matches(test)
    if more:
        print(f"together\n{train.summary()}")
    if config.masks != "files":
        train = train.without_masks()
    if config.masks == "prior":
        print("part masks are guesses, the same for everybody")
    elif not train.has_masks:
        print("training goes on without part masks and without their loss; --data.masks prior guesses some")
    return train, tests or [own]


def check_matches(dataset: Dataset) -> None:
    """Makes sure that there is something to find, before training rather than after.

    Raises:
        InputError: no query has a match.
    """
    if not has_match(dataset.query, dataset.gallery).any():
        raise InputError(
            f"{dataset.name}: no query has a match, an entry of the gallery with the same person in another camera"
        )
