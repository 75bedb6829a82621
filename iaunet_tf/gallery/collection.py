"""Milvus' collection of a gallery: made once, opened by whoever has its network, and described."""

import re
from collections import Counter

from iaunet_tf.errors import InputError
from iaunet_tf.gallery import index
from iaunet_tf.gallery.connection import Connection
from iaunet_tf.gallery.entries import LONGEST, UNKNOWN

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Properties of a collection. Milvus Lite does not keep descriptions.
NETWORK, FORMAT, RECALL = "iaunet_tf.network", "iaunet_tf.format", "iaunet_tf.recall"
VERSION = "1"
ROWS = 16_000  # rows without embeddings at a time


def check(name: str) -> str:
    """A collection's name, unless Milvus would refuse it."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"collection must be letters, digits and _, not a digit first; received {name!r:.80}")
    return name


def open_or_make(connection: Connection, name: str, network: tuple[str, int] | None) -> tuple[str, int]:
    """Makes a gallery ready for use; one of `network`, a fingerprint and a dimension, is made if there is none.

    Returns fingerprint and dimension of the network whose embeddings are there.

    Raises:
        InputError: there is none, it is no gallery, or another network's.
    """
    if not connection("has_collection", name):
        if network is None:
            others = connection("list_collections")
            there = f"; there are {', '.join(sorted(others)):.120}" if others else ""
            raise InputError(f"{connection.uri}: has no gallery {name}{there}")
        _make(connection, name, *network)
    found = connection("describe_collection", name)
    properties = found.get("properties") or {}
    dimensions = [each["params"].get("dim") for each in found["fields"] if each["name"] == "embedding"]
    if NETWORK not in properties or not dimensions:
        raise InputError(f"{connection.uri}: its collection {name} was not made by iaunet-tf; choose another")
    if properties.get(FORMAT) != VERSION:
        raise InputError(f"{connection.uri}: a newer iaunet-tf has made the gallery {name}; upgrade this one")
    there = properties[NETWORK], int(dimensions[0])
    if network is not None and network != there:
        raise InputError(
            f"{connection.uri}: holds embeddings of another network ({_short(there)}, not {_short(network)}); "
            "embeddings of two networks cannot be compared: take that one, or another gallery"
        )
    index.prepare(connection, name)
    return there


def _make(connection, name, fingerprint, dimension):
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST["id"])
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=dimension)
    for column in ("identity", "camera"):
        schema.add_field(column, DataType.VARCHAR, max_length=LONGEST[column])
    schema.add_field("time", DataType.INT64)
    schema.add_field("details", DataType.JSON)
    connection(
        "create_collection",
        name,
        schema=schema,
        properties={NETWORK: fingerprint, FORMAT: VERSION},
        consistency_level="Strong",
        timeout=max(connection.timeout, 120),  # the first one of a server that has just been started
    )


def keep_fast(connection: Connection, name: str, dimension: int, count: int, exact_up_to: int) -> None:
    """Replaces the exact search of a gallery of `count` entries by HNSW if they are too many, and measures its recall,
    anew whenever there are twice as many."""
    if count <= exact_up_to:
        return
    exact = index.kind_of(connection, name) == index.EXACT["index_type"]
    if exact:
        index.build(connection, name, index.HNSW)
    if exact or count >= 2 * _measured(connection, name)[1]:
        measure(connection, name, dimension, count)


def measure(connection: Connection, name: str, dimension: int, count: int) -> float:
    """Measures the recall of searches among `count` entries, and writes it down."""
    value = index.recall(connection, name, dimension)
    connection("alter_collection_properties", name, {RECALL: f"{value:.4f} of {count}"})
    return value


def _measured(connection, name):
    """The recall that was measured, and among how many entries; None and 0 if it was not."""
    text = (connection("describe_collection", name).get("properties") or {}).get(RECALL, "")
    value, _, count = text.partition(" of ")
    return (float(value), int(count)) if count else (None, 0)


def describe(connection: Connection, name: str, dimension: int, anew: bool) -> dict[str, object]:
    """What `Gallery.info` says of the entries and the index."""
    identities, cameras, times, entries = Counter(), Counter(), [], 0
    for rows in connection.rows(name, "", ["id", "identity", "camera", "time"], ROWS):
        entries += len(rows)
        identities.update(row["identity"] or None for row in rows)
        cameras.update(row["camera"] or None for row in rows)
        known = [row["time"] for row in rows if row["time"] != UNKNOWN]
        times += [min(known), max(known)] if known else []
    kind = index.kind_of(connection, name)
    recall = measure(connection, name, dimension, entries) if anew and entries else _measured(connection, name)[0]
    if recall is None and kind == index.EXACT["index_type"] and connection.folder is not None:
        recall = 1.0  # a server may search entries that have just been added by an index of its own
    files = [] if connection.folder is None else [path for path in connection.folder.rglob("*") if path.is_file()]
    return {
        "entries": entries,
        "identities": dict(identities),
        "cameras": dict(cameras),
        "first": min(times) / 1e6 if times else None,
        "last": max(times) / 1e6 if times else None,
        "index": "exact" if kind == index.EXACT["index_type"] else kind,
        "recall": recall,
        "bytes": sum(path.stat().st_size for path in files) if files else None,
    }


def _short(network):
    return f"{network[0]:.12}, {network[1]} numbers"
