"""One walk over the queries, each against the whole gallery, that feeds every metric."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from iaunet_tf.arguments import at_least_one, check_choice
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import DISTANCES, Embeddings, Ids
from iaunet_tf.vectors import BLOCK, centre, comparable_lengths

# Queries, and similarities, held at a time at most.
CHUNK, SIMILARITIES = 256, 2**26


class Metric(Protocol):
    """What a search can feed."""

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        """Takes one row of `each_query`, which it must not change."""

    def result(self) -> Any:
        """What was found, after the last query."""


class Search:
    """Similarities of queries to a gallery of any size, and the distances that they stand for.

    Each chunk of queries is multiplied with the gallery once, however many metrics are fed. Without
    a `chunk`, their number follows from the size of the gallery.
    """

    def __init__(self, query: Embeddings, gallery: Embeddings, distance: str = "cosine", chunk: int | None = None):
        check_choice("distance", distance, DISTANCES)
        ours, theirs = query.vectors.shape[1], gallery.vectors.shape[1]
        if ours != theirs:
            raise InputError(f"query embeddings have {ours} dimensions, gallery embeddings {theirs}")
        self.query, self.gallery, self.chunk = query, gallery, chunk and at_least_one(chunk=chunk)
        self.cosine = distance == "cosine"
        self._query, self._gallery = query.vectors, gallery.vectors
        self._query_lengths, self._gallery_lengths = (
            # Zeros have no direction, but they have a distance.
            comparable_lengths(each.vectors, each.name, zeros=not self.cosine)
            for each in (query, gallery)
        )
        if self.cosine:
            self._scales = 1 / self._gallery_lengths
        else:
            self._centre = centre(self._gallery)
            self._query_squares, self._gallery_squares = map(self._squares, (self._query, self._gallery))

    def _squares(self, vectors):
        """Squared distances from the centre."""
        blocks = (vectors[start : start + BLOCK] - self._centre for start in range(0, len(vectors), BLOCK))
        return np.concatenate([np.einsum("nd,nd->n", block, block) for block in blocks])

    def run(self, *metrics: Metric) -> list:
        """Shows every query to every metric; returns their results."""
        for row in each_query(self.similarities, self.query, self.gallery, self.chunk):
            for metric in metrics:
                metric.add(*row)
        return [metric.result() for metric in metrics]

    def similarities(self, rows: slice) -> np.ndarray:
        """`(n, G)` of some queries, a new array: cosines, or `q·g - |g|²/2`, which falls as `|q - g|` grows, with `q`
        and `g` as seen from the centre."""
        if self.cosine:
            queries = self._query[rows] / self._query_lengths[rows, None]
            return np.multiply(found := queries @ self._gallery.T, self._scales, out=found)
        queries = self._query[rows] - self._centre
        found = queries @ self._gallery.T
        found -= (queries @ self._centre)[:, None]
        return np.subtract(found, self._gallery_squares / 2, out=found)

    def distances(self, row: int, similarities: np.ndarray) -> np.ndarray:
        """Distances that similarities of query `row` stand for."""
        if self.cosine:
            return 1 - similarities
        return np.sqrt(np.maximum(self._query_squares[row] - 2 * similarities, 0))

    @property
    def largest(self) -> float:
        """No distance is larger."""
        if self.cosine:
            return 2.0
        return float(np.sqrt(self._query_squares.max()) + np.sqrt(self._gallery_squares.max())) or 1.0


def each_query(
    similarities: Callable[[slice], np.ndarray], query: Ids, gallery: Ids, chunk: int | None = None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Goes through the queries; `similarities` returns those of some of them as a new array.

    Yields a query's number; its similarity to each gallery entry, minus infinity for those of the
    same person in the same camera; and the places of its matches, that person in other cameras.
    """
    chunk = chunk or max(1, min(CHUNK, SIMILARITIES // len(gallery)))
    by_person = np.argsort(gallery.pids, kind="stable")
    first = np.searchsorted(gallery.pids[by_person], query.pids, side="left")
    last = np.searchsorted(gallery.pids[by_person], query.pids, side="right")
    for start in range(0, len(query), chunk):
        for i, row in enumerate(similarities(slice(start, start + chunk)), start):
            same_person = by_person[first[i] : last[i]]
            same_camera = gallery.camids[same_person] == query.camids[i]
            row[same_person[same_camera]] = -np.inf
            yield i, row, same_person[~same_camera]


class Nearest:
    """The `k` gallery entries that each query finds first, or all of a smaller gallery: int
    `(Q, k)` places, nearest first; float32 `(Q, k)` distances, infinite where fewer are left."""

    def __init__(self, search: Search, k: int = 10):
        self.search, self.k = search, min(at_least_one(k=k), len(search.gallery))
        shape = len(search.query), self.k
        self.places, self.distances = np.empty(shape, int), np.empty(shape, "float32")

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        first = np.sort(np.argpartition(similarities, -self.k)[-self.k :])
        self.places[query] = places = first[np.argsort(-similarities[first], kind="stable")]
        self.distances[query] = self.search.distances(query, similarities[places])

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        return self.places, self.distances
