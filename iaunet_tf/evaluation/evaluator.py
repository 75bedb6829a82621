"""A network on test sets: from embeddings to results."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from iaunet_tf.data.dataset import Dataset, has_match
from iaunet_tf.data.sources import Source, open_source
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.cameras import CameraPairs
from iaunet_tf.evaluation.confidence import confidence_intervals
from iaunet_tf.evaluation.embeddings import Embeddings, combine
from iaunet_tf.evaluation.functions import evaluate_distances
from iaunet_tf.evaluation.histograms import histograms
from iaunet_tf.evaluation.open_set import OpenSet, OpenSetDistances
from iaunet_tf.evaluation.pairs import PairDistances, Pairs
from iaunet_tf.evaluation.per_camera import standardise_per_camera
from iaunet_tf.evaluation.ranking import Ranking, RetrievalResult
from iaunet_tf.evaluation.reranking import expand_queries, rerank
from iaunet_tf.evaluation.search import Nearest, Search
from iaunet_tf.evaluation.single_shot import SingleShot
from iaunet_tf.thresholds import Thresholds

# From a source, and a name under which its embeddings may be stored, to vectors `(N, D)`.
Extract = Callable[[Source, str], np.ndarray]


@dataclass(frozen=True)
class TestSet:
    """Query and gallery of a data set, and its names of people and cameras by id, as in `Dataset`."""

    name: str
    query: Source
    gallery: Source
    people: dict[int, str] = field(default_factory=dict)
    cameras: dict[int, str] = field(default_factory=dict)

    def person(self, pid: int) -> int | str:
        """What the data set calls a person: a name, or the id itself."""
        return self.people.get(int(pid), int(pid))

    def camera(self, camid: int) -> int | str:
        """What the data set calls a camera: a name, or the id itself."""
        return self.cameras.get(int(camid), int(camid))


@dataclass(frozen=True)
class Evaluation:
    """What a network achieves on one test set.

    Attributes:
        results: rankings by label, the ordinary one first.
        cameras: metrics of each pair of cameras, see `CameraPairs`, by the names of the data set.
        intervals: 95 % confidence intervals by name.
        nearest: places and distances of what queries find first, see `Nearest`; None unless asked for.
        metric: `"cosine"` or `"euclidean"`.
    """

    test: TestSet
    query: Embeddings
    gallery: Embeddings
    results: dict[str, RetrievalResult]
    pairs: PairDistances
    open_set: OpenSetDistances
    cameras: list[dict]
    intervals: dict[str, tuple[float, float]]
    nearest: tuple[np.ndarray, np.ndarray] | None
    metric: str

    @property
    def label(self) -> str:
        """Label of the ordinary ranking."""
        return next(iter(self.results))

    @property
    def ranking(self) -> RetrievalResult:
        """The ordinary ranking."""
        return self.results[self.label]

    @cached_property
    def thresholds(self) -> Thresholds:
        """Distances below which two images are called one person, with the rates at which that is wrong and right."""
        query, gallery = self.test.query.subset, self.test.gallery.subset
        people = len(np.unique(query.pids))
        data = f"{self.test.name}: {len(query)} queries of {people} people, {len(gallery)} gallery {gallery.unit}"
        return Thresholds(data, self.metric, self.pairs.thresholds(), self.open_set.thresholds())


class Evaluator:
    """Evaluates networks on data sets as a configuration says; all images are checked first. Unless the configuration
    names another one, `interpolation` is how they are resized."""

    def __init__(self, config, datasets: Sequence[Dataset], interpolation: str = "bicubic"):
        self.config = config
        data = config.data
        size = data.height, data.width
        reading = {"on_corrupt": data.on_corrupt, "interpolation": data.interpolation or interpolation}
        self.tests = [
            TestSet(
                each.name,
                *(open_source(subset, size, **reading) for subset in (each.query, each.gallery)),
                people=each.people,
                cameras=each.cameras,
            )
            for each in datasets
        ]
        for test in self.tests:
            query, gallery = test.query.subset, test.gallery.subset
            if not has_match(query, gallery).any():  # unreadable images may have been left out
                raise InputError(f"{test.name}: no query has a match among the images that are readable")
            if config.eval.expand > len(gallery):
                raise InputError(
                    f"eval.expand {config.eval.expand} is more than the {len(gallery)} gallery {gallery.unit} of "
                    f"{test.name}; lower it"
                )

    def validate(self, extract: Extract) -> dict[str, float]:
        """mAP and rank-1 on the first test set."""
        test = self.tests[0]
        query, gallery = self.embeddings(test, extract)
        (result,) = Search(query, gallery, self.config.eval.distance).run(self._ranking(query, gallery))
        return {"mAP": result.mAP, "rank-1": result.rank(1)}

    def evaluate(self, extract: Extract, ensemble: Sequence[Extract] = ()) -> Iterator[list[Evaluation]]:
        """Evaluates on all test sets, then with the further rankings that the configuration asks for, and together
        with the networks of an ensemble. Yields what is there after each step, so that none is lost if a later one
        fails; the last list has everything."""
        evaluations = []
        for test in self.tests:
            evaluations.append(self.ordinary(test, extract))
            yield evaluations
        for evaluation in evaluations:
            for label, result in self._further(evaluation, ensemble):
                evaluation.results[label] = result
                yield evaluations

    def embeddings(self, test: TestSet, extract: Extract) -> tuple[Embeddings, Embeddings]:
        """Embeddings of query and gallery, with their ids."""

        def embed(source, name):
            vectors = extract(source, f"{test.name}-{name}")
            return Embeddings(source.subset.pids, source.subset.camids, vectors, name)

        return embed(test.query, "query"), embed(test.gallery, "gallery")

    def ordinary(self, test: TestSet, extract: Extract, nearest: int = 0) -> Evaluation:
        """The ordinary ranking and all its metrics, in one walk over the queries; unless 0, also the
        `nearest` gallery entries that each query finds first."""
        name = self.config.name
        label = f"{name} on {test.name}" if self.config.data.test else name
        query, gallery = self.embeddings(test, extract)
        search = Search(query, gallery, self.config.eval.distance)
        metrics = [self._ranking(query, gallery), Pairs(search), OpenSet(search), CameraPairs(query, gallery)]
        metrics += [Nearest(search, nearest)] if nearest else []
        ranking, pairs, open_set, cameras, *found = search.run(*metrics)
        for row in cameras:
            row.update({key: test.camera(row[key]) for key in ("query_camera", "gallery_camera")})
        intervals = confidence_intervals(ranking, query.pids)
        first = found[0] if found else None
        metric = self.config.eval.distance
        return Evaluation(test, query, gallery, {label: ranking}, pairs, open_set, cameras, intervals, first, metric)

    def _further(self, evaluation, ensemble):
        """Labels and results of the further rankings."""
        options, test, label = self.config.eval, evaluation.test, evaluation.label
        query, gallery = evaluation.query, evaluation.gallery

        def rank(query_vectors, gallery_vectors):
            pair = replace(query, vectors=query_vectors), replace(gallery, vectors=gallery_vectors)
            return Search(*pair, options.distance).run(self._ranking(*pair))[0]

        if options.expand:
            expanded = expand_queries(query.vectors, gallery.vectors, options.expand)
            yield f"{label}, expanded", rank(expanded, gallery.vectors)
        if options.per_camera:
            both = np.concatenate([query.vectors, gallery.vectors])
            both = standardise_per_camera(both, np.concatenate([query.camids, gallery.camids]))
            yield f"{label}, per camera", rank(both[: len(query)], both[len(query) :])
        if options.rerank:
            distances = rerank(query.vectors, gallery.vectors, distance=options.distance)
            ids = query.pids, gallery.pids, query.camids, gallery.camids
            yield f"{label}, re-ranked", evaluate_distances(distances, *ids)
        if ensemble:
            each = [(query.vectors, gallery.vectors)]
            each += [(other(test.query, ""), other(test.gallery, "")) for other in ensemble]
            joined = (combine(list(vectors), options.distance) for vectors in zip(*each, strict=True))
            yield f"{label}, ensemble of {len(each)}", rank(*joined)
        if options.histograms:
            on = f" on {test.name}" if self.config.data.test else ""
            yield f"colour histograms{on}", rank(histograms(test.query), histograms(test.gallery))

    def _ranking(self, query, gallery):
        return SingleShot(query, gallery) if self.config.eval.protocol == "cuhk03" else Ranking(len(query))
