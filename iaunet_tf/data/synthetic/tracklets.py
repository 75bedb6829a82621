"""Drawn pedestrians who walk, in the layout of MARS.

Gait, drift of the box, changing light, and people who pass in front, so that one frame is often not enough.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import MASK_FOLDER
from iaunet_tf.data.synthetic import pedestrians
from iaunet_tf.data.synthetic.drawing import ANGLES, cameras, cast, ensure_drawn, save_masks
from iaunet_tf.data.synthetic.pedestrians import Person, Shot

# Raised whenever the same options would draw other images.
VERSION = 1
# People of the image data set begin at 0, 10,000 and 20,000.
FIRST_TRAIN, FIRST_TEST, FIRST_STRANGER = 40_000, 50_000, 60_000


@dataclass(frozen=True)
class TrackletOptions:
    """What is drawn. Everything follows from these numbers.

    Args:
        seed: seed of people, cameras and walks.
        train_people: people to train on.
        test_people: other people, to search for.
        cameras_per_person: how many of the six cameras see a person.
        frames: length of the longest tracklets; the shortest have two thirds.
        distractors: tracklets of strangers in the gallery.
        alike: how many people in a row wear the same clothes.
        masks: draw part masks of the training frames.
    """

    seed: int = 0
    train_people: int = 250
    test_people: int = 80
    cameras_per_person: int = 3
    frames: int = 10
    distractors: int = 30
    alike: int = 3
    masks: bool = False


@dataclass(frozen=True)
class _Walk:
    """One tracklet."""

    person: Person
    identity: int  # seeds the walk
    half: str  # "train" or "test"
    pid: int
    camera: int
    query: bool = False

    @property
    def name(self) -> str:
        """Without the frame's number."""
        return f"{self.pid:04d}C{self.camera + 1}T{1 if self.pid else self.identity % 10_000 + 1:04d}"


def ensure_tracklets(root: str | Path, options: TrackletOptions | None = None) -> None:
    """Draws the tracklets into `root` unless they are there already.

    Raises:
        InputError: `root` holds something else, or tracklets drawn with other options.
    """
    options = options or TrackletOptions()
    walks = _walks(options)
    count = sum(_length(options, walk) for walk in walks)
    description = {"tracklets": VERSION, **asdict(options)}
    finish = partial(_write_info, options, walks)
    ensure_drawn(
        Path(root), description, ["info", "bbox_train", "bbox_test"], walks, partial(_draw_walk, options), count, finish
    )


def shots(options: TrackletOptions, walk: _Walk) -> list[Shot]:
    """The frames of a walk through a camera."""
    camera = cameras(options.seed)[walk.camera]
    rng = np.random.default_rng((options.seed, 7, walk.identity, walk.camera))
    count = _length(options, walk)
    first = Shot.random(rng, camera, float(rng.normal(camera.angle, camera.spread)))
    steps = np.arange(count)

    def drift(scale):
        """A slow random walk around 0."""
        path = np.cumsum(rng.normal(0, scale, count))
        return path - path.mean()

    x, y, scale, turn = drift(0.02), drift(0.008), drift(0.012), drift(0.04)
    light = 0.25 * np.sin(rng.uniform(0, 2 * np.pi) + steps * rng.uniform(0.15, 0.5))
    phase = rng.uniform(0, 2 * np.pi) + steps * rng.uniform(0.5, 0.9)
    along = np.clip(first.background[0] + steps * rng.choice([-1, 1]) * 0.01, 0, 1)
    crossings: list[tuple[int, float] | None] = [None] * count
    for _ in range(rng.integers(1, 4)):
        seed, length = int(rng.integers(2**31)), int(rng.integers(3, 7))
        start, side = int(rng.integers(-length + 2, count)), rng.choice([-1, 1])
        for step in range(length):
            if 0 <= start + step < count:
                crossings[start + step] = (seed, float(side * (0.7 - 1.4 * (step + 0.5) / length)))
    return [
        replace(
            first,
            angle=first.angle + float(turn[k]),
            phase=float(phase[k]),
            stride=1.0,
            x=first.x + float(x[k]),
            y=first.y + float(y[k]),
            scale=first.scale * float(np.exp(scale[k])),
            light=first.light * float(np.exp(light[k])),
            background=(float(along[k]), first.background[1]),
            crossing=crossings[k],
            noise=first.noise + k,
        )
        for k in range(count)
    ]


