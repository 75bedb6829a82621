"""Market-1501 (Zheng et al., ICCV 2015) and data sets in its layout."""

import re
from pathlib import Path

from iaunet_tf.data.dataset import JUNK, MASK_FOLDER, Dataset, Subset
from iaunet_tf.data.readers.common import require, same_people, zero_notes
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
TRAIN_MASKS = f"{MASK_FOLDER}/Market1501_train_seg_part4"
LAYOUT = "{root}/{bounding_box_train,query,bounding_box_test}/PID_cCAMsSEQ_FRAME_BOX.jpg"
NAME = re.compile(r"(-1|\d{1,18})_c(\d{1,18})(?!\d)(s\d+_\d+_\d+)?")


def read_market1501(root: str | Path, name: str = "market1501") -> Dataset:
    """Reads images in `FOLDERS`, without junk (-1). Distractors (0) stay in the gallery; elsewhere 0 is an identity.

    Training images get the part masks in `TRAIN_MASKS`; suffixes of its folders do not matter.
    """
    root = Path(root).expanduser()
    require(root, FOLDERS.values(), "folder", "Market-1501", LAYOUT)
    walker = Walker(root)
    subsets = {subset: _read(root, subset, walker) for subset in FOLDERS}
    return Dataset(name, **subsets, notes=(*zero_notes(subsets), *same_people(subsets), *walker.notes))


def _read(root, subset, walker):
    rows = []
    for path in walker.images(root / FOLDERS[subset]):
        match = NAME.match(path.stem)
        if not match:
            raise InputError(f"{path}: must be named like 0002_c1s1_000451_03.jpg (identity, camera, ...)")
        pid = int(match[1])
        if pid != JUNK:
            rows.append((path, pid, int(match[2])))
    if not rows:
        wrong = "; ".join(["contains no images", *walker.notes])
        raise InputError(f"{root / FOLDERS[subset]}: {wrong}; expected {LAYOUT}; set --data.root")
    paths, pids, camids = zip(*rows, strict=True)
    masks = None
    if subset == "train" and (root / TRAIN_MASKS).is_dir():
        folders = {entry.name: entry for entry in (root / TRAIN_MASKS).iterdir()}
        masks = [folders.get(path.stem, folders.get(path.name)) for path in paths]
    return Subset.of_images(subset, paths, pids, camids, masks)
