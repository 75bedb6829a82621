"""MARS (Zheng et al., ECCV 2016) and data sets in its layout."""

import os
import re
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import JUNK, Dataset, Subset
from iaunet_tf.data.readers.matlab import read_matrix
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, replacing, state

FILES = {
    "train_name.txt": None,
    "test_name.txt": None,
    "tracks_train_info.mat": "track_train_info",
    "tracks_test_info.mat": "track_test_info",
    "query_IDX.mat": "query_IDX",
}
LAYOUT = "{root}/{bbox_train,bbox_test}/PID/PIDCcamTtrackFframe.jpg and info/{" + ",".join(FILES) + "}"
NAME = re.compile(r"(00-1|\d{4})C(\d)T\d+F\d+")


def read_mars(root: str | Path, cache_dir: str | Path | None = None) -> Dataset:
    """Reads MARS from the frame names and tracks in `info/`.

    Identity -1 is junk and is skipped; identity 0 are distractors, which are kept in the gallery. The gallery includes
    the queries: each query is matched only against other cameras, and some queries have no other match.

    Args:
        root: folder with `bbox_train`, `bbox_test` and `info`.
        cache_dir: folder in which to cache the checked index, which is read again when `info` changes. By default
            nothing is cached.

    Raises:
        InputError: a file in `info` is missing or damaged, tracks contradict frame names, or frames do not exist.
    """
    root = Path(root).expanduser()
    info = root / "info"
    missing = [name for name in FILES if not (info / name).is_file()]
    if missing:
        raise InputError(f"{info}: no file {', '.join(missing)}; the layout of MARS is {LAYOUT}; set --data.root")
    if cache_dir is None:
        return _dataset(root, _read_index(root))
    path = Path(cache_dir).expanduser() / f"mars-{fingerprint(state(root / 'info' / name) for name in FILES)}.npz"
    if not path.is_file():
        index = _read_index(root)
        with replacing(path) as temporary:
            np.savez(temporary, **index)
        return _dataset(root, index)
    with np.load(path) as arrays:
        return _dataset(root, dict(arrays))


def _read_index(root):
    """Reads and checks the frame names and tracks of both halves."""
    index = {}
    for half in ("train", "test"):
        lines = (root / "info" / f"{half}_name.txt").read_text().split()
        tracks = _matrix(root / "info" / f"tracks_{half}_info.mat")
        if tracks.ndim != 2 or tracks.shape[1] != 4:
            raise InputError(f"{root / 'info' / f'tracks_{half}_info.mat'}: has shape {tracks.shape}, not (tracks, 4)")
        # Files like 0001C1T0001F001.jpg are in a folder named by their first four characters.
        frames = np.array([os.fsencode(f"bbox_{half}/{name[:4]}/{name}") for name in lines])
        _check_tracks(root, half, lines, tracks)
        index[f"{half}_frames"], index[f"{half}_tracks"] = frames, tracks
        tracklets = _tracklets(root, half, index)
        _check_frames(root, tracklets.take(np.flatnonzero(tracklets.pids != JUNK)), root / "info" / f"{half}_name.txt")
    query = _matrix(root / "info" / "query_IDX.mat").reshape(-1) - 1
    count = len(index["test_tracks"])
    if not len(query) or query.min() < 0 or query.max() >= count:
        raise InputError(f"{root / 'info' / 'query_IDX.mat'}: track numbers must be between 1 and {count}")
    return {**index, "query": query}


def _matrix(path):
    return read_matrix(path, FILES[path.name]).astype(int)


def _check_tracks(root, half, lines, tracks):
    """Checks that all frames of a track have its identity and camera id."""
    where = root / "info" / f"tracks_{half}_info.mat"
    matches = [NAME.match(name) for name in lines]
    unnamed = next((name for name, match in zip(lines, matches, strict=True) if not match), None)
    if unnamed is not None:
        raise InputError(f"{root / 'info' / f'{half}_name.txt'}: {unnamed} must be named like 0001C1T0001F001.jpg")
    people = np.array([JUNK if match[1] == "00-1" else int(match[1]) for match in matches])
    cameras = np.array([int(match[2]) for match in matches])
    for number, (first, last, pid, camid) in enumerate(tracks, start=1):
        if last < first:
            raise InputError(f"{where}: track {number} is empty ({first} to {last})")
        if first < 1 or last > len(lines):
            raise InputError(f"{where}: track {number} has frames {first} to {last}, but there are only {len(lines)}")
        own = slice(first - 1, last)
        if (people[own] != pid).any() or (cameras[own] != camid).any():
            other = int(np.flatnonzero((people[own] != pid) | (cameras[own] != camid))[0])
            raise InputError(
                f"{where}: track {number} belongs to identity {pid} in camera {camid}, but its frame "
                f"{lines[first - 1 + other]} does not: a tracklet must not mix identities or cameras"
            )


def _check_frames(root, tracklets, listed_in):
    """All frames are files, looked up folder by folder."""
    folders: dict[str, set[str]] = {}
    missing = []
    for start, length in zip(tracklets.starts, tracklets.lengths, strict=True):
        for file in tracklets.files[start : start + length]:
            folder, _, name = os.fsdecode(file).rpartition("/")
            if folder not in folders:
                folders[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
            if name not in folders[folder]:
                missing.append(os.path.relpath(os.fsdecode(file), root))
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise InputError(
            f"{root}: {len(missing)} of the {tracklets.lengths.sum()} frames of {listed_in} do not exist: {shown}"
        )


def _tracklets(root, half, index):
    first, last, pids, camids = index[f"{half}_tracks"].T
    files = np.char.add(os.fsencode(root) + b"/", index[f"{half}_frames"])
    name = "train" if half == "train" else "gallery"
    return Subset(name, files, first - 1, last - first + 1, pids, camids, video=True)


def _dataset(root, index):
    train, test = _tracklets(root, "train", index), _tracklets(root, "test", index)
    return Dataset(
        "mars",
        train.take(np.flatnonzero(train.pids > 0)).with_masks(root),
        test.take(index["query"], "query"),
        test.take(np.flatnonzero(test.pids != JUNK)),
    )
