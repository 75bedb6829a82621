"""Your own images, from a table or from one folder per identity."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from iaunet_tf.data.datasets import Dataset, Split, has_match
from iaunet_tf.data.images import SUFFIXES
from iaunet_tf.errors import InputError

SPLITS = ("train", "query", "gallery")
COLUMNS = ("path", "person", "camera", "split")
CAMERA = re.compile(r"(?:^|[_-])c(?:am)?(\d+)", re.IGNORECASE)
# Without predefined subsets, this fraction of the identities, in a fixed random order, is used for training.
TRAIN_SHARE = 0.5


def read_own(root: str | Path) -> Dataset:
    """Reads your own images in one of these layouts:

    - a `.csv` or `.parquet` file with the columns `path` (relative to the file), `person`, `camera` and `split` (train,
      query or gallery);
    - a folder of `{train,query,gallery}/PERSON/...`;
    - a folder of `PERSON/...`. Half of the identities are used for training; of the others, the first image in each
      camera is a query.

    In folders, the camera of an image is the folder between `PERSON` and the image, or else the number after
    `c` or `cam` in the file name, as in `anything_c3_anything.jpg`.

    Args:
        root: the table or the folder.

    Raises:
        InputError: a column or a file is missing, or an image is listed twice.
    """
    root = Path(root).expanduser()
    if root.suffix in (".csv", ".parquet"):
        rows, warnings = _table(root), []
    elif root.is_dir():
        rows, warnings = _folders(root)
    else:
        raise InputError(f"{root}: no such folder, .csv or .parquet file; set --data.root")
    _check(root, rows)
    numbers = [{value: i for i, value in enumerate(sorted({row[k] for row in rows}))} for k in (1, 2)]
    splits = {}
    for name in SPLITS:
        mine = [row for row in rows if row[3] == name]
        if not mine:
            raise InputError(f"{root}: no images in subset {name}; add some")
        paths, people, cameras, _ = zip(*mine, strict=True)
        pids = np.array([numbers[0][person] for person in people])
        camids = np.array([numbers[1][camera] for camera in cameras])
        splits[name] = Split(name, list(paths), pids, camids, [None] * len(paths))
    lost = np.count_nonzero(~has_match(splits["query"], splits["gallery"]))
    if lost:
        count = len(splits["query"])
        warnings.append(f"{lost} of {count} queries have no match in another camera and are ignored")
    return Dataset("own", **splits, notes=tuple(warnings))


def _table(file):
    if not file.is_file():
        raise InputError(f"{file}: no such file; set --data.root")
    try:
        columns, rows = _csv(file) if file.suffix == ".csv" else _parquet(file)
    except InputError:
        raise
    except (ValueError, csv.Error) as error:  # errors of pyarrow and of decoding are ValueErrors
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())[:120]})") from None
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise InputError(f"{file}: has no column {', '.join(missing)}; required are {', '.join(COLUMNS)}")
    return [(file.parent / str(r["path"]), str(r["person"]), str(r["camera"]), str(r["split"])) for r in rows]


def _csv(file):
    with file.open(newline="", encoding="utf-8-sig") as lines:  # spreadsheets add a byte order mark
        reader = csv.DictReader(lines)
        return reader.fieldnames or [], list(reader)


def _parquet(file):
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{file}: reading Parquet requires pyarrow: pip install pyarrow") from None
    table = pyarrow.parquet.read_table(file)
    return table.column_names, table.to_pylist()


def _folders(root):
    """Returns the rows for the images in folders, and warnings."""
    found = sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    parts = [path.relative_to(root).parts for path in found]
    has_splits = all((root / name).is_dir() for name in SPLITS)
    depth = 2 if has_splits else 1  # number of folders down to that of a person
    stray = next((path for path, part in zip(found, parts, strict=True) if len(part) <= depth), None)
    if stray or not found:
        what = f"{stray}: is not in the folder of a person" if stray else f"{root}: contains no images"
        raise InputError(f"{what}; expected [train|query|gallery/]PERSON/[CAMERA/]image.jpg")
    rows, unknown = [], 0
    for path, part in zip(found, parts, strict=True):
        camera = part[depth] if len(part) > depth + 1 else None
        if camera is None:
            match = CAMERA.search(path.stem)
            unknown += not match
            camera = match[1] if match else f"{'/'.join(part)}"
        rows.append([path, part[depth - 1], camera, part[0] if has_splits else None])
    if not has_splits:
        _divide(rows)
    warnings = []
    if unknown:
        warnings = [f"{unknown} images have no camera in their path; each is treated as from a camera of its own"]
    return rows, warnings


def _divide(rows):
    people = sorted({row[1] for row in rows})
    if len(people) < 2:
        raise InputError("at least two folders of people are required, one for training and one for testing")
    order = np.random.default_rng(0).permutation(len(people))
    train = {people[i] for i in order[: max(1, round(TRAIN_SHARE * len(people)))]}
    seen = set()
    for row in rows:
        first = (row[1], row[2]) not in seen
        seen.add((row[1], row[2]))
        row[3] = "train" if row[1] in train else "query" if first else "gallery"
    # An image that is alone in its camera must also be in the gallery.
    alone = Counter((row[1], row[2]) for row in rows)
    rows += [[*row[:3], "gallery"] for row in rows if row[3] == "query" and alone[row[1], row[2]] == 1]


def _check(root, rows):
    wrong = next((row[3] for row in rows if row[3] not in SPLITS), None)
    if wrong is not None:
        raise InputError(f"{root}: split {wrong!r} is not one of {', '.join(SPLITS)}")
    missing = [row[0] for row in rows if not row[0].is_file()]
    if missing:
        raise InputError(f"{root}: {len(missing)} of {len(rows)} files do not exist, the first is {missing[0]}")
    splits: dict[Path, list[str]] = {}
    for path, _, _, split in rows:
        splits.setdefault(path.resolve(), []).append(split)
    for path, names in splits.items():
        if len(set(names)) < len(names):
            raise InputError(f"{root}: {path} is listed twice for {names[0]}")
        if "train" in names and len(names) > 1:
            raise InputError(f"{root}: {path} is in two subsets, {' and '.join(sorted(names))}")
