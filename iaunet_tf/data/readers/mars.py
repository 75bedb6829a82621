"""MARS (Zheng et al., ECCV 2016) and data sets in its layout."""

import os
import re
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import JUNK, Dataset, Subset
from iaunet_tf.data.readers.common import read_lines, read_matrix, require, same_people, zero_notes
from iaunet_tf.data.walking import missing
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, intact, replacing, state

# In `info/`: files of a matrix and its name, and all files.
MATRICES = {
    "tracks_train_info.mat": "track_train_info",
    "tracks_test_info.mat": "track_test_info",
    "query_IDX.mat": "query_IDX",
}
FILES = ("train_name.txt", "test_name.txt", *MATRICES)
LAYOUT = "{root}/{bbox_train,bbox_test}/PID/PIDCcamTtrackFframe.jpg and info/{" + ",".join(FILES) + "}"
NAME = re.compile(r"(00-1|\d{4})C(\d)T\d+F\d+")


def read_mars(root: str | Path, cache_dir: str | Path | None = None) -> Dataset:
    """Reads the tracks in `info/`, without junk (-1). Distractors (0) stay in the gallery, and so
    do queries: each is matched only against other cameras, and some have no other match.

    The checked index is kept in `cache_dir`, if given, and made anew when `info` changes.
    """
    root = Path(root).expanduser()
    info = root / "info"
    require(root, [f"info/{name}" for name in FILES], "file", "MARS", LAYOUT)
    if cache_dir is None:
        return _dataset(root, _read_index(root))
    key = fingerprint(state(info / name) for name in FILES)
    path = Path(cache_dir).expanduser() / f"mars-{key}.npz"
    index = intact(lambda: _stored_index(path), path)
    if index is None:
        index = _read_index(root)
        try:
            with replacing(path) as temporary:
                np.savez(temporary, **index)
        except OSError as error:
            print(f"{error.filename}: {error.strerror}; the index is not kept (--data.cache_dir)", flush=True)
    return _dataset(root, index)


def _stored_index(path):
    with np.load(path) as arrays:
        index = dict(arrays)
    numbers = [(index["query"], 0, len(index["test_tracks"]) - 1)]
    for half in ("train", "test"):
        frames, (first, last, _, _) = index[f"{half}_frames"], index[f"{half}_tracks"].T
        numbers += [(first, 1, last), (last, first, len(frames))]
        if frames.dtype.kind != "S":
            raise ValueError("its file names are no file names")
    if not all(each.dtype == int and (low <= each).all() and (each <= high).all() for each, low, high in numbers):
        raise ValueError("its tracks are not of its frames")
    return index


def _read_index(root):
    """Reads and checks the frame names and tracks of both halves, and the queries."""
    info, index = root / "info", {}
    for half in ("train", "test"):
        list_file, track_file = info / f"{half}_name.txt", info / f"tracks_{half}_info.mat"
        names, tracks = [line for _, line in read_lines(list_file)], _matrix(track_file)
        _check_tracks(list_file, track_file, names, tracks)
        # Files like 0001C1T0001F001.jpg are in a folder named by their first four characters.
        frames = [os.fsencode(f"bbox_{half}/{name[:4]}/{name}") for name in names]
        index[f"{half}_frames"], index[f"{half}_tracks"] = np.array(frames), tracks
        tracklets = _tracklets(root, half, index)
        _check_frames(root, tracklets.take(np.flatnonzero(tracklets.pids != JUNK)), list_file)
    query = _matrix(info / "query_IDX.mat").reshape(-1) - 1
    count = len(index["test_tracks"])
    if not len(query) or query.min() < 0 or query.max() >= count:
        raise InputError(f"{info / 'query_IDX.mat'}: track numbers must be between 1 and {count}")
    if len(np.unique(query)) < len(query):
        raise InputError(f"{info / 'query_IDX.mat'}: names a track twice")
    return {**index, "query": query}


def _matrix(path):
    return read_matrix(path, MATRICES[path.name])


def _check_tracks(list_file, track_file, names, tracks):
    """Checks that all frames of a track have its identity and camera id."""
    if not len(tracks) or tracks.shape[1] != 4:
        raise InputError(f"{track_file}: has shape {tracks.shape}, not (tracks, 4)")
    matches = [NAME.match(name) for name in names]
    if None in matches:
        unnamed = names[matches.index(None)]
        raise InputError(f"{list_file}: {unnamed} must be named like 0001C1T0001F001.jpg")
    people = np.array([JUNK if match[1] == "00-1" else int(match[1]) for match in matches])
    cameras = np.array([int(match[2]) for match in matches])
    count = len(names)
    for number, (first, last, pid, camid) in enumerate(tracks, start=1):
        track = f"{track_file}: track {number}"
        if last < first:
            raise InputError(f"{track} is empty ({first} to {last})")
        if first < 1 or last > count:
            raise InputError(f"{track} has frames {first} to {last}, but there are only {count}")
        own = slice(first - 1, last)
        others = np.flatnonzero((people[own] != pid) | (cameras[own] != camid))
        if len(others):
            frame = names[first - 1 + others[0]]
            raise InputError(
                f"{track} belongs to identity {pid} in camera {camid}, but its frame {frame} does not: "
                "a tracklet must not mix identities or cameras"
            )


def _check_frames(root, tracklets, list_file):
    """Checks that all frames are files."""
    spans = zip(tracklets.starts, tracklets.lengths, strict=True)
    lost = missing(os.fsdecode(file) for start, n in spans for file in tracklets.files[start : start + n])
    if lost:
        shown = ", ".join(os.path.relpath(file, root) for file in lost[:5]) + (", ..." if len(lost) > 5 else "")
        count = f"{len(lost)} of the {tracklets.lengths.sum()} frames"
        raise InputError(f"{root}: {count} of {list_file} do not exist: {shown}")


def _tracklets(root, half, index):
    first, last, pids, camids = index[f"{half}_tracks"].T
    files = np.char.add(os.fsencode(root) + b"/", index[f"{half}_frames"])
    name = "train" if half == "train" else "gallery"
    return Subset(name, files, first - 1, last - first + 1, pids, camids, video=True)


def _dataset(root, index):
    train, test = _tracklets(root, "train", index), _tracklets(root, "test", index)
    queries = test.take(index["query"], "query")
    subsets = {
        "train": train.take(np.flatnonzero(train.pids != JUNK)),
        "query": queries.take(np.flatnonzero(queries.pids != JUNK)),
        "gallery": test.take(np.flatnonzero(test.pids != JUNK)),
    }
    for name, subset in subsets.items():
        if not len(subset):
            raise InputError(f"{root}: holds no tracklets for {name}")
    subsets["train"] = subsets["train"].with_masks(root)
    return Dataset("mars", **subsets, notes=(*zero_notes(subsets), *same_people(subsets)))
