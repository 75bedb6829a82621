"""Embeddings of whole splits."""

import sys

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.pipeline import eval_batches


def embed_split(model: keras.Model, loaded: LoadedSplit, batch_size: int = 64, flip: bool = False) -> np.ndarray:
    """Embeds every image of a split.

    Args:
        model: a network with output `"embedding"`.
        loaded: the images.
        batch_size: images at a time.
        flip: return the sum with the embedding of the horizontally flipped image.

    Returns:
        float32 `(N, D)`, as the network gives them, not of unit length.
    """

    @tf.function(reduce_retracing=True)
    def embed(images):
        embedding = model(images, training=False)["embedding"]
        if flip:
            embedding += model(tf.reverse(images, axis=[2]), training=False)["embedding"]
        return embedding

    total = len(loaded.split)
    progress = keras.utils.Progbar(total, unit_name="image", verbose=int(sys.stdout.isatty()))
    embeddings = []
    for images in eval_batches(loaded, batch_size):
        embeddings.append(embed(images).numpy())
        progress.add(len(images))
    return np.concatenate(embeddings)
