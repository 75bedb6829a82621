"""DukeMTMC-VideoReID (Wu et al., CVPR 2018)."""

import re
from pathlib import Path

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.readers.common import require
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError

SUBSETS = ("train", "query", "gallery")
LAYOUT = "{root}/{train,query,gallery}/PID/TRACKLET/PID_CcamFframe_X....jpg"
# 0001_C5_F0001_X207183.jpg, or 0001C5F0001X207183.jpg in older copies
NAME = re.compile(r"(\d{1,18})_?C(\d{1,18})_?F(\d{1,18})")


def read_dukemtmc_videoreid(root: str | Path) -> Dataset:
    """Reads frames in `{train,query,gallery}/PID/TRACKLET/`, whose names start as in `NAME`."""
    root = Path(root).expanduser()
    require(root, SUBSETS, "folder", "DukeMTMC-VideoReID", LAYOUT)
    walker = Walker(root)
    subsets = {name: _read(root, name, walker) for name in SUBSETS}
    subsets["train"] = subsets["train"].with_masks(root)
    return Dataset("dukemtmc_videoreid", **subsets, notes=walker.notes)


def _read(root, name, walker):
    tracklets = []
    for folder in (tracklet for person in walker.folders(root / name) for tracklet in walker.folders(person)):
        frames = []
        for path in walker.images(folder):
            match = NAME.match(path.stem)
            if not match:
                raise InputError(f"{path}: must be named like 0001_C5_F0001_X207183.jpg (identity, camera, frame)")
            frames.append((int(match[3]), int(match[1]), int(match[2]), path.relative_to(root).as_posix()))
        people, cameras = {frame[1] for frame in frames}, {frame[2] for frame in frames}
        if len(people) > 1 or len(cameras) > 1:
            raise InputError(
                f"{folder}: mixes identities {sorted(people)} or cameras {sorted(cameras)}; a tracklet must show one "
                "identity in one camera"
            )
        # Frame numbers have varying lengths, so names cannot be sorted alphabetically.
        names = [frame[-1] for frame in sorted(frames)]
        identifier = folder.relative_to(root).as_posix()
        tracklets.append((identifier, names, people.pop() if people else -1, cameras.pop() if cameras else -1))
    return Subset.of_tracklets(name, root, tracklets)
