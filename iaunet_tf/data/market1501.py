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
# Published numbers of identities and images of the data sets in this layout; distractors count as one identity.
PUBLISHED = {
    "market1501": {"train": (751, 12936), "query": (750, 3368), "gallery": (751, 15913)},
    "dukemtmc_reid": {"train": (702, 16522), "query": (702, 2228), "gallery": (1110, 17661)},
    "occluded_duke": {"train": (702, 15618), "query": (519, 2210), "gallery": (1110, 17661)},
    "cuhk03_detected": {"train": (767, 7365), "query": (700, 1400), "gallery": (700, 5332)},
    "cuhk03_labeled": {"train": (767, 7368), "query": (700, 1400), "gallery": (700, 5328)},
}
NAME = re.compile(r"(-1|\d+)_c(\d+)(s\d+_\d+_\d+)?")


def read_market1501(root: str | Path, name: str = "market1501") -> Dataset:
    """Reads a data set in the Market-1501 layout.

    Expects images `{pid}_c{cam}s{seq}_{frame}_{box}.jpg` in `bounding_box_train`, `query` and `bounding_box_test`.
    Identity -1 is junk and is skipped; identity 0 are distractors, which are kept in the gallery but not used for
    training. Part masks of training images are read from `seg_part4/Market1501_train_seg_part4/{image name}/` if they
    exist.

    Args:
        root: folder of the data set.
        name: name of the data set.

    Raises:
        InputError: a folder is missing or empty, or a file name is malformed.
    """
    root = Path(root).expanduser()
    missing = [folder for folder in FOLDERS.values() if not (root / folder).is_dir()]
    if missing:
        raise InputError(
            f"{root}: no folder {', '.join(missing)}; the layout of Market-1501 is {LAYOUT}; set --data.root"
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
            raise InputError(f"{path}: must be named like 0002_c1s1_000451_03.jpg (identity, camera, ...)")
        pid = int(match[1])
        if pid == JUNK or (split == "train" and pid == 0):
            continue
        paths.append(path)
        pids.append(pid)
        camids.append(int(match[2]))
    if not paths:
        raise InputError(f"{folder}: contains no images; expected {LAYOUT}; set --data.root")
    masks: list[Path | None] = [None] * len(paths)
    if split == "train" and mask_root.is_dir():
        folders = {entry.name: entry for entry in mask_root.iterdir()}
        masks = [folders.get(path.stem, folders.get(path.name)) for path in paths]
    return Split(split, paths, np.array(pids), np.array(camids), masks)
