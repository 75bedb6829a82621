"""Milvus' collection of a gallery: made once, opened by whoever has its network."""

import re
import time
from collections import Counter
from collections.abc import Iterator

from iaunet_tf.errors import InputError
from iaunet_tf.gallery.connection import Connection
from iaunet_tf.gallery.entries import LONGEST, UNKNOWN
from iaunet_tf.gallery.filters import quoted

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Properties of a collection. Milvus Lite does not keep descriptions.
NETWORK, FORMAT, RECALL = "iaunet_tf.network", "iaunet_tf.format", "iaunet_tf.recall"
VERSION = "1"
ROWS = 10_000  # at a time; servers give up to 16,384
MESSAGE = 32 << 20  # bytes at a time; servers take 64 MiB
CHANGES = ("upsert", "delete")
FRESH = 10.0  # seconds, twice what a server is late if it need not be sure
FIRST = 120.0  # seconds that a server may take for its first collection after it was started


def check(name: str) -> str:
    """A collection's name, unless Milvus would refuse it."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"collection must be letters, digits and _, not a digit first; received {name!r:.80}")
    return name


class Collection:
    """Milvus' collection of a gallery: `collection(method, ...)` calls a method of `pymilvus.MilvusClient` on it.

    One of `network`, a fingerprint and a dimension, is made if there is none.

    Attributes:
        network, dimension: fingerprint and dimension of the network whose embeddings are there.

    Raises:
        InputError: there is none, it is no gallery, or another network's. Calls raise it as `Connection` does.
    """

    def __init__(self, connection: Connection, name: str, network: tuple[str, int] | None):
        self.connection, self.name, self._changed = connection, name, time.monotonic()
        if not self("has_collection"):
            if network is None:
                others = connection("list_collections")
                there = f"; there are {', '.join(sorted(others)):.120}" if others else ""
                raise InputError(f"{connection.uri}: has no gallery {name}{there}")
            self._make(*network)
        found = self("describe_collection")
        properties = found.get("properties") or {}
        dimensions = [each["params"].get("dim") for each in found["fields"] if each["name"] == "embedding"]
        if NETWORK not in properties or not dimensions:
            raise InputError(f"{connection.uri}: its collection {name} was not made by iaunet-tf; choose another")
        if properties.get(FORMAT) != VERSION:
            raise InputError(f"{connection.uri}: a newer iaunet-tf has made the gallery {name}; upgrade this one")
        self.network, self.dimension = properties[NETWORK], int(dimensions[0])
        if network is not None:
            self.require(network)

    def require(self, network: tuple[str, int]) -> None:
        """Refuses another network than that whose embeddings are there."""
        if network != (self.network, self.dimension):
            raise InputError(
                f"{self.connection.uri}: holds embeddings of another network ({self.network:.12}, {self.dimension} "
                f"numbers, not {network[0]:.12}, {network[1]} numbers); embeddings of two networks cannot be compared: "
                "take that one, or another gallery"
            )

    def __call__(self, method: str, *arguments, **options):
        try:
            return self.connection(method, self.name, *arguments, **options)
        finally:
            if method in CHANGES:
                self._changed = time.monotonic()

    @property
    def consistency(self) -> str:
        """How sure a search must be of what was written just before. A server that has to be sure takes 200 ms more; it
        has to just after a gallery was opened or changed here, and otherwise what others do is seen some seconds later.
        """
        return "Strong" if time.monotonic() - self._changed < FRESH else "Bounded"

    def query(self, filter: str, fields: list[str]) -> list[dict]:
        """The rows of a filter that cannot leave many."""
        return self("query", filter=filter, output_fields=fields, consistency_level="Strong")

    def count(self, filter: str = "") -> int:
        """How many rows a filter leaves."""
        return self.query(filter, ["count(*)"])[0]["count(*)"]

    def rows(self, filter: str, fields: list[str]) -> Iterator[list[dict]]:
        """The rows of a filter, however many, in lists, by their ids."""
        # pymilvus has an iterator for this, but does not quote the ids in the filters that it makes.
        options = {"iterator": "True", "reduce_stop_for_best": True, "consistency_level": "Strong"}
        limit, rest = self.at_a_time if "embedding" in fields else ROWS, filter
        while rows := self("query", filter=rest, output_fields=fields, limit=limit, **options):
            yield rows
            after = f"id > {quoted(max(row['id'] for row in rows))}"
            rest = f"{after} and {filter}" if filter else after

    def write(self, rows: list[dict]) -> int:
        """Writes rows, in place of those of the same ids; returns how many."""
        if rows:
            self("upsert", rows)
        return len(rows)

    @property
    def at_a_time(self) -> int:
        """How many rows with embeddings are read at a time; a quarter of that is written."""
        return max(4, min(ROWS, MESSAGE // (4 * self.dimension + 1000)))

    @property
    def measured(self) -> tuple[float | None, int]:
        """The recall that was measured, and among how many entries; None and 0 if it was not."""
        text = (self("describe_collection").get("properties") or {}).get(RECALL, "")
        value, _, count = text.partition(" of ")
        return (float(value), int(count)) if count else (None, 0)

    @measured.setter
    def measured(self, value: tuple[float, int]) -> None:
        self("alter_collection_properties", {RECALL: f"{value[0]:.4f} of {value[1]}"})

    def _make(self, fingerprint, dimension):
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST["id"])
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimension)
        for column in ("identity", "camera"):
            schema.add_field(column, DataType.VARCHAR, max_length=LONGEST[column])
        schema.add_field("time", DataType.INT64)
        schema.add_field("details", DataType.JSON)
        self(
            "create_collection",
            schema=schema,
            properties={NETWORK: fingerprint, FORMAT: VERSION},
            consistency_level="Strong",
            timeout=max(self.connection.timeout, FIRST),
        )


def describe(collection: Collection) -> dict[str, object]:
    """What `Gallery.info` says of the entries."""
    identities, cameras, times = Counter(), Counter(), []
    for rows in collection.rows("", ["id", "identity", "camera", "time"]):
        identities.update(row["identity"] or None for row in rows)
        cameras.update(row["camera"] or None for row in rows)
        known = [row["time"] for row in rows if row["time"] != UNKNOWN]
        times += [min(known), max(known)] if known else []
    folder = collection.connection.folder
    files = [] if folder is None else [path for path in folder.rglob("*") if path.is_file()]
    return {
        "entries": identities.total(),
        "identities": dict(identities),
        "cameras": dict(cameras),
        "first": min(times) / 1e6 if times else None,
        "last": max(times) / 1e6 if times else None,
        "network": collection.network,
        "dimension": collection.dimension,
        "bytes": sum(path.stat().st_size for path in files) if files else None,
    }
