"""Retrieval metrics, re-ranking, and embeddings of whole splits."""

from iaunet_tf.evaluation.reranking import expand_queries, rerank
from iaunet_tf.evaluation.retrieval import RetrievalResult, evaluate_distances, evaluate_retrieval

__all__ = ["RetrievalResult", "evaluate_distances", "evaluate_retrieval", "expand_queries", "rerank"]
