"""How a gallery is searched: exactly, or by an index, whose recall is measured."""

import numpy as np

from iaunet_tf.gallery.collection import Collection

METRIC = "COSINE"
EXACT = {"index_type": "FLAT", "metric_type": METRIC}
HNSW = {"index_type": "HNSW", "metric_type": METRIC, "params": {"M": 16, "efConstruction": 200}}
EF = 128  # entries that a search of HNSW keeps in view, or twice as many as it is to find
BUILDING = 3600.0  # seconds that building or loading an index may take
SAMPLE, NEAREST = 100, 10  # queries and neighbours that recall is measured on
ALIKE = 1e-6  # similarities that float32 may round to either side


def prepare(collection: Collection, index: dict = EXACT) -> None:
    """Makes a collection ready for searching, by an index if it has none."""
    from pymilvus.milvus_client.index import IndexParams

    if not _names(collection):
        parameters = IndexParams()
        parameters.add_index("embedding", **index)
        collection("create_index", parameters, timeout=BUILDING)
    collection("load_collection", timeout=BUILDING)


def keep_fast(collection: Collection, exact_up_to: int) -> None:
    """Replaces exact search by HNSW if there are too many entries, and measures its recall, anew whenever they are
    twice as many. While it is replaced, nobody can search."""
    count = collection.count()
    if count <= exact_up_to:
        return
    exact = kind_of(collection) == "exact"
    if exact:
        collection("release_collection")
        for name in _names(collection):
            collection("drop_index", name)
        prepare(collection, HNSW)
    if exact or count >= 2 * collection.measured[1]:
        collection.measured = recall(collection), count


def kind_of(collection: Collection) -> str:
    """How a collection is searched: `"exact"`, or the type of its index."""
    kind = collection("describe_index", _names(collection)[0])["index_type"]
    return "exact" if kind == EXACT["index_type"] else kind


def describe(collection: Collection, anew: bool) -> dict[str, object]:
    """What `Gallery.info` says of the index; measures the recall now if `anew`."""
    kind = kind_of(collection)
    if anew and (count := collection.count()):
        collection.measured = recall(collection), count
    measured = collection.measured[0]
    # A server may search entries that have just been added by an index of its own.
    sure = kind == "exact" and collection.connection.folder is not None
    return {"index": kind, "recall": 1.0 if sure else measured}


def search(collection: Collection, queries: np.ndarray, k: int, filter: str, fields: list[str]) -> list[list[dict]]:
    """The `k` nearest rows for each query `(Q, D)`, as Milvus returns them, with `distance` for the cosine."""
    return collection(
        "search",
        queries.tolist(),
        filter=filter,
        limit=k,
        anns_field="embedding",
        output_fields=fields,
        search_params={"metric_type": METRIC, "params": {"ef": max(EF, 2 * k)}},  # exact search ignores `ef`
        consistency_level=collection.consistency,
    )


def recall(collection: Collection) -> float:
    """How many of the nearest entries a search finds, of those that a comparison with all entries finds, in 0..1."""
    queries = exact = np.empty((0, 0), "float32")
    for rows in collection.rows("", ["id", "embedding"]):
        vectors = np.array([row["embedding"] for row in rows], "float32")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        if not len(queries):
            places = np.unique(np.linspace(0, len(vectors) - 1, SAMPLE).round().astype(int))
            queries, exact = vectors[places], np.empty((len(places), 0), "float32")
        exact = np.concatenate([exact, queries @ vectors.T], axis=1)
        exact = -np.partition(-exact, min(NEAREST, exact.shape[1]) - 1, axis=1)[:, :NEAREST]
    least = exact.min(axis=1) - ALIKE
    found = search(collection, queries, NEAREST, "", ["id"])
    hits = [sum(row["distance"] >= limit for row in rows) for rows, limit in zip(found, least, strict=True)]
    return float(np.minimum(hits, exact.shape[1]).sum() / exact.size)


def _names(collection):
    return collection("list_indexes", field_name="embedding")
