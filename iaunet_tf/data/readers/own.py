"""Your own images: a table, or a folder per person."""

import re
import unicodedata
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Dataset, Subset, has_match
from iaunet_tf.data.readers.common import subset_called
from iaunet_tf.data.readers.own_folders import read_people
from iaunet_tf.data.readers.own_table import TABLES, read_table
from iaunet_tf.data.walking import real_paths
from iaunet_tf.errors import InputError
from iaunet_tf.files import printable

SUBSETS = ("train", "query", "gallery")
# Without subsets this share of the people, in a fixed order, is for training.
TRAIN_SHARE = 0.5
JUNK = re.compile(r"-0*1(\.0*)?")


def read_own(root: str | Path) -> Dataset:
    """Reads a table (`own_table.py`) or a folder of `[{train,query,gallery}/]PERSON/[CAMERA/]image.jpg`.

    Without subsets half of the people are for training, and the others to search for: the first image of each one in
    each camera is a query. Without folders of cameras names tell them, as in `any_c3_thing.jpg`.
    """
    root = Path(root).expanduser()
    if root.is_dir():
        rows, notes = read_people(root)
    elif root.suffix.lower() in TABLES:
        rows, notes = read_table(root), []
    else:
        raise InputError(f"{root}: no such folder, .csv, .tsv or .parquet file; set --data.root")
    junk = [row for row in rows if JUNK.fullmatch(row.person)]
    if junk:
        rows = [row for row in rows if not JUNK.fullmatch(row.person)]
        notes.append(f"{len(junk)} images of person -1 are junk and left out ({junk[0].place}, ...)")
    notes += _check_spellings(root, "person", [(row.person, row.place) for row in rows])
    _check_spellings(root, "camera", [(row.camera, row.place) for row in rows if row.camera != row.place])
    rows = _divided(root, rows, notes)
    _check_files(root, rows)
    pids, camids = _numbers(row.person for row in rows), _numbers(row.camera for row in rows)
    subsets = {}
    for name in SUBSETS:
        mine = [row for row in rows if row.subset == name]
        people = sorted({row.person for row in mine})
        if name != "query" and len(people) < 2:
            raise InputError(f"{root}: the only person in {name} is {people[0]}; at least two are required")
        columns = [row.path for row in mine], [pids[row.person] for row in mine], [camids[row.camera] for row in mine]
        subsets[name] = Subset.of_images(name, *columns)
    trained = {row.person for row in rows if row.subset == "train"}
    both = [row for row in rows if row.subset != "train" and row.person in trained]
    if both:
        count = f"{len({row.person for row in both})} of {len(trained)} identities in train"
        notes.append(f"{count} are in query or gallery as well, so results are too good ({both[0].place}, ...)")
    lost = np.count_nonzero(~has_match(subsets["query"], subsets["gallery"]))
    if lost:
        count = len(subsets["query"])
        notes.append(f"{lost} of {count} queries have no match in another camera and are not counted")
    people, cameras = ({number: printable(name) for name, number in ids.items()} for ids in (pids, camids))
    return Dataset("own", **subsets, notes=tuple(notes), people=people, cameras=cameras)


def _numbers(values):
    return {value: number for number, value in enumerate(sorted(set(values)))}


def _check_spellings(root, column, names):
    """Refuses one number written in two ways, as `4` and `4.0`, and names that look alike: they would be two people
    or cameras. Returns a note on names that differ in their capitals, which may be meant so."""
    firsts, spellings, capitals, notes = {}, {}, {}, []
    for name, place in names:
        firsts.setdefault(name, place)
    for name, place in firsts.items():
        number = name.replace(".", "", 1).isdecimal()
        visible = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf").strip()
        other = spellings.setdefault(Decimal(name) if number else visible, name)
        if other != name:
            first, second = (other, name) if number else (ascii(other), ascii(name))
            alike = "one number" if number else "alike to the eye"
            raise InputError(
                f"{root}: {column} {first} ({firsts[other]}) and {second} ({place}) are {alike}; write it one way"
            )
        other = capitals.setdefault(visible.casefold(), name)
        if other != name and not notes:  # the first will do
            notes = [f"{column} {other} ({firsts[other]}) and {name} ({place}) count as two, by their capitals"]
    return notes


def _divided(root, rows, notes):
    """Rows for train, query and gallery alone."""
    rows = [row._replace(subset=subset_called(row.subset) or row.subset) for row in rows]
    found = {row.subset for row in rows}
    if found == {"train", "val"}:
        rows = [row._replace(subset="test" if row.subset == "val" else "train") for row in rows]
        found = {"train", "test"}
    elif "val" in found:
        count = sum(row.subset == "val" for row in rows)
        notes.append(f"{count} images for validation are not used")
        rows, found = [row for row in rows if row.subset != "val"], found - {"val"}
    if found in ({""}, {"train"}):
        if found == {"train"} or not root.is_dir():
            notes.append("no query and gallery: half of the people are for training, the others to search for")
        return _searched(_by_people(root, rows))
    if found == {"train", "test"}:
        notes.append("no query and gallery: of the test images, the first of a person in a camera is a query")
        return _searched(rows)
    wrong = next((row for row in rows if row.subset not in SUBSETS), None)
    if wrong:
        raise InputError(f"{root}: {wrong.place}: subset {wrong.subset!r} is not one of {', '.join(SUBSETS)}")
    lacking = [name for name in SUBSETS if name not in found]
    if lacking:
        raise InputError(
            f"{root}: no images for {' and '.join(lacking)}, only for {', '.join(sorted(found))}; "
            "give train, query and gallery, or train and test"
        )
    return rows


def _by_people(root, rows):
    people = sorted({row.person for row in rows})
    if len(people) < 4:
        raise InputError(
            f"{root}: the people are {', '.join(people)}; at least four are required, two for training and two to "
            "search for"
        )
    order = np.random.default_rng(0).permutation(len(people))
    train = {people[i] for i in order[: round(TRAIN_SHARE * len(people))]}
    return [row._replace(subset="train" if row.person in train else "test") for row in rows]


def _searched(rows):
    """Divides `test` into query and gallery."""
    seen, divided = set(), []
    for row in rows:
        if row.subset == "test":
            first = (row.person, row.camera) not in seen
            seen.add((row.person, row.camera))
            row = row._replace(subset="query" if first else "gallery")
        divided.append(row)
    # An image that is alone in its camera must be there to be found, too.
    alone = Counter((row.person, row.camera) for row in divided if row.subset != "train")
    lone = [row for row in divided if row.subset == "query" and alone[row.person, row.camera] == 1]
    return divided + [row._replace(subset="gallery") for row in lone]


def _check_files(root, rows):
    """Refuses a file that is listed twice, except as query and gallery."""
    subsets: dict[str, list[str]] = {}
    for row, path in zip(rows, real_paths(row.path for row in rows), strict=True):
        subsets.setdefault(path, []).append(row.subset)
    for path, names in subsets.items():
        if len(set(names)) < len(names):
            raise InputError(f"{root}: {path} is listed twice for {names[0]}")
        if "train" in names and len(names) > 1:
            raise InputError(f"{root}: {path} is in two subsets, {' and '.join(sorted(names))}")
