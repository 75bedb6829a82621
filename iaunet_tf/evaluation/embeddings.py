"""Embeddings of whole splits."""

import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.pipeline import eval_batches


def embedding_function(model: keras.Model, flip: bool = False) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles what maps `(B, H, W, 3)` pixels in 0..255 to `(B, D)` embeddings, for many splits and evaluations.

    Args:
        model: a network with output `"embedding"`; its weights may change later.
        flip: give the sum with the embedding of the horizontally flipped image.
    """

    @tf.function(input_signature=[tf.TensorSpec(model.inputs[0].shape, "float32")])
    def embed(images):
        embedding = model(images, training=False)["embedding"]
        if flip:
            embedding += model(tf.reverse(images, axis=[2]), training=False)["embedding"]
        return embedding

    return embed


def embed_split(embed: Callable, loaded: LoadedSplit, batch_size: int = 64) -> np.ndarray:
    """Embeds every image of a split.

    Args:
        embed: of `embedding_function`.
        loaded: the images.
        batch_size: images at a time.

    Returns:
        float32 `(N, D)`, as the network gives them, not of unit length.
    """
    progress = keras.utils.Progbar(len(loaded.split), unit_name="image", verbose=int(sys.stdout.isatty()))
    embeddings = []
    for images in eval_batches(loaded, batch_size):
        embeddings.append(embed(images).numpy())
        progress.add(len(images))
    return np.concatenate(embeddings)
