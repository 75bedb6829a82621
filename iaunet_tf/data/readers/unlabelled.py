"""Images of people whom nobody has named."""

from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.readers.own_folders import CAMERA
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError


def read_unlabelled(root: str | Path) -> tuple[Subset, list[str]]:
    """Reads the images in a folder and its subfolders, each as a person of its own, and notes on them.

    Names tell cameras, as in `any_c3_thing.jpg`, or else the uppermost folders; images that neither tells of are of one
    camera.

    Raises:
        InputError: there is no such folder, or there are not two images in it.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of images")
    walker = Walker(root)
    paths = walker.images(root, deep=True)
    if len(paths) < 2:
        raise InputError(f"{root}: holds {len(paths)} images; adaptation needs those of many people")
    cameras, named = [], 0
    for path in paths:
        match = CAMERA.search(path.stem)
        above = path.parts[len(root.parts) : -1]
        named += match is not None
        cameras.append(f"c{int(match[1])}" if match else above[0] if above else "")
    camids = np.unique(cameras, return_inverse=True)[1]
    told = "names" if named == len(paths) else "folders" if not named else "names and folders"
    notes = [f"{len(paths)} images, {camids.max() + 1} cameras by {told}", *walker.notes]
    if not camids.any():
        notes[0] = f"{len(paths)} images, which tell no cameras"
    return Subset.of_images("people", paths, range(len(paths)), camids), notes
