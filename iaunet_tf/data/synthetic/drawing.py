"""What drawn images and drawn tracklets have in common: the cast, the cameras, and a folder written whole."""

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.synthetic import pedestrians
from iaunet_tf.data.synthetic.pedestrians import Camera, Person
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing, write_json

DESCRIPTION, OLD_DESCRIPTION = "synthetic.json", "embedded.json"
ANGLES = (0.0, np.pi, np.pi / 2, -np.pi / 2, 0.7, np.pi - 0.7)


def cast(seed: int, alike: int, first: int, count: int) -> list[Person]:
    """People `first` to `first + count`: in every six, the first `alike` wear the same clothes."""
    people = []
    for index in range(first, first + count):
        person = Person.random(np.random.default_rng((seed, 1, index)))
        place = (index - first) % 6
        if 0 < place < alike:
            person = person.dressed_like(people[-place])
        people.append(person)
    return people


@lru_cache(maxsize=2)
def cameras(seed: int) -> list[Camera]:
    """The six cameras."""
    return [Camera.random(np.random.default_rng((seed, 2, index)), angle) for index, angle in enumerate(ANGLES)]


def ensure_drawn(
    root: Path,
    description: dict,
    folders: list[str],
    walks: list,
    draw: Callable[[object, Path], None],
    count: int,
    finish: Callable[[Path], None] = lambda root: None,
) -> None:
    """Draws a data set on all cores unless it is there already.

    Args:
        root: where to write it, whole or not at all.
        description: what the data set follows from, kept with it.
        folders: folders to make first.
        walks: what is drawn, one by one.
        draw: draws one of `walks` into a folder; a function that can be pickled.
        count: number of images, for people to read.
        finish: writes what else belongs into the folder.

    Raises:
        InputError: `root` holds something else, or a data set of another description.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        found = _description(root)
        if found is None:
            raise InputError(f"{root}: exists and is not a synthetic data set; set another --data.root")
        if found != description:
            raise InputError(
                f"{root}: holds a synthetic data set drawn with other options; remove it or set another --data.root"
            )
        return
    print(f"Drawing {count} images of pedestrians into {root}", flush=True)
    with replacing(root) as temporary:
        for folder in folders:
            (temporary / folder).mkdir(parents=True)
        # "spawn": the caller may already hold TensorFlow's threads, which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(mp_context=context) as pool:
            list(pool.map(draw, walks, repeat(temporary), chunksize=max(1, len(walks) // 16)))
        finish(temporary)
        write_json(temporary / DESCRIPTION, description)
        if root.is_dir():
            root.rmdir()  # an empty folder that the user made


def _description(root):
    for name in (DESCRIPTION, OLD_DESCRIPTION):
        try:
            return json.loads((root / name).read_text())
        except (OSError, ValueError):
            continue
    return None


def save_masks(folder: Path, labels: np.ndarray) -> None:
    """Writes the part masks of an image's labels."""
    folder.mkdir(parents=True)
    masks = {part: labels == index for index, part in enumerate(PARTS, start=pedestrians.HEAD)}
    masks["foreground"] = labels != pedestrians.BACKGROUND
    for part, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{part}.png")
