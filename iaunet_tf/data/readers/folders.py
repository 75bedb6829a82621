"""Image classification data with one folder per class, as in ImageNet."""

from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import LabelledImages
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.readers.common import images_in
from iaunet_tf.errors import InputError

VALIDATION = ("val", "valid", "validation", "test")
HELD_OUT = 5  # without a validation folder, one in this many images of each class is held out


def read_folders(root: str | Path, seed: int = 0) -> tuple[LabelledImages, LabelledImages]:
    """Reads images to train on, `train/CLASS/*`, and to validate, `val/CLASS/*` (see `VALIDATION`).

    Without such folders, reads `CLASS/*` and holds out a random fifth, chosen by `seed`, of each.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set --data.root to a folder with train/CLASS/ and val/CLASS/")
    validation = next((root / name for name in VALIDATION if (root / name).is_dir()), None)
    if (root / "train").is_dir() and validation:
        train = _read(root / "train", "train")
        return train, _read(validation, "val", train.classes)
    everything = _read(root, "train")
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(everything), bool)
    for label, name in enumerate(everything.classes):
        rows = rng.permutation(np.flatnonzero(everything.labels == label))
        if len(rows) < 2:
            raise InputError(
                f"{root / name}: contains only one image, so none can be held out for "
                "validation; add images or create train/ and val/"
            )
        held_out[rows[: max(1, len(rows) // HELD_OUT)]] = True
    return everything.take(np.flatnonzero(~held_out)), everything.take(np.flatnonzero(held_out), "val")


def _read(folder, name, classes=None):
    found = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if classes is None and len(found) < 2:
        raise InputError(f"{folder}: contains {len(found)} class folders; at least two are required")
    unknown = sorted(set(found) - set(classes or found))
    if unknown:
        raise InputError(f"{folder / unknown[0]}: this class is not in the training data; add it or remove the folder")
    paths, labels = [], []
    for label, class_name in enumerate(classes or found):
        files = images_in(folder / class_name)
        if not files and classes is None:
            raise InputError(f"{folder / class_name}: contains no images ({', '.join(sorted(SUFFIXES))})")
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise InputError(f"{folder}: contains no images of the training classes")
    return LabelledImages(name, paths, np.array(labels), classes or found)
