"""iLIDS-VID and PRID2011: people seen once by each of two cameras, with ten folds."""

import json
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Dataset, Subset
from iaunet_tf.data.readers.common import check_fold, nearby, read_matrix, read_text
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError
from iaunet_tf.files import printable

FOLDS = 10
PRID_PEOPLE, PRID_SHORTEST = 200, 27


def read_ilids_vid(root: str | Path, fold: int = 0) -> Dataset:
    """Reads iLIDS-VID (Wang et al., ECCV 2014) and one of the ten published folds, from 0.

    The rows of `ls_set` list the test identities (one half), then the training identities.
    """
    root = Path(root).expanduser()
    sequences = root / "i-LIDS-VID" / "sequences"
    people, tracklets, notes = _read_cameras(root, [sequences / "cam1", sequences / "cam2"], "iLIDS-VID")
    path = root / "train-test people splits" / "train_test_splits_ilidsvid.mat"
    if not path.is_file():
        raise InputError(f"{path}: no such file; copy it from iLIDS-VID")
    rows = read_matrix(path, "ls_set")
    check_fold(fold, len(rows))
    order = rows[fold] - 1  # numbers from 1 among the sorted people
    if sorted(order) != list(range(len(people))):
        raise InputError(f"{path}: lists {len(order)} identities, but {sequences} contains {len(people)}")
    half = len(people) // 2
    return _halves("ilids_vid", root, people, tracklets, order[half:], order[:half], notes)


def read_prid2011(root: str | Path, fold: int = 0) -> Dataset:
    """Reads PRID2011 (Hirzer et al., SCIA 2011), multi-shot, and one of its folds, from 0.

    As usual, only the 178 of 200 identities with at least 27 frames in each camera are used. Folds
    are in `splits_prid2011.json`, `[{"train": [folder names], "test": [...]}, ...]`; or ten random.
    """
    root = Path(root).expanduser()
    shots = next((path for path in (root / "prid_2011" / "multi_shot", root / "multi_shot") if path.is_dir()), None)
    if shots is None:
        remedy = nearby(root, ["multi_shot"])
        raise InputError(f"{root}: no folder multi_shot; expected prid_2011/multi_shot/cam_a/; {remedy}")
    people, tracklets, notes = _read_cameras(root, [shots / "cam_a", shots / "cam_b"], "PRID2011", PRID_PEOPLE)
    long_enough = [k for k, pair in enumerate(tracklets) if min(len(frames) for frames in pair) >= PRID_SHORTEST]
    people, tracklets = [people[k] for k in long_enough], [tracklets[k] for k in long_enough]
    if len(people) < 2:
        raise InputError(f"{shots}: {len(people)} identities have {PRID_SHORTEST} frames per camera; two are required")
    path = root / "splits_prid2011.json"
    if path.is_file():
        try:
            named = [
                [[people.index(name) for name in entry[half]] for half in ("train", "test")]
                for entry in json.loads(read_text(path))
            ]
            if any(len({*train, *test}) < len(train) + len(test) for train, test in named):
                raise ValueError("one is listed twice")
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: not a list of train and test identities in {shots} ({error})") from None
        check_fold(fold, len(named))
        train, test = named[fold]
    else:
        check_fold(fold, FOLDS)
        order = np.random.default_rng((2011, fold)).permutation(len(people))
        train, test = order[: len(people) // 2], order[len(people) // 2 :]
    return _halves("prid2011", root, people, tracklets, train, test, notes)


def _read_cameras(root, cameras, name, most=None):
    """Returns the identities in both cameras, as sorted folder names, their frames in each camera, and notes."""
    for folder in cameras:
        if not folder.is_dir():
            raise InputError(
                f"{folder}: no such folder; {name} has a folder of frames per identity there; "
                + nearby(root, [str(camera.relative_to(root)) for camera in cameras])
            )
    walker = Walker(root)
    names = [{path.name for path in walker.folders(folder)} for folder in cameras]
    people = sorted(names[0] & names[1])[:most]
    if not people:
        raise InputError(f"{cameras[0].parent}: no identity is in both cameras; set --data.root")

    def frames(folder):
        return [path.relative_to(root).as_posix() for path in walker.images(folder)]

    return people, [[frames(folder / person) for folder in cameras] for person in people], walker.notes


def _halves(name, root, people, tracklets, train, test, notes):
    def rows(half, cameras):
        return [(f"{p + 1}/{c + 1}", tracklets[p][c], p + 1, c + 1) for p in sorted(half) for c in cameras]

    return Dataset(
        name,
        Subset.of_tracklets("train", root, rows(train, (0, 1))).with_masks(root),
        Subset.of_tracklets("query", root, rows(test, (0,))),
        Subset.of_tracklets("gallery", root, rows(test, (1,))),
        notes,
        {pid: printable(person) for pid, person in enumerate(people, 1)},
    )
