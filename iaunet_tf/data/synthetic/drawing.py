"""What drawn images and drawn tracklets have in common: the cast, the cameras, and a folder written whole."""

import contextlib
import json
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.synthetic.pedestrians import BACKGROUND, HEAD, HEIGHT, WIDTH, Camera, Person
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
    folders: Iterable[str],
    walks: list,
    draw: Callable[[object, Path], None],
    count: int,
    finish: Callable[[Path], None] = lambda root: None,
) -> None:
    """Draws `count` images into `root`, whole or not at all, unless one so described is there.

    `draw`, which can be pickled, draws one of `walks`; `finish` writes what else belongs to them.
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
        with contextlib.suppress(OSError, ValueError):
            return json.loads((root / name).read_text())
    return None


def save_masks(folder: Path, labels: np.ndarray) -> None:
    """Writes the part masks of an image's labels."""
    folder.mkdir(parents=True)
    masks = {part: labels == index for index, part in enumerate(PARTS, start=HEAD)}
    masks["foreground"] = labels != BACKGROUND
    for part, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{part}.png")


def sheet(rows: list[list[Image.Image]], columns: int) -> Image.Image:
    """Pictures in rows of up to `columns`, two white pixels apart."""
    step_x, step_y = WIDTH + 2, HEIGHT + 2
    page = Image.new("RGB", (columns * step_x - 2, len(rows) * step_y - 2), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            page.paste(picture, (x * step_x, y * step_y))
    return page
