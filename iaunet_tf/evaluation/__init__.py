"""Retrieval and verification metrics, re-ranking, and the evaluation of networks on test sets."""

from iaunet_tf.evaluation.confidence import confidence_intervals
from iaunet_tf.evaluation.embeddings import combine
from iaunet_tf.evaluation.functions import (
    by_camera_pair,
    compare_pairs,
    evaluate_distances,
    evaluate_open_set,
    evaluate_retrieval,
    evaluate_single_shot,
    nearest,
)
from iaunet_tf.evaluation.open_set import OpenSetDistances
from iaunet_tf.evaluation.pairs import PairDistances
from iaunet_tf.evaluation.per_camera import standardise_per_camera
from iaunet_tf.evaluation.ranking import RetrievalResult
from iaunet_tf.evaluation.reranking import expand_queries, jaccard_distances, rerank

__all__ = [
    "OpenSetDistances",
    "PairDistances",
    "RetrievalResult",
    "by_camera_pair",
    "combine",
    "compare_pairs",
    "confidence_intervals",
    "evaluate_distances",
    "evaluate_open_set",
    "evaluate_retrieval",
    "evaluate_single_shot",
    "expand_queries",
    "jaccard_distances",
    "nearest",
    "rerank",
    "standardise_per_camera",
]
