"""Image classification data with one folder per class, as in ImageNet."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import LabelledImages
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.readers.common import subset_called, subset_folders
from iaunet_tf.data.walking import Walker, real_paths
from iaunet_tf.errors import InputError

LAYOUT = "train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"
HELD_OUT = 5  # without a validation folder, one in this many images of each class is held out


def read_folders(root: str | Path, seed: int = 0) -> tuple[LabelledImages, LabelledImages]:
    """Reads images to train on, `train/CLASS/*`, and to validate, `val/CLASS/*` or else `test/CLASS/*`; the names of
    these folders may be spelled as usual. Images may be in further folders of their class.

    Without such folders, reads `CLASS/*` and holds out a random fifth, chosen by `seed`, of each.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set --data.root to a folder of {LAYOUT}")
    walker = Walker(root)
    names = [path.name for path in walker.folders(root)]
    subsets = subset_folders(root, names)
    validation = subsets.get("val") or subsets.get("test")
    if "train" in subsets and validation:
        train = _read(root / subsets["train"], "train")
        val = _read(root / validation, "val", train.classes)
        _check_files(root, train, val)
        unused = sorted(set(names) - {subsets["train"], validation})
        notes = (f"folders not used: {', '.join(unused)}",) if unused else ()
        return replace(train, notes=(*train.notes, *notes)), val
    # A class may be called train, as one of vehicles.
    if subsets and (len(subsets) == len(names) or any(walker.folders(root / name) for name in subsets.values())):
        raise InputError(f"{root}: has {', '.join(names)}; expected {LAYOUT}; set --data.root")
    everything = _read(root, "train")
    _check_files(root, everything)
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
    val = everything.take(np.flatnonzero(held_out), "val")
    return everything.take(np.flatnonzero(~held_out)), replace(val, notes=())


def _check_files(root, *subsets):
    """Refuses a file, as a linked folder brings it in, that is in two classes, or to train on and to validate."""
    places = {}
    for images in subsets:
        for path, real, label in zip(images.paths, real_paths(images.paths), images.labels, strict=True):
            first, place = places.setdefault(real, (path, (images.name, label)))
            if place != (images.name, label):
                raise InputError(f"{root}: {first} and {path} are one file; keep it in one class and subset")


def _read(folder, name, classes=None):
    walker = Walker(folder)
    found = [path.name for path in walker.folders(folder)]
    if classes is None and len(found) < 2:
        raise InputError(f"{folder}: contains {len(found)} class folders; at least two are required, as {LAYOUT}")
    unknown = sorted(set(found) - set(classes or found))
    if unknown:
        raise InputError(f"{folder / unknown[0]}: this class is not in the training data; add it or remove the folder")
    paths, labels = [], []
    for label, class_name in enumerate(classes or found):
        files = walker.images(folder / class_name, deep=True)
        if not files and classes is None:
            raise InputError(f"{folder / class_name}: contains no images ({', '.join(sorted(SUFFIXES))})")
        inside = {part for path in files for part in path.relative_to(folder / class_name).parts[:-1]}
        below = next(filter(subset_called, sorted(inside)), None)
        if below:
            raise InputError(f"{folder / class_name}: holds a folder {below}; expected {LAYOUT}; set --data.root")
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise InputError(f"{folder}: contains no images of the training classes")
    return LabelledImages(name, paths, np.array(labels), classes or found, walker.notes)
