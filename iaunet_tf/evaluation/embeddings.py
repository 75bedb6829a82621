"""Embeddings of whole splits."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.clips import LoadedTracklets, eval_clips, split_clips
from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.pipeline import eval_batches
from iaunet_tf.evaluation.replicas import in_order, on_replicas
from iaunet_tf.files import fingerprint, replacing, write_json


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


def stored_embeddings(
    path: Path, model: keras.Model, source: Iterable, compute: Callable[[Callable], np.ndarray]
) -> np.ndarray:
    """Embeddings that are computed once for a network and what it sees, and read from disk from then on.

    On several hosts, which have to take part in every computation alike, they are computed and not stored.

    Args:
        path: `.npy` file; a `.json` beside it holds what it is of.
        model: the network.
        source: what else the embeddings depend on, by `repr`.
        compute: computes them into the array that a function of a shape gives it.

    Returns:
        float32 `(N, D)`, memory-mapped.
    """
    if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
        return compute(np.empty)
    weights = (hashlib.sha256(np.ascontiguousarray(weight).tobytes()).hexdigest() for weight in model.weights)
    of = {"fingerprint": fingerprint([*weights, *source])}
    beside = path.with_suffix(".json")
    if not (path.is_file() and beside.is_file() and json.loads(beside.read_text()) == of):
        beside.unlink(missing_ok=True)
        with replacing(path) as temporary:
            compute(lambda shape, dtype: np.lib.format.open_memmap(temporary, "w+", dtype, shape)).flush()
        write_json(beside, of)
    return np.load(path, mmap_mode="r")


def embed_split(
    embed: Callable, loaded: LoadedSplit, batch_size: int = 64, new: Callable[..., np.ndarray] = np.empty
) -> np.ndarray:
    """Embeds every image of a split.

    Args:
        embed: of `embedding_function`.
        loaded: the images.
        batch_size: images at a time.
        new: makes the array that holds them, of shape and dtype.

    Returns:
        float32 `(N, D)`, as the network gives them, not of unit length.
    """
    embeddings, done = None, 0

    def batches(rows, size):
        return eval_batches(loaded, rows, size)

    for part in in_order(embed, len(loaded.split), batch_size, batches, "image"):
        if embeddings is None:
            embeddings = new((len(loaded.split), part.shape[1]), dtype="float32")
        embeddings[done : done + len(part)] = part
        done += len(part)
    return embeddings


def embed_tracklets(
    embed: Callable,
    loaded: LoadedTracklets,
    frames: int,
    batch_size: int = 16,
    clips: int = 0,
    new: Callable[..., np.ndarray] = np.empty,
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
        new: makes the array that holds them, of shape and dtype.

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
    result = new(sums.shape, dtype="float32")
    result[:] = sums / counts[:, None]
    return result
