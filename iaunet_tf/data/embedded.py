"""The embedded data set: drawn pedestrians in Market-1501 layout, with exact part masks.

`python -m iaunet_tf.data.embedded FOLDER` writes it; `train_keras.py` does so by itself.
"""

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data import pedestrians
from iaunet_tf.data.datasets import PARTS
from iaunet_tf.data.market1501 import FOLDERS, MASK_FOLDER
from iaunet_tf.data.pedestrians import Camera, Person, Shot
from iaunet_tf.errors import InputError
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
    root, options = Path(root), options or EmbeddedOptions()
    description = {"version": VERSION, **asdict(options)}
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
    _draw(root, options, description)


def _draw(root: Path, options: EmbeddedOptions, description: dict) -> None:
    jobs = _jobs(options)
    print(f"Drawing {sum(len(job[2]) for job in jobs)} pictures of pedestrians into {root}", flush=True)
    with replacing(root) as temporary:
        for folder in FOLDERS.values():
            (temporary / folder).mkdir(parents=True)
        # "spawn": the caller may already hold TensorFlow's threads, which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(mp_context=context) as pool:
            chunk = max(1, len(jobs) // 16)
            list(pool.map(_draw_person, [(temporary, options.seed, *job) for job in jobs], chunksize=chunk))
        write_json(temporary / DESCRIPTION, description)
        if root.is_dir():
            root.rmdir()  # an empty folder that the user made


def _jobs(options: EmbeddedOptions) -> list[tuple[str, Person, list[tuple[int, int, str]]]]:
    """One entry a person: split, person, and the file name stem, camera and number of each picture."""
    jobs = []
    rng = np.random.default_rng((options.seed, 3))

    def seen(index):
        return np.sort(rng.permutation(len(ANGLES))[: options.cameras_per_person])

    for index, person in enumerate(cast(options, 0, options.train_people)):
        pid = index + 1
        shots = [(f"{FOLDERS['train']}/{pid:04d}", cam, k) for cam in seen(index) for k in range(options.shots)]
        jobs.append((pid, person, shots))
    first = 10_000
    for index, person in enumerate(cast(options, first, options.test_people)):
        pid = options.train_people + index + 1
        shots = []
        for cam in seen(index):
            for k in range(options.shots):
                # The first picture in each camera asks, the others are to be found.
                folder = FOLDERS["query"] if k == 0 else FOLDERS["gallery"]
                shots.append((f"{folder}/{pid:04d}", cam, k))
        jobs.append((pid, person, shots))
    strangers = cast(options, 2 * first, options.distractors)
    for index, person in enumerate(strangers):
        camera = int(rng.integers(len(ANGLES)))
        jobs.append((20_000 + index, person, [(f"{FOLDERS['gallery']}/0000", camera, index)]))
    return jobs


def _draw_person(job) -> None:
    root, seed, pid, person, shots = job
    for stem, index, k in shots:
        camera = cameras(seed)[index]
        rng = np.random.default_rng((seed, 4, pid, int(index), k))
        # Pictures of a person in one camera come from one walk through it.
        walk = np.random.default_rng((seed, 5, pid, int(index)))
        angle = float(walk.normal(camera.angle, camera.spread))
        picture, labels = pedestrians.render(person, camera, Shot.random(rng, camera, angle))
        name = f"{stem}_c{index + 1}s1_{pid:06d}_{k:02d}"
        picture.save(root / f"{name}.jpg", quality=camera.quality)
        if name.startswith(FOLDERS["train"]):
            _save_masks(root / MASK_FOLDER / Path(name).name, labels)


def _save_masks(folder: Path, labels: np.ndarray) -> None:
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


def main() -> None:
    """Command line of the generator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where to write the data set")
    parser.add_argument("--sheet", metavar="PNG", help="write a sheet of samples, too")
    for key, default in asdict(EmbeddedOptions()).items():
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, default=default)
    arguments = vars(parser.parse_args())
    folder, sheet = arguments.pop("folder"), arguments.pop("sheet")
    options = EmbeddedOptions(**arguments)
    try:
        ensure_embedded(folder, options)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
    if sheet:
        with replacing(sheet) as temporary:
            sample_sheet(options).save(temporary)


if __name__ == "__main__":
    main()
