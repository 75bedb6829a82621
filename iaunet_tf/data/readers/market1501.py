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
    return Dataset(name, **{name: _read(root / folder, name, root / TRAIN_MASKS) for name, folder in FOLDERS.items()})


def _read(folder: Path, subset: str, mask_root: Path) -> Subset:
    paths, pids, camids = [], [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        match = NAME.match(path.stem)
        if not match:
            raise InputError(f"{path}: not named like 0002_c1s1_000451_03.jpg (person, camera, ...)")
        pid = int(match[1])
        if pid == JUNK or (subset == "train" and pid == 0):
            continue
        paths.append(path)
        pids.append(pid)
        camids.append(int(match[2]))
    if not paths:
        raise InputError(f"{folder}: holds no images of people; expected {LAYOUT}")
    masks = None
    if subset == "train" and mask_root.is_dir():
        folders = {entry.name: entry for entry in mask_root.iterdir()}
        masks = [folders.get(path.stem, folders.get(path.name)) for path in paths]
    return Subset.of_images(subset, paths, pids, camids, masks)
