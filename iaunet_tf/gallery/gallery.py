"""Galleries in Milvus Lite or on a Milvus server."""

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.gallery import index
from iaunet_tf.gallery.collection import ROWS, Collection, check, describe
from iaunet_tf.gallery.connection import Connection
from iaunet_tf.gallery.entries import COLUMNS, Entry, Hit, check_name
from iaunet_tf.gallery.exchange import write_parquet
from iaunet_tf.gallery.filters import Names, Time, expression, expressions
from iaunet_tf.gallery.hits import hits_of
from iaunet_tf.inference.embedder import Embedder
from iaunet_tf.terminal import progress as progress_bar
from iaunet_tf.vectors import as_array, as_vectors, unit_length

MOST = 1000  # entries that a search finds for a query


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
        exact_up_to: the number of entries up to which a search compares the query with all of them; beyond it an HNSW
            index finds them, and `info` says how many of the nearest it misses.

    Attributes:
        uri: the folder or the address.
        collection: the name on a server.
        network: fingerprint of the network whose embeddings are there.
        dimension: number of dimensions of an embedding.

    Raises:
        InputError: pymilvus is not installed; there is no such gallery; it is of another network; it is locked,
            damaged, something else, or may not be written to; the server does not answer.

    Examples:
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
        exact_up_to: int = 100_000,
    ):
        check_number("timeout", timeout, 0.1, 86_400)
        check_number("exact_up_to", exact_up_to, 0)
        identified = _identified(network)
        self.collection, self.exact_up_to = check(collection), exact_up_to
        connection = Connection(uri, token, timeout, make=identified is not None)
        self.uri = connection.uri
        self._close = weakref.finalize(self, connection.close)
        try:
            self._rows = Collection(connection, collection, identified)
            index.prepare(self._rows)
        except BaseException:
            self.close()
            raise
        self.network, self.dimension = self._rows.network, self._rows.dimension

    def require(self, network: Embedder | tuple[str, int]) -> None:
        """Refuses another network than that whose embeddings are there, which is an `InputError`."""
        self._rows.require(_identified(network))

    def close(self) -> None:
        """Closes the connection; Milvus Lite lets other processes open the gallery. Also at the end of `with`."""
        self._close()

    def add(
        self, entries: Iterable[Entry], vectors: np.ndarray, replace: bool = False, progress: bool = False
    ) -> Added:
        """Adds entries and their embeddings `(N, D)`, in batches.

        Entries whose id is there already stay as they are, with what `assign` and `merge` have made of them, unless
        `replace`. So an `add` that was interrupted is repeated, and adds nothing twice.

        Raises:
            InputError: embeddings are not finite, zero, of another dimension, or not as many as entries, or entries
                have the same id; then nothing is added. Or the server fails; the message says how many are added.
        """
        entries = list(entries)
        if not entries and not len(vectors):
            return Added(0, 0)
        vectors = unit_length(self._vectors(vectors, "embeddings"))
        if len(vectors) != len(entries):
            raise InputError(f"{len(entries)} entries do not go with {len(vectors)} embeddings")
        twice = [name for name, count in Counter(entry.id for entry in entries).items() if count > 1]
        if twice:
            raise InputError(f"{len(twice)} ids are those of several entries, the first is {twice[0]:.80}")
        written, size = 0, self._rows.at_a_time // 4
        with progress_bar("adding", len(entries), progress) as bar:
            for start in range(0, len(entries), size):
                batch = entries[start : start + size]
                try:
                    new = {entry.id for entry in batch} if replace else {*self.missing([entry.id for entry in batch])}
                    pairs = zip(batch, vectors[start : start + size], strict=True)
                    written += self._rows.write([entry.to_row(vector) for entry, vector in pairs if entry.id in new])
                except InputError as error:
                    done = f"{written} of {len(entries)} entries were added; add them again, and the others follow"
                    raise InputError(f"{error}; {done}") from None
                bar.update(len(batch))
        index.keep_fast(self._rows, self.exact_up_to)
        return Added(written, len(entries) - written)

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that no entry has, in order."""
        there = (
            {row["id"] for filter in expressions(ids=ids) for row in self._rows.query(filter, ["id"])} if ids else ()
        )
        return [each for each in ids if each not in there]

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
            identities: only entries of these names; None among them stands for unknown.
            cameras: likewise.
            after: only entries of this time or later, in seconds since 1970 or as `datetime` with a time zone.
            before: only earlier entries, likewise.
            threshold: the distance below which it may be the same person, such as `Embedder.threshold` gives: other
                hits are left out, and a query without a hit is None, somebody unknown.
            rerank: how many of the nearest, up to 1000, are ranked again by k-reciprocal re-ranking, before the first
                `k` are returned; 0 for none.

        Raises:
            InputError: queries are not finite, zero, or of another dimension, or an argument is out of range.
        """
        check_number("k", k, 1, MOST, whole=True)
        if rerank:
            check_number("rerank", rerank, k, MOST, whole=True)
        if threshold is not None:
            check_number("threshold", threshold, 0, 2)
        filter = expression(None, identities, cameras, after, before)
        vectors = as_array(vectors, "queries")
        queries = unit_length(self._vectors(vectors[None] if vectors.ndim == 1 else vectors, "queries"), "queries")
        found, number = [], rerank or k
        fields = [*COLUMNS, *(["embedding"] if rerank else [])]
        size = max(1, (self._rows.at_a_time if rerank else ROWS) // number)
        for start in range(0, len(queries), size):
            answers = index.search(self._rows, queries[start : start + size], number, filter, fields)
            found += [
                hits_of(query, rows, k, rerank > 0) for query, rows in zip(queries[start:], answers, strict=False)
            ]
        if threshold is None:
            return found
        return [[hit for hit in hits if hit.distance < threshold] or None for hits in found]

    def entries(self, **filters: Any) -> list[Entry]:
        """All entries that the filters leave, those of unknown time first, then by time. Filters are `ids` and those of
        `search`: `identities`, `cameras`, `after` and `before`."""
        # Ids are few enough at a time for one question each.
        rows = self._all if filters.get("ids") is None else self._rows.query
        found = [Entry.from_row(row) for filter in expressions(**filters) for row in rows(filter, [*COLUMNS])]
        return sorted(found, key=lambda entry: (entry.time is not None, entry.time or 0, entry.id))

    def count(self, **filters: Any) -> int:
        """How many entries the filters leave, those of `entries`."""
        return sum(self._rows.count(filter) for filter in expressions(**filters))

    def __len__(self) -> int:
        """How many entries there are."""
        return self.count()

    def __bool__(self) -> bool:
        return True  # also of an empty one

    def assign(self, ids: Iterable[str], identity: str | None) -> int:
        """Says who is seen in entries, None for unknown; returns how many entries had said something else.

        Raises:
            InputError: there is no entry of an id; then nothing is changed.
        """
        if identity is not None:
            check_name("identity", identity)
        ids = list(dict.fromkeys(ids))
        lost = self.missing(ids)
        if lost:
            raise InputError(f"{self.uri}: has no entry {lost[0]:.80} ({len(lost)} of {len(ids)} are not there)")
        changed = 0
        for filter in expressions(ids=ids, most=self._rows.at_a_time // 4) if ids else ():
            rows = self._rows.query(filter, [*COLUMNS, "embedding"])
            other = [row for row in rows if (row["identity"] or None) != identity]
            for row in other:
                row["identity"] = identity or ""
            changed += self._rows.write(other)
        return changed

    def merge(self, identities: Names, into: str) -> int:
        """Makes the entries of several identities those of one; returns how many were changed. If it is interrupted,
        repeat it."""
        check_name("identity", into)
        rows = self._all(expression(identities=identities), ["id", "identity"])
        return self.assign([row["id"] for row in rows if row["identity"] != into], into)

    def remove(
        self,
        ids: Iterable[str] | None = None,
        identities: Names = None,
        cameras: Names = None,
        before: Time | None = None,
    ) -> int:
        """Removes the entries that are all of what is given, which must be something; returns how many."""
        if ids is identities is cameras is before is None:
            raise InputError("say which entries to remove: ids, identities, cameras or before")
        removed = 0
        for filter in expressions(ids, identities=identities, cameras=cameras, before=before):
            count = self._rows.count(filter)
            if count:
                self._rows("delete", filter=filter)
            removed += count
        return removed

    def export(self, path: str | Path, progress: bool = False) -> int:
        """Writes all entries with their embeddings as a Parquet file, which `iaunet gallery add` and `iaunet nearest`
        read; returns how many. Entries that are added meanwhile may be missing."""
        with progress_bar("exporting", len(self), progress) as bar:
            return write_parquet(Path(path), self._batches(), self.network, self.dimension, bar.update)

    def info(self, measure: bool = False) -> dict[str, Any]:
        """What there is: `entries`, `identities` and `cameras` (how many entries by name, None for unknown), `first`
        and `last` time, `network`, `dimension`, `index` (how it is searched), `recall` (which part of the 10 nearest
        a search finds, None if it was not measured; `measure` does so, and reads all embeddings) and `bytes` on disk
        (None for a server)."""
        return describe(self._rows) | index.describe(self._rows, measure)

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Entry, np.ndarray]]:
        """All entries and their embeddings, `(D,)`, by their ids."""
        for entries, vectors in self._batches():
            yield from zip(entries, vectors, strict=True)

    def _batches(self):
        """All entries and their embeddings, in lists."""
        for rows in self._rows.rows("", [*COLUMNS, "embedding"]):
            yield [Entry.from_row(row) for row in rows], np.array([row["embedding"] for row in rows], "float32")

    def _all(self, filter, fields):
        return [row for rows in self._rows.rows(filter, fields) for row in rows]

    def _vectors(self, vectors, name):
        vectors = as_vectors(vectors, name)
        if vectors.shape[1] != self.dimension:
            raise InputError(
                f"{self.uri}: embeddings have {self.dimension} numbers; these {name} have {vectors.shape[1]}"
            )
        return vectors


def _identified(network):
    """Fingerprint and dimension of a network."""
    return (network.fingerprint, network.metadata.embedding) if isinstance(network, Embedder) else network
