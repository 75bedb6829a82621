"""Drawn pedestrians who walk, in the layout of MARS.

Gait, drift of the box, changing light, and people who pass in front, so that one frame is often not enough.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import MASK_FOLDER
from iaunet_tf.data.synthetic.drawing import ANGLES, cameras, cast, ensure_drawn, save_masks, sheet
from iaunet_tf.data.synthetic.pedestrians import Person, Shot, render
from iaunet_tf.extras import needed

# Raised whenever the same options would draw other images.
VERSION = 1
# People of the image data set begin at 0, 10,000 and 20,000.
FIRST_TRAIN, FIRST_TEST, FIRST_STRANGER = 40_000, 50_000, 60_000


@dataclass(frozen=True)
class TrackletOptions:
    """What is drawn. Everything follows from these numbers."""

    seed: int = 0  # of people, cameras and walks
    train_people: int = 250
    test_people: int = 80  # others than those to train on
    cameras_per_person: int = 3  # how many of the six cameras see a person
    frames: int = 10  # length of the longest tracklets; the shortest have two thirds
    distractors: int = 30  # tracklets of strangers in the gallery
    alike: int = 3  # how many people in a row wear the same clothes
    masks: bool = False  # draw part masks of the training frames


@dataclass(frozen=True)
class _Walk:
    """One tracklet."""

    person: Person
    identity: int  # seeds the walk
    half: str  # "train" or "test"
    pid: int
    camera: int
    length: int  # in frames
    query: bool = False

    @property
    def name(self) -> str:
        return f"{self.pid:04d}C{self.camera + 1}T{1 if self.pid else self.identity % 10_000 + 1:04d}"

    @property
    def frames(self) -> list[str]:
        """Names of the frames."""
        return [f"{self.name}F{k:03d}" for k in range(1, self.length + 1)]


def ensure_tracklets(root: str | Path, options: TrackletOptions | None = None) -> None:
    """Draws the tracklets into `root` unless they are there; an InputError if something else is."""
    with needed(str(root)):
        import scipy.io  # noqa: F401  # writes the index, at the end
    options = options or TrackletOptions()
    walks = _walks(options)
    description = {"tracklets": VERSION, **asdict(options)}
    count = sum(walk.length for walk in walks)
    folders = ("info", "bbox_train", "bbox_test")
    draw, finish = partial(_draw_walk, options), partial(_write_info, walks)
    ensure_drawn(Path(root), description, folders, walks, draw, count, finish)


def _shots(seed: int, walk: _Walk) -> list[Shot]:
    """The frames of a walk through a camera."""
    camera, count = cameras(seed)[walk.camera], walk.length
    rng = np.random.default_rng((seed, 7, walk.identity, walk.camera))
    first = Shot.random(rng, camera, rng.normal(camera.angle, camera.spread))
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
        passer, length = int(rng.integers(2**31)), int(rng.integers(3, 7))
        start, side = int(rng.integers(-length + 2, count)), rng.choice([-1, 1])
        for step in range(length):
            if 0 <= start + step < count:
                distance = side * (0.7 - 1.4 * (step + 0.5) / length)
                crossings[start + step] = (passer, float(distance))
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

    def add(person, identity, half, pid, camera, query=False):
        lengths = np.random.default_rng((options.seed, 9, identity, camera))
        length = int(lengths.integers(max(1, 2 * options.frames // 3), options.frames + 1))
        walks.append(_Walk(person, identity, half, pid, camera, length, query))

    for half, first, people, first_pid in (
        ("train", FIRST_TRAIN, options.train_people, 1),
        ("test", FIRST_TEST, options.test_people, options.train_people + 1),
    ):
        for place, person in enumerate(cast(options.seed, options.alike, first, people)):
            seen_by = rng.permutation(len(ANGLES))[: options.cameras_per_person]
            for number, camera in enumerate(seen_by):
                # The first camera has the query, the others are to be found.
                query = half == "test" and number == 0
                add(person, first + place, half, first_pid + place, int(camera), query)
    for place, person in enumerate(cast(options.seed, options.alike, FIRST_STRANGER, options.distractors)):
        add(person, FIRST_STRANGER + place, "test", 0, int(rng.integers(len(ANGLES))))
    return sorted(walks, key=lambda walk: (walk.half, walk.name))


def _draw_walk(options: TrackletOptions, walk: _Walk, root: Path) -> None:
    camera = cameras(options.seed)[walk.camera]
    folder = f"bbox_{walk.half}/{walk.name[:4]}"
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, shot in zip(walk.frames, _shots(options.seed, walk), strict=True):
        picture, labels = render(walk.person, camera, shot)
        picture.save(root / folder / f"{name}.jpg", quality=camera.quality)
        if options.masks and walk.half == "train":
            save_masks(root / MASK_FOLDER / folder / name, labels)


def _write_info(walks, root):
    """The index that MARS has."""
    from scipy.io import savemat

    for half in ("train", "test"):
        own = [walk for walk in walks if walk.half == half]
        names = [f"{name}.jpg" for walk in own for name in walk.frames]
        (root / "info" / f"{half}_name.txt").write_text("\n".join(names) + "\n")
        last = np.cumsum([walk.length for walk in own])
        first = np.concatenate([[0], last[:-1]]) + 1
        tracks = np.stack([first, last, [walk.pid for walk in own], [walk.camera + 1 for walk in own]], axis=1)
        savemat(root / "info" / f"tracks_{half}_info.mat", {f"track_{half}_info": tracks})
    query = [number for number, walk in enumerate((w for w in walks if w.half == "test"), start=1) if walk.query]
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([query])})


def sample_sheet(options: TrackletOptions | None = None, tracklets: int = 6) -> Image.Image:
    """Shows some training tracklets, a row each."""
    options = options or TrackletOptions()
    train = [walk for walk in _walks(options) if walk.half == "train"]

    def pictures(walk):
        camera = cameras(options.seed)[walk.camera]
        return [render(walk.person, camera, shot)[0] for shot in _shots(options.seed, walk)]

    return sheet([pictures(walk) for walk in train[::2][:tracklets]], options.frames)
