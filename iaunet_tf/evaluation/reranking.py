"""k-reciprocal re-ranking (Zhong et al., CVPR 2017) with sparse matrices, and average query expansion."""

import numpy as np

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.embeddings import DISTANCES
from iaunet_tf.extras import needed
from iaunet_tf.vectors import as_vectors, centre, comparable_lengths, unit_length

BLOCK = 4096
SAMPLE = 2048  # images from which the initial threshold for near images is estimated
CANDIDATES = 64  # kept per nearest neighbour before the distant ones are discarded


def rerank(
    query: np.ndarray, gallery: np.ndarray, k1: int = 20, k2: int = 6, weight: float = 0.3, distance: str = "cosine"
) -> np.ndarray:
    """Computes distances, float32 `(Q, G)`, by how much the neighbourhoods of two images overlap.

    Let `d` be the squared distance divided by the maximum of its row. The neighbourhood of an image consists of its
    reciprocal `k1` nearest neighbours and their own close reciprocal neighbours (equations 3 to 5 of the paper). It is
    weighted by `exp(-d)` (equation 7) and averaged over the `k2` nearest neighbours (11). The result is
    `(1 - weight)` times the Jaccard distance of the neighbourhoods (10) plus `weight` times `d` (12). Only the
    neighbourhoods and the result are kept in memory.

    Args:
        query: embeddings `(Q, D)`.
        gallery: embeddings `(G, D)`.
        k1: size of a neighbourhood; limited to the number of other images.
        k2: number of images over which neighbourhoods are averaged; 1 for no averaging.
        weight: weight of the original distance in 0..1, λ in the paper.
        distance: `"cosine"` (squared Euclidean distance of unit-length embeddings) or `"euclidean"` (squared).

    Raises:
        InputError: the shapes of the embeddings do not match, or another argument is out of its range.
    """
    check_choice("distance", distance, DISTANCES)
    query, gallery = _of_one_size(query, gallery)
    if not (_whole(k1) and _whole(k2) and 1 <= k2 <= k1):
        raise InputError(f"k2 must be between 1 and k1, both whole; received k1 = {k1}, k2 = {k2}")
    check_number("weight", weight, 0, 1)
    features = np.concatenate([query, gallery])
    if distance == "cosine":
        features = unit_length(features)
    vectors, largest, original = _averaged_neighbourhoods(features, k1, k2, len(query))
    result = _jaccard(vectors[: len(query)], vectors[len(query) :])
    result *= 1 - weight
    original *= weight / largest[: len(query), None]
    result += original
    return result


def jaccard_distances(vectors: np.ndarray, k1: int = 20, k2: int = 6) -> np.ndarray:
    """Distances between all of some images, by how much their neighbourhoods overlap: float32 `(N, N)` in 0..1, of
    embeddings `(N, D)`; `rerank` explains the others."""
    features = unit_length(as_vectors(vectors, "embeddings"))
    neighbourhoods, _, _ = _averaged_neighbourhoods(features, k1, k2, 0)
    return np.clip(_jaccard(neighbourhoods, neighbourhoods), 0, 1)


