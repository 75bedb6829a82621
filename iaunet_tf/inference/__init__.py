"""Embeddings from a trained or exported network."""

from iaunet_tf.inference.embedder import Embedder

__all__ = ["Embedder"]
