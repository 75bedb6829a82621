"""Embedding of images and clips with a trained or exported network."""

from iaunet_tf.inference.embedder import Embedder

__all__ = ["Embedder"]
