"""LS-VID (Li et al., ICCV 2019)."""

import os
from pathlib import Path

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.readers.matlab import read_matrix
from iaunet_tf.errors import InputError

LAYOUT = "{root}/{tracklet_train,tracklet_test}/, list_sequence/list_seq_{train,test}.txt and test/data/info_test.mat"


def read_ls_vid(root: str | Path) -> Dataset:
    """Reads LS-VID.

    Each line `tracklet_train/PID/PREFIX PID` of the sequence lists is a tracklet, whose frames are the files
    `PID_TRACK_CAMERA_FRAME.jpg` that start with the prefix. `test/data/info_test.mat` contains the 1-based indices of
    the queries among the test sequences. The gallery includes the queries, as in MARS.

    Args:
        root: folder of the data set.

    Raises:
        InputError: a file is missing or damaged, or a tracklet is empty or mixes cameras.
    """
    root = Path(root).expanduser()
    lists = {half: root / "list_sequence" / f"list_seq_{half}.txt" for half in ("train", "test")}
    info = root / "test" / "data" / "info_test.mat"
    missing = [str(path.relative_to(root)) for path in (*lists.values(), info) if not path.is_file()]
    if missing:
        raise InputError(f"{root}: no file {', '.join(missing)}; the layout of LS-VID is {LAYOUT}; set --data.root")
    train, test = _read(root, "train", lists["train"]), _read(root, "gallery", lists["test"])
    query = read_matrix(info, "query").reshape(-1).astype(int) - 1
    if not len(query) or query.min() < 0 or query.max() >= len(test):
        raise InputError(f"{info}: tracklet numbers must be between 1 and {len(test)}")
    return Dataset("ls_vid", train.with_masks(root), test.take(query, "query"), test)


def _read(root, name, path):
    folders: dict[str, list[str]] = {}
    tracklets = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        prefix, _, pid = line.strip().rpartition(" ")
        if not prefix or not pid.isdecimal():
            raise InputError(f"{path}: line {number} must be a sequence and its identity; received {line[:80]}")
        folder, _, start = prefix.rpartition("/")
        if folder not in folders:
            directory = root / folder
            folders[folder] = sorted(os.listdir(directory)) if directory.is_dir() else []
        frames = [f for f in folders[folder] if f.startswith(start) and Path(f).suffix.lower() in SUFFIXES]
        if not frames:
            raise InputError(f"{path}: line {number}: tracklet {prefix} has no frames in {root / folder}")
        cameras = {frame.split("_")[2] for frame in frames if frame.count("_") >= 2}
        if len(cameras) != 1 or not (camera := cameras.pop()).isdecimal():
            raise InputError(f"{root / folder}: frames {start}* must have one camera id (PID_TRACK_CAMERA_FRAME.jpg)")
        tracklets.append((prefix, [f"{folder}/{frame}" for frame in frames], int(pid), int(camera)))
    return Subset.of_tracklets(name, root, tracklets)