def expand_queries(query: np.ndarray, gallery: np.ndarray, k: int = 5) -> np.ndarray:
    """Replaces each query by the mean of itself and its `k` most similar gallery images (Chum et al., ICCV 2007).

    Takes embeddings `(Q, D)` and `(G, D)`, and returns float32 `(Q, D)` with rows of unit length.

    Raises:
        InputError: the shapes of the embeddings do not match, or `k` is not in 1..G.
    """
    query, gallery = map(unit_length, _of_one_size(query, gallery))
    if not (_whole(k) and 1 <= k <= len(gallery)):
        raise InputError(f"k must be a whole number from 1 to the {len(gallery)} gallery images; received {k}")
    expanded = np.empty_like(query)
    for start in range(0, len(query), BLOCK // 8):
        rows = query[start : start + BLOCK // 8]
        nearest = np.argpartition(rows @ gallery.T, -k, axis=1)[:, -k:]
        expanded[start : start + len(rows)] = rows + gallery[nearest].sum(axis=1)
    return unit_length(expanded)


def _averaged_neighbourhoods(features, k1, k2, queries):
    """The weights of every image's neighbourhood, sparse `(N, N)` with rows that sum to 1; the largest squared distance
    of each image; and those between the first `queries` images and the others."""
    k1 = min(k1, len(features) - 1)
    k2 = min(k2, k1)
    comparable_lengths(features, "embeddings", zeros=True)
    features -= centre(features)
    squares = np.einsum("nd,nd->n", features, features)
    nearest, largest, original = _neighbours(features, squares, k1 + 1, queries)
    vectors = _neighbourhoods(features, squares, nearest, largest, k1)
    return _adjacency(nearest[:, :k2]) @ vectors / k2 if k2 > 1 else vectors, largest, original


def _of_one_size(query, gallery):
    query, gallery = as_vectors(query, "query"), as_vectors(gallery, "gallery")
    if query.shape[1] != gallery.shape[1] or not len(query) * len(gallery):
        raise InputError(f"query and gallery need embeddings of the same size; received {query.shape}, {gallery.shape}")
    return query, gallery


def _whole(number):
    return isinstance(number, int | np.integer)


def _neighbours(features, squares, count, queries):
    """Returns the `count` nearest neighbours of each image, itself first, then the nearest; the
    largest distance of each image; and the distances between queries and gallery. Each pair of
    blocks is multiplied once because distances are symmetric."""
    total = len(features)
    # The products of these matrices are `-d / 2`, which avoids another pass over all pairs.
    half, ones = squares[:, None] / 2, np.ones((total, 1), "float32")
    left, right = np.hstack([features, -half, -ones]), np.hstack([features, ones, half])
    blocks = [slice(start, min(start + BLOCK, total)) for start in range(0, total, BLOCK)]
    found = [_Nearest(block, count) for block in blocks]
    least = np.zeros(total, "float32")
    original = np.empty((queries, total - queries), "float32")
    for i, rows in enumerate(blocks):
        for j in range(i, len(blocks)):
            columns = blocks[j]
            closeness = left[rows] @ right[columns].T
            if i == j:
                np.fill_diagonal(closeness, np.inf)  # each image comes first, even before its duplicates
            found[i].add(closeness, columns.start, axis=0)
            least[rows] = np.minimum(least[rows], closeness.min(axis=1))
            if i != j:
                found[j].add(closeness, rows.start, axis=1)
                least[columns] = np.minimum(least[columns], closeness.min(axis=0))
            last, first = min(rows.stop, queries), max(columns.start, queries)
            if rows.start < last and first < columns.stop:
                part = closeness[: last - rows.start, first - columns.start :]
                original[rows.start : last, first - queries : columns.stop - queries] = part
    original *= -2
    np.maximum(original, 0, out=original)
    return np.concatenate([block.result() for block in found]), np.maximum(-2 * least, 1e-12), original


class _Nearest:
    """Collects the nearest neighbours of a block of images while other blocks are compared with it."""

    def __init__(self, block, count):
        self.size, self.count = block.stop - block.start, count
        self.limit = np.full(self.size, -np.inf, "float32")
        self.parts, self.held = [], 0

    def add(self, closeness, start, axis):
        """Adds candidates: `axis` of `closeness` indexes this block, the other axis images from `start` on."""
        if np.isneginf(self.limit[0]) and closeness.shape[1 - axis] > self.count:
            sample = closeness[:, :SAMPLE] if axis == 0 else closeness[:SAMPLE].T
            place = sample.shape[1] - self.count
            if place > 0:
                self.limit = np.partition(sample, place, axis=1)[:, place]
        near = np.nonzero(closeness >= (self.limit[:, None] if axis == 0 else self.limit))
        self.parts.append((near[axis].astype("int32"), (near[1 - axis] + start).astype("int32"), closeness[near]))
        self.held += len(near[0])
        if self.held > CANDIDATES * self.count * self.size:
            self._thin()

    def _thin(self):
        rows, columns, closeness = map(np.concatenate, zip(*self.parts, strict=True))
        order = np.lexsort((columns, -closeness, rows))
        rows, columns, closeness = rows[order], columns[order], closeness[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        kept = rank < self.count
        self.parts, self.held = [(rows[kept], columns[kept], closeness[kept])], int(kept.sum())
        self.limit[rows[rank == self.count - 1]] = closeness[rank == self.count - 1]

    def result(self):
        self._thin()
        return self.parts[0][1].reshape(self.size, self.count)


def _adjacency(nearest):
    with needed("re-ranking"):
        from scipy import sparse

    rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    ones = np.ones(nearest.size, "float32")
    return sparse.csr_matrix((ones, (rows, nearest.reshape(-1))), shape=(len(nearest),) * 2)


def _neighbourhoods(features, squares, nearest, largest, k1):
    """Returns a sparse matrix `(N, N)`; row `i` has the weights of the neighbourhood of image `i`, which sum to 1."""

    def reciprocal(k):
        adjacency = _adjacency(nearest[:, : k + 1])
        return adjacency.multiply(adjacency.T).tocsr()

    whole, half = reciprocal(k1), reciprocal(int(np.around(k1 / 2)))
    # Add the neighbourhoods of neighbours if more than two thirds of their members are shared.
    shared = whole.multiply(whole @ half.T).tocoo()
    sizes = np.asarray(half.sum(axis=1)).reshape(-1)
    friendly = shared.data > 2 / 3 * sizes[shared.col]
    matrix = type(whole)
    friends = matrix((shared.data[friendly], (shared.row[friendly], shared.col[friendly])), whole.shape)
    members = (whole + friends @ half).tocsr()
    members.sort_indices()

    weights = np.empty(members.nnz, "float32")
    for row in range(len(features)):
        span = slice(members.indptr[row], members.indptr[row + 1])
        columns = members.indices[span]
        distances = squares[row] + squares[columns] - 2 * (features[columns] @ features[row])
        distances[columns == row] = 0
        each = np.exp(-np.maximum(distances, 0) / largest[row])
        weights[span] = each / each.sum()
    return matrix((weights, members.indices, members.indptr), members.shape)


def _jaccard(query, gallery):
    """Jaccard distances `(Q, G)` of rows with sum 1: `1 - s / (2 - s)`, where `s` sums the minimum of both weights."""
    columns = gallery.tocsc()
    result = np.empty((query.shape[0], gallery.shape[0]), "float32")
    for row in range(query.shape[0]):
        span = slice(query.indptr[row], query.indptr[row + 1])
        starts, stops = columns.indptr[query.indices[span]], columns.indptr[query.indices[span] + 1]
        lengths = stops - starts
        # Positions of all gallery entries in the query's columns.
        places = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths) + np.arange(lengths.sum())
        smaller = np.minimum(np.repeat(query.data[span], lengths), columns.data[places])
        shared = np.bincount(columns.indices[places], weights=smaller, minlength=gallery.shape[0])
        result[row] = 1 - shared / (2 - shared)
    return result
