"""Retrieval metrics, and embeddings of whole splits."""

from iaunet_tf.evaluation.retrieval import RetrievalResult, evaluate_retrieval

__all__ = ["RetrievalResult", "evaluate_retrieval"]
