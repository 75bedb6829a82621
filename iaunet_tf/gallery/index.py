"""How a gallery is searched: exactly, or by an index, whose recall is measured."""

import numpy as np

from iaunet_tf.gallery.connection import Connection

METRIC = "COSINE"
EXACT = {"index_type": "FLAT", "metric_type": METRIC}
HNSW = {"index_type": "HNSW", "metric_type": METRIC, "params": {"M": 16, "efConstruction": 200}}
EF = 128  # entries that a search of HNSW keeps in view, or twice as many as it is to find
BUILDING = 3600.0  # seconds that building or loading an index may take
SAMPLE, NEAREST = 100, 10  # queries and neighbours that recall is measured on
ALIKE = 1e-6  # similarities that float32 may round to either side
CLOSE = 16_384  # bytes of all other fields in a row, about
MESSAGE = 32 << 20  # bytes that Milvus sends at a time; its servers take 64 MiB


def search_parameters(k: int) -> dict:
    """Parameters of a search for `k` entries; exact search ignores them."""
    return {"metric_type": METRIC, "params": {"ef": max(EF, 2 * k)}}


def rows_at_a_time(dimension: int) -> int:
    """How many rows with embeddings are asked for at a time."""
    return max(1, min(16_000, MESSAGE // (4 * dimension + 1000)))


def kind_of(connection: Connection, collection: str) -> str | None:
    """The type of the index, None if there is none."""
    names = connection("list_indexes", collection, field_name="embedding")
    return connection("describe_index", collection, names[0])["index_type"] if names else None


def build(connection: Connection, collection: str, index: dict) -> None:
    """Replaces the index, during which nobody can search."""
    connection("release_collection", collection)
    for name in connection("list_indexes", collection, field_name="embedding"):
        connection("drop_index", collection, name)
    prepare(connection, collection, index)


def prepare(connection: Connection, collection: str, index: dict = EXACT) -> None:
    """Makes a collection ready for searching, by an index if it has none."""
    from pymilvus.milvus_client.index import IndexParams

    if not connection("list_indexes", collection, field_name="embedding"):
        parameters = IndexParams()
        parameters.add_index("embedding", **index)
        connection("create_index", collection, parameters, timeout=BUILDING)
    connection("load_collection", collection, timeout=BUILDING)


def recall(connection: Connection, collection: str, dimension: int) -> float:
    """How many of the nearest entries a search finds, of those that a comparison with all entries finds, in 0..1."""
    queries, exact = None, None
    for rows in connection.rows(collection, "", ["id", "embedding"], rows_at_a_time(dimension)):
        vectors = np.array([row["embedding"] for row in rows], "float32")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        if queries is None:
            places = np.unique(np.linspace(0, len(vectors) - 1, SAMPLE).round().astype(int))
            queries, exact = vectors[places], np.empty((len(places), 0), "float32")
        exact = np.concatenate([exact, queries @ vectors.T], axis=1)
        exact = -np.partition(-exact, min(NEAREST, exact.shape[1]) - 1, axis=1)[:, :NEAREST]
    found = connection(
        "search",
        collection,
        queries.tolist(),
        limit=NEAREST,
        anns_field="embedding",
        search_params=search_parameters(NEAREST),
        consistency_level="Strong",
    )
    hits = [
        sum(hit["distance"] >= least - ALIKE for hit in hits)
        for hits, least in zip(found, exact.min(axis=1), strict=True)
    ]
    return float(np.minimum(hits, exact.shape[1]).sum() / exact.size)
