"""Embeddings of whole subsets by a Keras network, on all replicas."""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.batches import eval_batches
from iaunet_tf.data.sampling import clip_rows
from iaunet_tf.data.sources import Source, open_source
from iaunet_tf.distribution.replicas import in_order, on_replicas
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.stored import read_embeddings, writing_embeddings
from iaunet_tf.files import fingerprint, new_array
from iaunet_tf.inference.keras_files import interpolation_of
from iaunet_tf.models.folding import inference


def embedding_function(
    model: keras.Model, flip: bool = False, frames: int | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compiles a function from `(B, [T,] H, W, 3)` pixels in 0..255 to `(B, D)` embeddings, on all replicas.

    The weights may change later. `flip` adds the embedding of the mirrored image or clip; `frames`
    is the length of all clips of a video network, None if it varies.
    """
    shape = list(model.inputs[0].shape)
    if len(shape) == 5:
        shape[1] = frames
    network = inference(model)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(shape, "float32")])
    def embed(images):
        embedding = network(images)["embedding"]
        if flip:
            embedding += network(tf.reverse(images, axis=[-2]))["embedding"]
        return embedding

    return on_replicas(embed)


class Extractor:
    """Embeds the images or tracklets of a source with the present weights of a network, which error
    messages call by `name`. The folder `store` keeps embeddings, see `stored_embeddings`."""

    def __init__(self, model: keras.Model, config, store: Path | None = None, name: str | None = None):
        self.model, self.config, self.store, self.name = model, config, store, name or model.name
        self.size, self.interpolation = tuple(model.inputs[0].shape[-3:-1]), interpolation_of(model)
        self._embed = embedding_function(model, config.eval.flip, config.data.clip_length)

    def __call__(self, source: Source, name: str = "") -> np.ndarray:
        """Embeds every entry, to be stored by `name`: float32 `(N, D)`, not scaled to unit length.
        A source of another size or interpolation than the network's is read again."""
        video = source.subset.video
        if (len(self.model.inputs[0].shape) == 5) != video:
            raise InputError(f"{self.name}: embeds {'images, not clips' if video else 'clips, not images'}")
        data, options = self.config.data, self.config.eval
        if (tuple(source.size), source.interpolation) != (self.size, self.interpolation):
            reading = {"on_corrupt": data.on_corrupt, "interpolation": self.interpolation}
            source = open_source(source.subset, self.size, **reading)

        def compute(new):
            return embed_source(self._embed, source, data.clip_length, options.clips, options.batch_size, new)

        if self.store is None:
            return compute(np.empty)
        depends = [options.flip, options.clips, data.clip_length, self.size, self.interpolation]
        depends += source.subset.signature()
        return stored_embeddings(self.store / f"{name}.npy", len(source.subset), self.model, depends, compute)


def embed_source(
    embed: Callable,
    source: Source,
    frames: int = 4,
    clips: int = 0,
    batch_size: int = 64,
    new: Callable[..., np.ndarray] = np.empty,
) -> np.ndarray:
    """Embeds every entry of a source as float32 `(N, D)`, in an array that `new` makes.

    A tracklet is the mean over `clips` evenly spaced clips of `frames` frames; 0 takes all frames.
    The mean of the pooled features, batch-normalised, is the mean of the embeddings: in evaluation
    a batch norm is affine.
    """
    subset = source.subset
    rows, entries = clip_rows(subset, frames, clips)

    def batches(numbers, size):
        return eval_batches(source, rows[numbers], size)

    result = sums = np.empty((0, 0))
    done = 0
    for embeddings in in_order(embed, len(rows), batch_size, batches, "clip" if subset.video else "image"):
        if not done:
            shape = len(subset), embeddings.shape[1]
            result = new(shape, dtype="float32")
            # Tracklets are few; images may be too many for memory and go where they belong at once.
            sums = np.zeros(shape) if subset.video else result
        own = slice(done, done + len(embeddings))
        if subset.video:
            np.add.at(sums, entries[own], embeddings)
        else:
            sums[own] = embeddings
        done += len(embeddings)
    if subset.video:
        result[:] = sums / np.bincount(entries)[:, None]
    return result


def stored_embeddings(
    path: Path, count: int, model: keras.Model, depends: Iterable, compute: Callable[[Callable], np.ndarray]
) -> np.ndarray:
    """`count` embeddings from a `.npy` file, memory-mapped; computed first unless the `.json` beside it
    says that weights, and the `repr` of what else they depend on, are still the same.

    On several hosts, which all have to take part in a computation, they are not stored.
    """
    if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
        return compute(np.empty)
    weights = (hashlib.sha256(np.ascontiguousarray(weight).tobytes()).hexdigest() for weight in model.weights)
    of = fingerprint([*weights, *depends])
    vectors = read_embeddings(path, count, of)
    if vectors is None:
        with writing_embeddings(path, of) as temporary:
            vectors = compute(partial(new_array, temporary))
            if isinstance(vectors, np.memmap):
                vectors.flush()
    return vectors
