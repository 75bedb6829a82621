"""MSMT17 (Wei et al., CVPR 2018)."""

import re
from collections import Counter
from pathlib import Path

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.readers.common import nearby, read_lines
from iaunet_tf.data.walking import missing
from iaunet_tf.errors import InputError

# Folders of training and test images in the first release and in the second one, in which faces are blurred.
RELEASES = (("train", "test"), ("mask_train_v2", "mask_test_v2"))
# As usual, the images of `val` are used for training.
LISTS = {"train": ("list_train.txt", "list_val.txt"), "query": ("list_query.txt",), "gallery": ("list_gallery.txt",)}

LINE = re.compile(r"((?:.*/)?[^/_]*_[^/_]*_(\d{1,9})(?:_[^/]*)?)\s+(\d{1,9})")  # its third part is the camera


def read_msmt17(root: str | Path) -> Dataset:
    """Reads the images in `LISTS`, in the root or in its folder `MSMT17_V1` or `MSMT17_V2`."""
    root = Path(root).expanduser()
    for base in (root, root / "MSMT17_V1", root / "MSMT17_V2"):
        for train, test in RELEASES:
            if (base / LISTS["query"][0]).is_file() and (base / train).is_dir() and (base / test).is_dir():
                folders = {"train": base / train, "query": base / test, "gallery": base / test}
                return Dataset("msmt17", **{name: _read(base, name, folders[name]) for name in LISTS})
    raise InputError(
        f"{root}: no list_query.txt next to train and test (or mask_train_v2 and mask_test_v2); "
        + nearby(root, *((*LISTS["query"], *release) for release in RELEASES))
    )


def _read(base, name, folder):
    rows = []
    for file in LISTS[name]:
        if not (base / file).is_file():
            raise InputError(f"{base / file}: no such file; copy it from MSMT17")
        for number, line in read_lines(base / file):
            match = LINE.fullmatch(line)
            if not match:
                raise InputError(f"{base / file}: line {number} must be like 0000/0000_000_01_0303morning_0008_0.jpg 0")
            rows.append((folder / match[1], int(match[3]), int(match[2])))
    if not rows:
        raise InputError(f"{base}: the lists of {name} are empty; copy them from MSMT17")
    paths, pids, camids = zip(*rows, strict=True)
    if len(set(paths)) < len(paths):
        twice, count = Counter(paths).most_common(1)[0]
        raise InputError(
            f"{base}: {twice} is listed {count} times in {' and '.join(LISTS[name])}; keep one of the lines"
        )
    if lost := missing(paths):
        raise InputError(f"{base}: {len(lost)} of the {len(paths)} images listed for {name} do not exist: {lost[0]}")
    return Subset.of_images(name, paths, pids, camids)
