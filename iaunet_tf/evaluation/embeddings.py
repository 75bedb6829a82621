"""Embeddings of whole splits."""

import sys
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.clips import LoadedTracklets, eval_clips
from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.pipeline import eval_batches


def embedding_function(
    model: keras.Model, flip: bool = False, frames: int | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles what maps `(B, [T,] H, W, 3)` pixels in 0..255 to `(B, D)` embeddings, for many splits and evaluations.

    Args:
        model: a network with output `"embedding"`; its weights may change later.
        flip: give the sum with the embedding of the horizontally flipped image or clip.
        frames: length of all clips, for a video network; None if it varies.
    """
    shape = list(model.inputs[0].shape)
    if len(shape) == 5:
        shape[1] = frames

    @tf.function(input_signature=[tf.TensorSpec(shape, "float32")])
    def embed(images):
        embedding = model(images, training=False)["embedding"]
        if flip:
            embedding += model(tf.reverse(images, axis=[-2]), training=False)["embedding"]
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


def embed_tracklets(
    embed: Callable, loaded: LoadedTracklets, frames: int, batch_size: int = 16, clips: int = 0
) -> np.ndarray:
    """Embeds every tracklet: the mean over its clips.

    The mean of the pooled features, batch-normalised, is the mean of the embeddings: in evaluation
    a batch norm is affine.

    Args:
        embed: of `embedding_function`.
        loaded: the tracklets.
        frames: length of a clip.
        batch_size: clips at a time.
        clips: number of evenly spaced clips of a tracklet; 0 takes all its frames.

    Returns:
        float32 `(N, D)`, not of unit length.
    """
    batches, tracklets = eval_clips(loaded, frames, batch_size, clips)
    progress = keras.utils.Progbar(len(tracklets), unit_name="clip", verbose=int(sys.stdout.isatty()))
    counts = np.bincount(tracklets, minlength=len(loaded.split))
    sums, done = None, 0
    for images in batches:
        embeddings = embed(images).numpy()
        if sums is None:
            sums = np.zeros((len(counts), embeddings.shape[1]))
        np.add.at(sums, tracklets[done : done + len(embeddings)], embeddings)
        done += len(embeddings)
        progress.add(len(embeddings))
    return (sums / counts[:, None]).astype("float32")
