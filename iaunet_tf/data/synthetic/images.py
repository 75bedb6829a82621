"""Drawn pedestrians in the layout of Market-1501, with exact part masks."""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.readers.market1501 import FOLDERS, TRAIN_MASKS
from iaunet_tf.data.synthetic.drawing import ANGLES, cameras, cast, ensure_drawn, save_masks, sheet
from iaunet_tf.data.synthetic.pedestrians import Person, Shot, render

# Raised whenever the same options would draw other images.
VERSION = 1


@dataclass(frozen=True)
class ImageOptions:
    """What is drawn. Everything follows from these numbers."""

    seed: int = 0  # of people, cameras and images
    train_people: int = 300
    test_people: int = 100  # others than those to train on
    cameras_per_person: int = 4  # how many of the six cameras see a person
    shots: int = 2  # images per person and camera
    distractors: int = 200  # images of strangers in the gallery
    alike: int = 3  # how many people in a row wear the same clothes
    dusk: bool = False  # in bad light, whose colours differ


def ensure_images(root: str | Path, options: ImageOptions | None = None) -> None:
    """Draws the data set into `root` unless it is there; an InputError if something else is."""
    options = options or ImageOptions()
    walks = _walks(options)
    description: dict[str, object] = {"version": VERSION, **asdict(options)}
    if not options.dusk:  # as older versions described it
        del description["dusk"]
    count = sum(len(walk.pictures) for walk in walks)
    draw = partial(_draw_walk, options.seed, options.dusk)
    ensure_drawn(Path(root), description, FOLDERS.values(), walks, draw, count)


@dataclass(frozen=True)
class _Walk:
    """A person's images: `(folder, person id in the file name, camera, number)` each."""

    person: Person
    identity: int  # seeds the images
    pictures: list[tuple[str, int, int, int]]


def _walks(options: ImageOptions) -> list[_Walk]:
    rng = np.random.default_rng((options.seed, 3))
    walks = []

    def add(people, first_pid, folder_of):
        for pid, person in enumerate(people, start=first_pid):
            seen_by = np.sort(rng.permutation(len(ANGLES))[: options.cameras_per_person])
            pictures = [(folder_of(k), pid, int(c), k) for c in seen_by for k in range(options.shots)]
            walks.append(_Walk(person, pid, pictures))

    add(cast(options.seed, options.alike, 0, options.train_people), 1, lambda k: FOLDERS["train"])
    # The first image in each camera is a query, the others are to be found.
    test_people = cast(options.seed, options.alike, 10_000, options.test_people)
    add(test_people, options.train_people + 1, lambda k: FOLDERS["gallery" if k else "query"])
    for index, stranger in enumerate(cast(options.seed, options.alike, 20_000, options.distractors)):
        picture = (FOLDERS["gallery"], 0, int(rng.integers(len(ANGLES))), index)
        walks.append(_Walk(stranger, 20_000 + index, [picture]))
    return walks


def _draw_walk(seed: int, dusk: bool, walk: _Walk, root: Path) -> None:
    for folder, pid, index, k in walk.pictures:
        camera = cameras(seed, dusk)[index]
        rng = np.random.default_rng((seed, 4, walk.identity, index, k))
        # Images of a person in one camera come from one walk through it.
        direction = np.random.default_rng((seed, 5, walk.identity, index))
        angle = direction.normal(camera.angle, camera.spread)
        picture, labels = render(walk.person, camera, Shot.random(rng, camera, angle))
        name = f"{pid:04d}_c{index + 1}s1_{walk.identity:06d}_{k:02d}"
        picture.save(root / folder / f"{name}.jpg", quality=camera.quality)
        if folder == FOLDERS["train"]:
            save_masks(root / TRAIN_MASKS / name, labels)


def sample_sheet(options: ImageOptions | None = None, people: int = 12) -> Image.Image:
    """Shows the first `people` training people, a column each, in a row for each camera."""
    options = options or ImageOptions()
    people = min(people, options.train_people)
    shown, seen_by = cast(options.seed, options.alike, 0, people), cameras(options.seed, options.dusk)

    def picture(column, row):
        rng = np.random.default_rng((options.seed, 6, column, row))
        return render(shown[column], seen_by[row], Shot.random(rng, seen_by[row]))[0]

    return sheet([[picture(k, row) for k in range(people)] for row in range(len(seen_by))], people)
