"""Batch-hard triplet loss (Hermans et al., 2017)."""

from keras import ops

DISTANCES = ("cosine", "euclidean")


def pairwise_distance(embeddings, distance: str = "cosine"):
    """Distances within a batch, `(B, D)` to float32 `(B, B)`; cosine: minus the similarity."""
    if distance not in DISTANCES:
        raise ValueError(f"distance must be one of {', '.join(DISTANCES)}; received {distance!r}")
    embeddings = ops.cast(embeddings, "float32")
    if distance == "cosine":
        unit = embeddings / ops.maximum(ops.norm(embeddings, axis=-1, keepdims=True), 1e-12)
        return -ops.matmul(unit, ops.transpose(unit))
    square = ops.sum(embeddings * embeddings, axis=-1)
    squared = square[:, None] + square[None, :] - 2 * ops.matmul(embeddings, ops.transpose(embeddings))
    # The floor keeps the gradient of the square root finite where two embeddings are the same.
    return ops.sqrt(ops.maximum(squared, 1e-12))


def batch_hard_triplet_loss(labels, embeddings, margin: float = 0.3, distance: str = "cosine"):
    """Mean over anchors of `max(0, farthest positive − nearest negative + margin)`, scalar float32.

    An anchor is its own positive when it has no other. An anchor without a negative costs nothing.

    Args:
        labels: `(B,)` integer person ids.
        embeddings: `(B, D)`.
        margin: by how much a negative must be farther than a positive.
        distance: `"cosine"` (minus the cosine similarity, in -1..1) or `"euclidean"`.
    """
    distances = pairwise_distance(embeddings, distance)
    same = ops.equal(labels[:, None], labels[None, :])
    far = ops.cast(1e9, distances.dtype)
    hardest_positive = ops.max(ops.where(same, distances, -far), axis=1)
    hardest_negative = ops.min(ops.where(same, far, distances), axis=1)
    return ops.mean(ops.relu(hardest_positive - hardest_negative + margin))
