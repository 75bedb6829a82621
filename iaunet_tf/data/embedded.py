"""The embedded data set: drawn pedestrians in Market-1501 layout, with exact part masks.

`python -m iaunet_tf.data.embedded FOLDER` writes it; `train_keras.py` does so by itself.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data import pedestrians
from iaunet_tf.data.datasets import PARTS
from iaunet_tf.data.market1501 import FOLDERS, MASK_FOLDER
from iaunet_tf.data.pedestrians import Camera, Person, Shot
from iaunet_tf.errors import InputError, exit_code
from iaunet_tf.files import replacing, write_json

DESCRIPTION = "embedded.json"
# Raised whenever the same options would draw other pictures.
VERSION = 1
ANGLES = (0.0, np.pi, np.pi / 2, -np.pi / 2, 0.7, np.pi - 0.7)


@dataclass(frozen=True)
class EmbeddedOptions:
    """What is drawn. Everything follows from these numbers.

    Args:
        seed: seed of people, cameras and pictures.
        train_people: people to train on.
        test_people: other people, to search for.
        cameras_per_person: how many of the six cameras see a person.
        shots: pictures per person and camera.
        distractors: pictures of strangers in the gallery.
        alike: how many people in a row wear the same clothes.
    """

    seed: int = 0
    train_people: int = 300
    test_people: int = 100
    cameras_per_person: int = 4
    shots: int = 2
    distractors: int = 200
    alike: int = 3


def cast(options: EmbeddedOptions, first: int, count: int) -> list[Person]:
    """People `first` to `first + count`: in every six, the first `alike` wear the same clothes."""
    people = []
    for index in range(first, first + count):
        rng = np.random.default_rng((options.seed, 1, index))
        person = Person.random(rng)
        place = (index - first) % 6
        if 0 < place < options.alike:
            person = person.dressed_like(people[-place])
        people.append(person)
    return people


@lru_cache(maxsize=2)
def cameras(seed: int) -> list[Camera]:
    """The six cameras."""
    return [Camera.random(np.random.default_rng((seed, 2, index)), angle) for index, angle in enumerate(ANGLES)]


def ensure_embedded(root: str | Path, options: EmbeddedOptions | None = None) -> None:
    """Draws the data set into `root` unless it is there already.

    Raises:
        InputError: `root` holds something else, or the data set of other options.
    """
    options = options or EmbeddedOptions()
    walks = _walks(options)
    folders = [*FOLDERS.values()]
    count = sum(len(walk.pictures) for walk in walks)
    draw = partial(_draw_walk, options.seed)
    ensure_drawn(Path(root), {"version": VERSION, **asdict(options)}, folders, walks, draw, count)


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
        root: where to; written whole or not at all.
        description: what the data set follows from, kept with it.
        folders: to make first.
        walks: what is drawn, one by one.
        draw: draws one of `walks` into a folder; a function that can be pickled.
        count: number of pictures, for people.
        finish: writes what else belongs into the folder.

    Raises:
        InputError: `root` holds something else, or the data set of another description.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        try:
            found = json.loads((root / DESCRIPTION).read_text())
        except (OSError, ValueError):
            raise InputError(f"{root}: exists and is no embedded data set; set another --data.root") from None
        if found != description:
            raise InputError(
                f"{root}: holds the embedded data set of other options; remove it or set another --data.root"
            )
        return
    print(f"Drawing {count} pictures of pedestrians into {root}", flush=True)
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


@dataclass(frozen=True)
class _Walk:
    """A person's pictures: `(folder, person id in the file name, camera, number)` each."""

    person: Person
    identity: int  # seeds the pictures
    pictures: list[tuple[str, int, int, int]]


def _walks(options: EmbeddedOptions) -> list[_Walk]:
    rng = np.random.default_rng((options.seed, 3))
    walks = []

    def add(people, first_pid, folder_of):
        for pid, person in enumerate(people, start=first_pid):
            seen_by = np.sort(rng.permutation(len(ANGLES))[: options.cameras_per_person])
            pictures = [(folder_of(k), pid, int(c), k) for c in seen_by for k in range(options.shots)]
            walks.append(_Walk(person, pid, pictures))

    add(cast(options, 0, options.train_people), 1, lambda k: FOLDERS["train"])
    # The first picture in each camera asks, the others are to be found.
    test_people = cast(options, 10_000, options.test_people)
    add(test_people, options.train_people + 1, lambda k: FOLDERS["gallery" if k else "query"])
    for index, stranger in enumerate(cast(options, 20_000, options.distractors)):
        picture = (FOLDERS["gallery"], 0, int(rng.integers(len(ANGLES))), index)
        walks.append(_Walk(stranger, 20_000 + index, [picture]))
    return walks


def _draw_walk(seed: int, walk: _Walk, root: Path) -> None:
    for folder, pid, index, k in walk.pictures:
        camera = cameras(seed)[index]
        rng = np.random.default_rng((seed, 4, walk.identity, index, k))
        # Pictures of a person in one camera come from one walk through it.
        direction = np.random.default_rng((seed, 5, walk.identity, index))
        angle = float(direction.normal(camera.angle, camera.spread))
        picture, labels = pedestrians.render(walk.person, camera, Shot.random(rng, camera, angle))
        name = f"{pid:04d}_c{index + 1}s1_{walk.identity:06d}_{k:02d}"
        picture.save(root / folder / f"{name}.jpg", quality=camera.quality)
        if folder == FOLDERS["train"]:
            save_masks(root / MASK_FOLDER / name, labels)


def save_masks(folder: Path, labels: np.ndarray) -> None:
    """Writes the part masks of a picture's labels."""
    folder.mkdir(parents=True)
    masks = {part: labels == index for index, part in enumerate(PARTS, start=pedestrians.HEAD)}
    masks["foreground"] = labels != pedestrians.BACKGROUND
    for part, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{part}.png")


def sample_sheet(options: EmbeddedOptions | None = None, people: int = 12) -> Image.Image:
    """A picture of the first `people` training people, one column each, one row a camera."""
    options = options or EmbeddedOptions()
    step_x, step_y = pedestrians.WIDTH + 2, pedestrians.HEIGHT + 2
    sheet = Image.new("RGB", (people * step_x - 2, len(ANGLES) * step_y - 2), "white")
    for column, person in enumerate(cast(options, 0, people)):
        for row, camera in enumerate(cameras(options.seed)):
            rng = np.random.default_rng((options.seed, 6, column, row))
            picture, _ = pedestrians.render(person, camera, Shot.random(rng, camera))
            sheet.paste(picture, (column * step_x, row * step_y))
    return sheet


def command(description: str, options_class: type, ensure: Callable, sheet: Callable) -> int:
    """Command line of a generator; returns the exit code.

    Args:
        description: of what it draws.
        options_class: dataclass of whole numbers and flags, each of which becomes an option.
        ensure: draws into a folder, with options.
        sheet: draws a picture of samples, with options.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", help="where to write the data set")
    parser.add_argument("--sheet", metavar="PNG", help="write a sheet of samples, too")
    for key, default in asdict(options_class()).items():
        kind = {"action": "store_true"} if isinstance(default, bool) else {"type": int, "default": default}
        parser.add_argument(f"--{key.replace('_', '-')}", **kind)
    arguments = vars(parser.parse_args())
    folder, picture = arguments.pop("folder"), arguments.pop("sheet")
    options = options_class(**arguments)

    def work():
        ensure(folder, options)
        if picture:
            with replacing(picture) as temporary:
                sheet(options).save(temporary)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(command(__doc__.splitlines()[0], EmbeddedOptions, ensure_embedded, sample_sheet))
