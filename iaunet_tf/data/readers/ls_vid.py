"""LS-VID (Li et al., ICCV 2019)."""

from functools import cache
from pathlib import Path

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.readers.common import read_lines, read_matrix, require
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError

TRAIN_LIST, TEST_LIST = "list_sequence/list_seq_train.txt", "list_sequence/list_seq_test.txt"
INFO = "test/data/info_test.mat"
LAYOUT = "{root}/{tracklet_train,tracklet_test}/, list_sequence/list_seq_{train,test}.txt and test/data/info_test.mat"


def read_ls_vid(root: str | Path) -> Dataset:
    """Reads the tracklets in the lists; `INFO` has the numbers of queries in the test list, from 1.

    The gallery includes the queries, as in MARS.
    """
    root = Path(root).expanduser()
    require(root, (TRAIN_LIST, TEST_LIST, INFO), "file", "LS-VID", LAYOUT)
    train, test = _read(root, "train", root / TRAIN_LIST), _read(root, "gallery", root / TEST_LIST)
    query = read_matrix(root / INFO, "query").reshape(-1) - 1
    if not len(query) or query.min() < 0 or query.max() >= len(test):
        raise InputError(f"{root / INFO}: tracklet numbers must be between 1 and {len(test)}")
    return Dataset("ls_vid", train.with_masks(root), test.take(query, "query"), test)


def _read(root, name, path):
    """A line `tracklet_train/PID/START PID` is the tracklet of frames `START*` in that folder."""

    @cache
    def names_in(folder):
        return [path.name for path in Walker(root).images(root / folder)]

    tracklets = []
    for number, line in read_lines(path):
        prefix, pid = ([*line.rsplit(maxsplit=1), ""])[:2]
        if not pid.isdecimal() or len(pid) > 9:
            raise InputError(f"{path}: line {number} must be a sequence and its identity; received {line[:80]}")
        folder, _, start = prefix.rpartition("/")
        frames = [frame for frame in names_in(folder) if frame.startswith(start)]
        if not frames:
            raise InputError(f"{path}: line {number}: tracklet {prefix} has no frames in {root / folder}")
        cameras = {frame.split("_")[2] for frame in frames if frame.count("_") >= 2}
        if len(cameras) != 1 or not (camera := cameras.pop()).isdecimal():
            raise InputError(f"{root / folder}: frames {start}* must have one camera id (PID_TRACK_CAMERA_FRAME.jpg)")
        tracklets.append((prefix, [f"{folder}/{frame}" for frame in frames], int(pid), int(camera)))
    return Subset.of_tracklets(name, root, tracklets)
