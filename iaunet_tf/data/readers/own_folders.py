"""Folders of your own images, one per person."""

import re
from pathlib import Path

from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.readers.common import subset_called, subset_folders
from iaunet_tf.data.readers.own_table import Row
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError

LAYOUT = "[train|query|gallery/]PERSON/[CAMERA/]image.jpg"
# Folders by which the layouts of other readers are known.
OTHERS = {
    "bounding_box_train": "market1501",
    "bounding_box_test": "market1501",
    "mask_train_v2": "msmt17",
    "bbox_train": "mars",
    "tracklet_train": "ls_vid",
    "i-lids-vid": "ilids_vid",
    "multi_shot": "prid2011",
}
# In the name of a file; random names of hexadecimal digits tell no camera.
CAMERA = re.compile(r"(?:^|[_-])c(?:am(?:era)?)?(\d+)(?![\da-f])", re.IGNORECASE)
CAMERA_FOLDER = re.compile(r"(c|cam|camera)[ _-]?\d+|(cam|camera)[ _-]\w+", re.IGNORECASE)


def read_people(root: Path) -> tuple[list[Row], list[str]]:
    """Reads the images in the folders of `LAYOUT`, and notes. Subsets may be spelled as usual, and cameras may stand
    above people if they are called so."""

    def refuse(what):
        raise InputError(f"{root}: {what}; lay them out as {LAYOUT}")

    walker = Walker(root)
    paths = walker.images(root, deep=True)
    if not paths:
        refuse("; ".join([f"holds no images ({', '.join(sorted(SUFFIXES))})", *walker.notes]))
    parts = [path.parts[len(root.parts) :] for path in paths]
    names = {name.lower() for each in {each[:-1] for each in parts} for name in each}
    other = next((reader for folder, reader in OTHERS.items() if folder in names), None)
    if other:
        refuse(f"has folders as in data set {other}: choose --data.name {other}")
    subsets, notes = _subsets(root, {each[0] for each in parts if len(each) > 1}, refuse)
    pairs = zip(paths, parts, strict=True)
    kept = [(path, each) for path, each in pairs if not subsets or len(each) < 2 or each[0] in subsets]
    depth = 1 if subsets else 0  # folders above those of people or cameras
    for path, each in kept:
        if len(each) <= depth + 1:
            refuse(f"{path}: is not in a person's folder")
        for place, name in enumerate(each[1:-1], 1):
            if subset_called(name):
                above = root.joinpath(*each[:place])
                hint = "" if subsets else f", so the data set seems to be {above}: set --data.root"
                refuse(f"{above / name}: this is the name of a subset{hint}")
    swapped = _cameras_above({each[depth:-1] for _, each in kept}, refuse, notes)
    rows, unknown, named, cameras = [], 0, 0, set()
    for path, each in kept:
        person, *inside = each[depth:-1]
        if inside:
            person, camera = (inside[0], person) if swapped else (person, inside[0])
            cameras.add(camera)
        elif match := CAMERA.search(path.stem):
            camera = match[1]
            named += 1
        else:
            camera = "/".join(each)
            unknown += 1
        rows.append(Row(path, person, camera, subsets.get(each[0], ""), "/".join(each)))
    if unknown:
        notes.append(f"{unknown} images have no camera in name or folder; each gets a camera of its own")
    if named and cameras:
        notes.append(
            f"the cameras of {named} images are told by their names and those of others by folders, and count as "
            "different ones"
        )
    people = {row.person for row in rows}
    if len(people) == 1:
        refuse(f"all images are of one person, {people.pop()}")
    if len(cameras) > len(people) > 1:
        notes.append(
            f"{len(people)} people and {len(cameras)} cameras: if the cameras are people, lay them out as {LAYOUT}"
        )
    return rows, [*notes, *walker.notes]


def _subsets(root, tops, refuse):
    """Subsets by the folders that hold them, if there are folders called like subsets, and notes."""
    # In the layout of Person_reID_baseline_pytorch, train and val are parts of train_all.
    ignored = tops & {"multi-query", *(("train", "val") if "train_all" in tops else ())}
    subsets = {name: subset for subset, name in subset_folders(root, tops - ignored).items()}
    others = tops - ignored - subsets.keys()
    if not subsets:
        return {}, []
    if others:
        refuse(f"folder {min(others)} is beside {', '.join(sorted(subsets))}, which is read as the name of a subset")
    return subsets, [f"folders not used: {', '.join(sorted(ignored))}"] if ignored else []


def _cameras_above(folders, refuse, notes):
    """Whether the upper one of two folders is a camera's, and the lower one a person's."""
    names = {each[0] for each in folders}
    cameras = {name for name in names if CAMERA_FOLDER.fullmatch(name)}
    if not cameras or all(len(each) > 1 and CAMERA_FOLDER.fullmatch(each[1]) for each in folders):
        return False
    if names - cameras:
        refuse(f"{min(cameras)} looks like a camera, but is beside {min(names - cameras)}")
    if any(len(each) < 2 for each in folders):
        refuse(f"{', '.join(sorted(cameras)[:5])} look like cameras, but hold no folders of people")
    notes.append(f"{', '.join(sorted(cameras)[:5])} are taken for cameras, and the folders in them for people")
    return True
