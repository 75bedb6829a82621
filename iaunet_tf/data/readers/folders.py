"""Image classification data: a folder per class, as for ImageNet."""

from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import LabelledImages
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError

VALIDATION = ("val", "valid", "validation", "test")
HELD_OUT = 5  # without a validation folder, one image of so many of each class


def read_folders(root: str | Path, seed: int = 0) -> tuple[LabelledImages, LabelledImages]:
    """Reads `root/train/CLASS/*` and `root/val/CLASS/*` (or `valid`, `validation`, `test`).

    Without these, `root/CLASS/*`, of which every fifth image of a class, by the seed, is held out for validation.

    Returns:
        Training and validation images, whose classes are the same.

    Raises:
        InputError: the folder is missing or holds fewer than two classes, a class is empty or has nothing to train on.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set --data.root to one that holds train/CLASS/ and val/CLASS/")
    validation = next((root / name for name in VALIDATION if (root / name).is_dir()), None)
    if (root / "train").is_dir() and validation:
        train = _read(root / "train", "train")
        return train, _read(validation, "val", train.classes)
    everything = _read(root, "train")
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(everything), bool)
    for label in range(len(everything.classes)):
        rows = rng.permutation(np.flatnonzero(everything.labels == label))
        if len(rows) < 2:
            raise InputError(
                f"{root / everything.classes[label]}: holds one image, so nothing can be held out for validation; "
                "add images or make train/ and val/"
            )
        held_out[rows[: max(1, len(rows) // HELD_OUT)]] = True
    return everything.take(np.flatnonzero(~held_out)), everything.take(np.flatnonzero(held_out), "val")


def _read(folder, name, classes=None):
    found = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if classes is None and len(found) < 2:
        raise InputError(f"{folder}: holds {len(found)} folders of classes; at least two are needed")
    unknown = sorted(set(found) - set(classes or found))
    if unknown:
        raise InputError(f"{folder / unknown[0]}: is a class that training does not have")
    paths, labels = [], []
    for label, class_name in enumerate(classes or found):
        files = sorted(path for path in (folder / class_name).glob("*") if path.suffix.lower() in SUFFIXES)
        if not files and classes is None:
            raise InputError(f"{folder / class_name}: holds no images ({', '.join(sorted(SUFFIXES))})")
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise InputError(f"{folder}: holds no images of the classes of training")
    return LabelledImages(name, paths, np.array(labels), classes or found)
