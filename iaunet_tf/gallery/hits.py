"""What a search finds."""

from collections.abc import Mapping, Sequence

import numpy as np

from iaunet_tf.gallery.entries import Entry, Hit


def hits_of(query: np.ndarray, rows: Sequence[Mapping], k: int, again: bool) -> list[Hit]:
    """The first `k` hits of a query `(D,)` among the rows that were found, in the order of re-ranking if `again`, for
    which rows have their embeddings."""
    hits = [Hit(Entry.from_row(row["entity"]), max(0.0, 1 - row["distance"])) for row in rows]
    if not again or len(hits) < 2:
        return hits[:k]
    from iaunet_tf.evaluation import rerank

    distances = rerank(query[None], np.array([row["entity"]["embedding"] for row in rows], "float32"))[0]
    order = np.argsort(distances, kind="stable")[:k]
    return [Hit(hits[place].entry, hits[place].distance, float(distances[place])) for place in order]
