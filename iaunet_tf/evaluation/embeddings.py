"""Embeddings of whole splits."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.clips import LoadedTracklets, eval_clips, split_clips
from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.pipeline import eval_batches
from iaunet_tf.evaluation.replicas import in_order, on_replicas


def embedding_function(
    model: keras.Model, flip: bool = False, frames: int | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles what maps `(B, [T,] H, W, 3)` pixels in 0..255 to `(B, D)` embeddings, for many splits and evaluations,
    on all replicas.

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

    return on_replicas(embed)


def embed_split(embed: Callable, loaded: LoadedSplit, batch_size: int = 64) -> np.ndarray:
    """Embeds every image of a split.

    Args:
        embed: of `embedding_function`.
        loaded: the images.
        batch_size: images at a time.

    Returns:
        float32 `(N, D)`, as the network gives them, not of unit length.
    """

    def batches(rows, size):
        return eval_batches(loaded, rows, size)

    return np.concatenate(list(in_order(embed, len(loaded.split), batch_size, batches, "image")))


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
    places, tracklets = split_clips(loaded.split, frames, clips)

    def batches(rows, size):
        return eval_clips(loaded, places[rows], size)

    counts = np.bincount(tracklets, minlength=len(loaded.split))
    sums, done = None, 0
    for embeddings in in_order(embed, len(tracklets), batch_size, batches, "clip"):
        if sums is None:
            sums = np.zeros((len(counts), embeddings.shape[1]))
        np.add.at(sums, tracklets[done : done + len(embeddings)], embeddings)
        done += len(embeddings)
    return (sums / counts[:, None]).astype("float32")
