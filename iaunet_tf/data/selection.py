"""The data sets that a configuration selects: to train on, and to find people in."""

import os

import numpy as np

from iaunet_tf.data.dataset import Dataset, Subset, has_match, join
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.errors import InputError


def read_selected(data, training: bool = True) -> tuple[Subset, list[Dataset]]:
    """Reads what to train on, and the data sets to find people in, from the `data` section of a
    configuration. Prints what they hold and, if `training`, how training goes about part masks.

    Raises:
        InputError: a data set cannot be read, or no query has a match.
    """

    def read(key, name, root, fold=0):
        dataset, warnings = read_dataset(name, root, fold, data.cache_dir, key)
        print("\n".join([f"{name} in {root}", dataset.summary(), *warnings]))
        return dataset

    own = read("root", data.name, data.root, data.fold)
    more, tests = ([read(key, *entry.split("=", 1)) for entry in getattr(data, key)] for key in ("more", "test"))
    for test in tests or [own]:
        if not has_match(test.query, test.gallery).any():
            raise InputError(f"{test.name}: no query has a match, a gallery entry of the same person in another camera")
    for entry, dataset in zip(data.more, more, strict=True):
        twice = np.intersect1d(own.train.files, dataset.train.files)
        if len(twice):
            raise InputError(
                f"data.more: {entry} holds images of {data.name} again, such as {os.fsdecode(twice[0])}; leave it out"
            )
    train = join([own.train, *(dataset.train for dataset in more)])
    if more:
        print(f"together\n{train.summary()}")
    if data.masks != "files":
        train = train.without_masks()
    if training and data.masks == "prior":
        print("part masks are guesses, the same for everybody")
    elif training and train.masks is None:
        print("no part masks found: training without the part-mask loss; --data.masks prior uses guessed masks")
    return train, tests or [own]


def check_input(metadata, source: object, data, size: bool = True) -> None:
    """Refuses the network in `source` if the `data` section selects other input than its own: clips instead of
    images, or unless `size` is False another size."""
    if metadata.video != getattr(data, "video", False):
        kinds = ("clips", "images") if metadata.video else ("images", "tracklets")
        raise InputError(f"{source}: embeds {kinds[0]}, and {data.name} consists of {kinds[1]}")
    theirs = metadata.interpolation
    if getattr(data, "interpolation", theirs) not in (None, theirs):
        raise InputError(
            f"{source}: takes images resized by {theirs}, not {data.interpolation}; leave data.interpolation out"
        )
    theirs = metadata.height, metadata.width
    if size and (data.height, data.width) != theirs:
        raise InputError(
            f"{source}: takes {theirs[0]}x{theirs[1]} pixels, not {data.height}x{data.width}; leave data.height and "
            "data.width out"
        )
