"""Your own images: a table, or a folder per person."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Dataset, Subset, has_match
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError

SUBSETS = ("train", "query", "gallery")
COLUMNS = ("path", "person", "camera", "subset")
CAMERA = re.compile(r"(?:^|[_-])c(?:am)?(\d+)", re.IGNORECASE)
# Without subsets this share of the people, in a fixed order, is for training.
TRAIN_SHARE = 0.5


def read_own(root: str | Path) -> Dataset:
    """Reads images of people in layouts of your own.

    A `.csv` or `.parquet` file with columns `path` (relative to the file), `person`, `camera` and `subset` (or
    `split`: train, query, gallery); or a folder of `{train,query,gallery}/PERSON/...`; or of `PERSON/...` alone: half
    of the people are for training, and of the others the first image in each camera is a query. An image's camera is
    the folder between person and image, else what follows `c` or `cam` in its name, as in `anything_c3_anything.jpg`.

    Raises:
        InputError: a column or a file is missing, or an image is named twice.
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
    subsets = {}
    for name in SUBSETS:
        mine = [row for row in rows if row[3] == name]
        if not mine:
            raise InputError(f"{root}: no images for {name}")
        paths, people, cameras, _ = zip(*mine, strict=True)
        pids, camids = [numbers[0][person] for person in people], [numbers[1][camera] for camera in cameras]
        subsets[name] = Subset.of_images(name, paths, pids, camids)
    lost = np.count_nonzero(~has_match(subsets["query"], subsets["gallery"]))
    if lost:
        count = len(subsets["query"])
        warnings.append(f"{lost} of {count} queries have no match in another camera and are not counted")
    return Dataset("own", **subsets, notes=tuple(warnings))


def _table(file):
    if not file.is_file():
        raise InputError(f"{file}: no such file; set --data.root")
    try:
        columns, rows = _csv(file) if file.suffix == ".csv" else _parquet(file)
    except InputError:
        raise
    except (ValueError, csv.Error) as error:  # pyarrow's errors and those of decoding are ValueErrors
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())[:120]})") from None
    # Older tables, and those of other toolboxes, call the column of subsets "split".
    subset = "subset" if "subset" in columns else "split"
    missing = [column for column in COLUMNS if column not in columns and not (column == "subset" and subset in columns)]
    if missing:
        raise InputError(f"{file}: has no column {', '.join(missing)}; columns are {', '.join(COLUMNS)}")
    return [(file.parent / str(r["path"]), str(r["person"]), str(r["camera"]), str(r[subset])) for r in rows]


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
    has_subsets = all((root / name).is_dir() for name in SUBSETS)
    depth = 2 if has_subsets else 1  # folders down to a person's
    stray = next((path for path, part in zip(found, parts, strict=True) if len(part) <= depth), None)
    if stray or not found:
        what = f"{stray}: is not in a person's folder" if stray else f"{root}: holds no images"
        raise InputError(f"{what}; lay them out as [train|query|gallery/]PERSON/[CAMERA/]image.jpg")
    rows, unknown = [], 0
    for path, part in zip(found, parts, strict=True):
        camera = part[depth] if len(part) > depth + 1 else None
        if camera is None:
            match = CAMERA.search(path.stem)
            unknown += not match
            camera = match[1] if match else f"{'/'.join(part)}"
        rows.append([path, part[depth - 1], camera, part[0] if has_subsets else None])
    if not has_subsets:
        _divide(rows)
    warnings = []
    if unknown:
        warnings = [f"{unknown} images have no camera in name or folder; each gets a camera of its own"]
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
    # An image that is alone in its camera must be there to be found, too.
    alone = Counter((row[1], row[2]) for row in rows)
    rows += [[*row[:3], "gallery"] for row in rows if row[3] == "query" and alone[row[1], row[2]] == 1]


def _check(root, rows):
    wrong = next((row[3] for row in rows if row[3] not in SUBSETS), None)
    if wrong is not None:
        raise InputError(f"{root}: subset {wrong!r} is not one of {', '.join(SUBSETS)}")
    missing = [row[0] for row in rows if not row[0].is_file()]
    if missing:
        raise InputError(f"{root}: {len(missing)} of {len(rows)} files do not exist, the first is {missing[0]}")
    subsets: dict[Path, list[str]] = {}
    for path, _, _, subset in rows:
        subsets.setdefault(path.resolve(), []).append(subset)
    for path, names in subsets.items():
        if len(set(names)) < len(names):
            raise InputError(f"{root}: {path} is listed twice for {names[0]}")
        if "train" in names and len(names) > 1:
            raise InputError(f"{root}: {path} is in two subsets, {' and '.join(sorted(names))}")
