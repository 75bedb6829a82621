"""Your own images: a table, or a folder per person."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Dataset, Subset, has_match
from iaunet_tf.data.readers.common import images_in
from iaunet_tf.errors import InputError

SUBSETS = ("train", "query", "gallery")
COLUMNS = ("path", "person", "camera", "subset")
CAMERA = re.compile(r"(?:^|[_-])c(?:am)?(\d+)", re.IGNORECASE)
# Without subsets this share of the people, in a fixed order, is for training.
TRAIN_SHARE = 0.5


def read_own(root: str | Path) -> Dataset:
    """Reads a `.csv` or `.parquet` table of `COLUMNS` (paths are relative to it), or a folder of
    `[{train,query,gallery}/]PERSON/[CAMERA/]image.jpg`.

    Without subsets half of the people are for training, and the first image of each other one in
    each camera is a query. Without folders of cameras names tell them, as in `any_c3_thing.jpg`.
    """
    root = Path(root).expanduser()
    if root.suffix in (".csv", ".parquet"):
        rows, warnings = _table(root), []
    elif root.is_dir():
        rows, warnings = _folders(root)
    else:
        raise InputError(f"{root}: no such folder, .csv or .parquet file; set --data.root")
    _check(root, rows)
    pids, camids = _numbers(row[1] for row in rows), _numbers(row[2] for row in rows)
    subsets = {}
    for name in SUBSETS:
        mine = [(path, pids[who], camids[where]) for path, who, where, to in rows if to == name]
        if not mine:
            raise InputError(f"{root}: no images for {name}")
        subsets[name] = Subset.of_images(name, *zip(*mine, strict=True))
    lost = np.count_nonzero(~has_match(subsets["query"], subsets["gallery"]))
    if lost:
        count = len(subsets["query"])
        warnings.append(f"{lost} of {count} queries have no match in another camera and are not counted")
    return Dataset("own", **subsets, notes=tuple(warnings))


def _numbers(values):
    return {value: number for number, value in enumerate(sorted(set(values)))}


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
    subset = "split" if "split" in columns and "subset" not in columns else "subset"
    missing = [column for column in (*COLUMNS[:3], subset) if column not in columns]
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
    found = {path: path.relative_to(root).parts for path in images_in(root, "**/*")}
    has_subsets = all((root / name).is_dir() for name in SUBSETS)
    depth = 2 if has_subsets else 1  # folders down to a person's
    stray = next((path for path, parts in found.items() if len(parts) <= depth), None)
    if stray or not found:
        what = f"{stray}: is not in a person's folder" if stray else f"{root}: holds no images"
        raise InputError(f"{what}; lay them out as [train|query|gallery/]PERSON/[CAMERA/]image.jpg")
    rows, unknown = [], 0
    for path, parts in found.items():
        if len(parts) > depth + 1:
            camera = parts[depth]
        elif match := CAMERA.search(path.stem):
            camera = match[1]
        else:
            camera = "/".join(parts)
            unknown += 1
        rows.append([path, parts[depth - 1], camera, parts[0] if has_subsets else None])
    if not has_subsets:
        _divide(rows)
    warning = f"{unknown} images have no camera in name or folder; each gets a camera of its own"
    return rows, [warning] if unknown else []


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
