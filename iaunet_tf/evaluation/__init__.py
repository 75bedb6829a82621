"""Retrieval and verification metrics, re-ranking, and embeddings of whole splits."""

from iaunet_tf.evaluation.cameras import by_camera_pair
from iaunet_tf.evaluation.confidence import confidence_intervals
from iaunet_tf.evaluation.pairs import PairDistances, compare_pairs
from iaunet_tf.evaluation.reranking import expand_queries, rerank
from iaunet_tf.evaluation.retrieval import (
    RetrievalResult,
    combine,
    evaluate_distances,
    evaluate_retrieval,
    evaluate_single_shot,
    nearest,
)

__all__ = [
    "PairDistances",
    "RetrievalResult",
    "by_camera_pair",
    "combine",
    "compare_pairs",
    "confidence_intervals",
    "evaluate_distances",
    "evaluate_retrieval",
    "evaluate_single_shot",
    "expand_queries",
    "nearest",
    "rerank",
]
