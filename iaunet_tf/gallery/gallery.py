"""Galleries in Milvus Lite or on a Milvus server."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from iaunet_tf.gallery.entries import Entry, Hit
from iaunet_tf.gallery.filters import Names, Time
from iaunet_tf.inference.embedder import Embedder


class Added(NamedTuple):
    """How many entries `Gallery.add` has written, and how many were there before and stayed as they were."""

    written: int
    kept: int


class Gallery:
    """Embeddings of people with who is seen, where and when, which last and can be searched.

    The same calls work on a folder of Milvus Lite, which one process at a time may have open, and on a Milvus server,
    which many may use. Several threads may call a gallery.

    Args:
        uri: `people.db`, a folder that Milvus Lite makes and keeps, or `http://host:19530` (`https://...`), a server.
        network: what embeds: an `Embedder`, or its `fingerprint` and the number of dimensions. It makes the gallery if
            there is none, and must be the network whose embeddings are there otherwise. None opens what is there.
        collection: name of the gallery on a server that has several; letters, digits and `_`.
        token: `"user:password"` or an API key of a server; by default the environment variable `MILVUS_TOKEN`.
        timeout: seconds to wait for an answer.
        exact_up_to: up to so many entries a search compares the query with all of them; above, with those that an HNSW
            index finds, and `info` says how many of the nearest it misses.

    Attributes:
        uri, collection: as above.
        network: fingerprint of the network whose embeddings are there.
        dimension: number of dimensions of an embedding.

    Raises:
        InputError: pymilvus is not installed; there is no such gallery; it is of another network; it is locked,
            damaged, something else, or may not be written to; the server does not answer.

    Example:

    >>> embed = Embedder("people.onnx")
    >>> with Gallery("people.db", embed) as gallery:
    ...     gallery.add([Entry(file="a.jpg", identity="7", camera="3")], embed(["a.jpg"]))
    ...     (hits,) = gallery.search(embed(["b.jpg"]), k=1)
    >>> hits[0].entry.identity, hits[0].distance
    ('7', 0.21)
    """

    def __init__(
        self,
        uri: str | Path,
        network: Embedder | tuple[str, int] | None = None,
        collection: str = "people",
        token: str | None = None,
        timeout: float = 30,
        exact_up_to: int = 200_000,
    ):
        raise NotImplementedError

    def close(self) -> None:
        """Closes the connection; Milvus Lite lets other processes open the gallery. Also at the end of `with`."""

    def add(
        self, entries: Iterable[Entry], vectors: np.ndarray, replace: bool = False, progress: bool = False
    ) -> Added:
        """Adds entries and their embeddings `(N, D)`, in batches.

        Entries whose id is there already stay as they are, with what `assign` and `merge` have made of them, unless
        `replace`. So an `add` that was interrupted is repeated, and adds nothing twice.

        Raises:
            InputError: embeddings are not finite, zero, not of the gallery's dimension, or not as many as entries, or
                two entries have one id; then nothing is added. Or the server fails; the message says how many are
                added.
        """

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that no entry has, in order."""

    def search(
        self,
        vectors: np.ndarray,
        k: int = 10,
        identities: Names = None,
        cameras: Names = None,
        after: Time | None = None,
        before: Time | None = None,
        threshold: float | None = None,
        rerank: int = 0,
    ) -> list[list[Hit] | None]:
        """Finds the `k` nearest entries for each query, nearest first.

        Args:
            vectors: queries `(Q, D)`, or one, `(D,)`.
            k: 1 to 1000; fewer are found if the gallery, or what the filters leave of it, has fewer.
            identities, cameras: only entries of these names; None among them stands for unknown.
            after, before: only entries of a time from `after` on and earlier than `before`, in seconds since 1970 or as
                `datetime` with a time zone.
            threshold: the distance up to which it may be the same person, such as `Embedder.threshold` gives: hits
                beyond it are left out, and a query without a hit is None, somebody unknown.
            rerank: so many of the nearest, up to 1000, are ranked again by k-reciprocal re-ranking, `k` of which are
                returned; 0 for none.

        Raises:
            InputError: queries are not finite, zero, or not of the gallery's dimension, or an argument is out of range.
        """

    def entries(
        self,
        ids: Iterable[str] | None = None,
        identities: Names = None,
        cameras: Names = None,
        after: Time | None = None,
        before: Time | None = None,
    ) -> list[Entry]:
        """All entries that the filters leave, those of unknown time first, then by time; filters as in `search`."""

    def count(
        self,
        ids: Iterable[str] | None = None,
        identities: Names = None,
        cameras: Names = None,
        after: Time | None = None,
        before: Time | None = None,
    ) -> int:
        """How many entries the filters leave; filters as in `search`."""

    def __len__(self) -> int:
        """How many entries there are."""

    def assign(self, ids: Iterable[str], identity: str | None) -> int:
        """Says who is seen in entries, None for unknown; returns how many entries had said something else.

        Raises:
            InputError: there is no entry of an id; then nothing is changed.
        """

    def merge(self, identities: Names, into: str) -> int:
        """Makes the entries of several identities those of one; returns how many were changed. If it is interrupted,
        repeat it."""

    def remove(
        self,
        ids: Iterable[str] | None = None,
        identities: Names = None,
        cameras: Names = None,
        before: Time | None = None,
    ) -> int:
        """Removes the entries that are all of what is given; returns how many.

        Raises:
            InputError: nothing is given, or an identity or a camera has no entries.
        """

    def export(self, path: str | Path, progress: bool = False) -> int:
        """Writes all entries with their embeddings as a Parquet file, which `iaunet gallery add` and `iaunet nearest`
        read; returns how many. Entries that are added meanwhile may be missing."""

    def info(self) -> dict[str, object]:
        """What there is: `entries`, `identities` and `cameras` (how many entries by name, None for unknown), `first`
        and `last` time, `network`, `dimension`, `index` (how it is searched), `recall` (how many of the 10 nearest the
        index finds, 1 if it is exact, None if that was not measured) and `bytes` on disk (None for a server)."""

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Entry, np.ndarray]]:
        """All entries and their embeddings, `(D,)`."""
        raise NotImplementedError
