"""Market-1501 (Zheng et al., ICCV 2015) and data sets in its layout."""

import re
from pathlib import Path

import numpy as np

from iaunet_tf.data.datasets import JUNK, Dataset, Split
from iaunet_tf.data.images import SUFFIXES
from iaunet_tf.errors import InputError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
MASK_FOLDER = "seg_part4/Market1501_train_seg_part4"
LAYOUT = "{root}/{bounding_box_train,query,bounding_box_test}/PID_cCAMsSEQ_FRAME_BOX.jpg"
# Data sets in this layout: people and images, distractors counted as a person.
PUBLISHED = {
    "market1501": {"train": (751, 12936), "query": (750, 3368), "gallery": (751, 15913)},
    "dukemtmc_reid": {"train": (702, 16522), "query": (702, 2228), "gallery": (1110, 17661)},
    "occluded_duke": {"train": (702, 15618), "query": (519, 2210), "gallery": (1110, 17661)},
    "cuhk03_detected": {"train": (767, 7365), "query": (700, 1400), "gallery": (700, 5332)},
    "cuhk03_labeled": {"train": (767, 7368), "query": (700, 1400), "gallery": (700, 5328)},
}
NAME = re.compile(r"(-1|\d+)_c(\d+)(s\d+_\d+_\d+)?")


def read_market1501(root: str | Path, name: str = "market1501") -> Dataset:
    """Reads the file names of a data set in Market-1501 layout.

    `{pid}_c{cam}s{seq}_{frame}_{box}.jpg` in `bounding_box_train`, `query` and `bounding_box_test`. Person -1 is
    junk and left out; person 0 is a distractor, kept in the gallery and left out of training. Part masks of
    the training images are used where `seg_part4/Market1501_train_seg_part4/{image name}/` is there.

    Raises:
        InputError: a folder is missing or empty, or a file is not named like that.
    """
    root = Path(root).expanduser()
    missing = [folder for folder in FOLDERS.values() if not (root / folder).is_dir()]
    if missing:
        raise InputError(
            f"{root}: no folder {', '.join(missing)}; Market-1501 is laid out as {LAYOUT}; set --data.root"
        )
    splits = {}
    for split, folder in FOLDERS.items():
        splits[split] = _read_split(root / folder, split, root / MASK_FOLDER)
    return Dataset(name, **splits)


def _read_split(folder: Path, split: str, mask_root: Path) -> Split:
    paths, pids, camids = [], [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        match = NAME.match(path.stem)
        if not match:
            raise InputError(f"{path}: not named like 0002_c1s1_000451_03.jpg (person, camera, ...)")
        pid = int(match[1])
        if pid == JUNK or (split == "train" and pid == 0):
            continue
        paths.append(path)
        pids.append(pid)
        camids.append(int(match[2]))
    if not paths:
        raise InputError(f"{folder}: holds no images of people; expected {LAYOUT}")
    masks: list[Path | None] = [None] * len(paths)
    if split == "train" and mask_root.is_dir():
        folders = {entry.name: entry for entry in mask_root.iterdir()}
        masks = [folders.get(path.stem, folders.get(path.name)) for path in paths]
    return Split(split, paths, np.array(pids), np.array(camids), masks)