def _walks(options):
    rng = np.random.default_rng((options.seed, 8))
    walks = []
    for half, first, people, first_pid in (
        ("train", FIRST_TRAIN, options.train_people, 1),
        ("test", FIRST_TEST, options.test_people, options.train_people + 1),
    ):
        for place, person in enumerate(cast(options.seed, options.alike, first, people)):
            seen_by = rng.permutation(len(ANGLES))[: options.cameras_per_person]
            for number, camera in enumerate(seen_by):
                # The first camera has the query, the others are to be found.
                asks = half == "test" and number == 0
                walks.append(_Walk(person, first + place, half, first_pid + place, int(camera), asks))
    for place, person in enumerate(cast(options.seed, options.alike, FIRST_STRANGER, options.distractors)):
        walks.append(_Walk(person, FIRST_STRANGER + place, "test", 0, int(rng.integers(len(ANGLES)))))
    return sorted(walks, key=lambda walk: (walk.half, walk.name))


def _length(options, walk):
    shortest = max(1, 2 * options.frames // 3)
    rng = np.random.default_rng((options.seed, 9, walk.identity, walk.camera))
    return int(rng.integers(shortest, options.frames + 1))


def _frame_names(options, walk):
    return [f"{walk.name}F{k + 1:03d}" for k in range(_length(options, walk))]


def _draw_walk(options: TrackletOptions, walk: _Walk, root: Path) -> None:
    camera = cameras(options.seed)[walk.camera]
    folder = f"bbox_{walk.half}/{walk.name[:4]}"
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, shot in zip(_frame_names(options, walk), shots(options, walk), strict=True):
        picture, labels = pedestrians.render(walk.person, camera, shot)
        picture.save(root / folder / f"{name}.jpg", quality=camera.quality)
        if options.masks and walk.half == "train":
            save_masks(root / MASK_FOLDER / folder / name, labels)


def _write_info(options, walks, root):
    """The index that MARS has."""
    from scipy.io import savemat

    for half in ("train", "test"):
        own = [walk for walk in walks if walk.half == half]
        names = [f"{name}.jpg" for walk in own for name in _frame_names(options, walk)]
        (root / "info" / f"{half}_name.txt").write_text("\n".join(names) + "\n")
        last = np.cumsum([_length(options, walk) for walk in own])
        first = np.concatenate([[0], last[:-1]]) + 1
        tracks = np.stack([first, last, [walk.pid for walk in own], [walk.camera + 1 for walk in own]], axis=1)
        savemat(root / "info" / f"tracks_{half}_info.mat", {f"track_{half}_info": tracks})
    query = [number for number, walk in enumerate((w for w in walks if w.half == "test"), start=1) if walk.query]
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([query])})


def sample_sheet(options: TrackletOptions | None = None, tracklets: int = 6) -> Image.Image:
    """Shows some training tracklets, a row each."""
    options = options or TrackletOptions()
    walks = [walk for walk in _walks(options) if walk.half == "train"]
    step_x, step_y = pedestrians.WIDTH + 2, pedestrians.HEIGHT + 2
    sheet = Image.new("RGB", (options.frames * step_x - 2, tracklets * step_y - 2), "white")
    for row in range(tracklets):
        walk = walks[2 * row]
        for column, shot in enumerate(shots(options, walk)):
            picture, _ = pedestrians.render(walk.person, cameras(options.seed)[walk.camera], shot)
            sheet.paste(picture, (column * step_x, row * step_y))
    return sheet
