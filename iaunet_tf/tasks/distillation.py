"""What the teacher of a run says of the training images."""

from functools import lru_cache

import numpy as np

from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.sources import Source
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.exported import ExportedExtractor
from iaunet_tf.inference import Embedder
from iaunet_tf.vectors import unit_length


def open_teacher(config) -> Embedder:
    """Opens the network that `loss.teacher` names; an InputError if it embeds something else than the run's data."""
    embedder, data = _open(config.loss.teacher, config.eval.batch_size), config.data
    if embedder.metadata.video != data.video:
        kinds = ("clips", "images") if embedder.metadata.video else ("images", "tracklets")
        raise InputError(
            f"loss.teacher {config.loss.teacher}: embeds {kinds[0]}, and {data.name} consists of {kinds[1]}"
        )
    return embedder


@lru_cache(maxsize=1)
def _open(path, batch_size):
    try:
        return Embedder(path, batch_size)
    except InputError as error:
        raise InputError(f"loss.teacher: {error}") from None


def lessons(config, subset: Subset) -> tuple[np.ndarray, np.ndarray]:
    """The teacher's embedding of every entry, without augmentation, float32 `(N, D)`, and of every identity, its
    prototype, `(K, D)`: the mean of its entries. All are of length 1."""
    teacher = open_teacher(config)
    print(f"teacher: {teacher.fed}")
    expected = teacher.metadata
    source = Source(
        subset,
        (expected.height, expected.width),
        on_corrupt=config.data.on_corrupt,
        interpolation=expected.interpolation,
    )
    vectors = unit_length(ExportedExtractor(teacher, config)(source, "teacher"), "the teacher's embeddings")
    sums = np.zeros((subset.num_people, vectors.shape[1]), "float32")
    np.add.at(sums, subset.labels, vectors)
    return vectors, unit_length(sums, "the mean embeddings of identities")
