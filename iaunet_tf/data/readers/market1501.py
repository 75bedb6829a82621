"""Market-1501 (Zheng et al., ICCV 2015) and data sets in its layout."""

import re
from pathlib import Path

from iaunet_tf.data.dataset import JUNK, MASK_FOLDER, Dataset, Subset
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
TRAIN_MASKS = f"{MASK_FOLDER}/Market1501_train_seg_part4"
LAYOUT = "{root}/{bounding_box_train,query,bounding_box_test}/PID_cCAMsSEQ_FRAME_BOX.jpg"
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
    return Dataset(name, **{name: _read(root / folder, name, root / TRAIN_MASKS) for name, folder in FOLDERS.items()})


def _read(folder: Path, subset: str, mask_root: Path) -> Subset:
    paths, pids, camids = [], [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        match = NAME.match(path.stem)
        if not match:
            raise InputError(f"{path}: must be named like 0002_c1s1_000451_03.jpg (identity, camera, ...)")
        pid = int(match[1])
        if pid == JUNK or (subset == "train" and pid == 0):
            continue
        paths.append(path)
        pids.append(pid)
        camids.append(int(match[2]))
    if not paths:
        raise InputError(f"{folder}: contains no images; expected {LAYOUT}; set --data.root")
    masks = None
    if subset == "train" and mask_root.is_dir():
        folders = {entry.name: entry for entry in mask_root.iterdir()}
        masks = [folders.get(path.stem, folders.get(path.name)) for path in paths]
    return Subset.of_images(subset, paths, pids, camids, masks)
