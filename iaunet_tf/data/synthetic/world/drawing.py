"""The world as a folder of videos with their truth."""

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path

import numpy as np

from iaunet_tf.data.synthetic.drawing import in_processes
from iaunet_tf.data.synthetic.world.detector import noisy
from iaunet_tf.data.synthetic.world.scenes import Scene
from iaunet_tf.data.synthetic.world.video import join_videos, require_av, write_video
from iaunet_tf.data.synthetic.world.views import HEIGHT, WIDTH, views
from iaunet_tf.data.synthetic.world.walks import walks
from iaunet_tf.errors import InputError
from iaunet_tf.files import making, write_json

VERSION = 1  # raised whenever the same options would draw another world
DESCRIPTION = "world.json"
ENDS = (".mp4", ".txt", ".noisy.txt")  # of each camera's files
RATE = Fraction(25, 2)  # frames in a second
PART = 100  # frames that are drawn by one process at a time
LIMITS = {"seed": (0, 2**32 - 1), "cameras": (1, 9), "people": (1, 99), "seconds": (1, 3600), "alike": (1, 6)}


@dataclass(frozen=True)
class WorldOptions:
    """What is drawn. Everything follows from these numbers; an InputError if one is out of `LIMITS`.

    In 30 seconds or more, everybody is seen, leaves all views, and is seen again.
    """

    seed: int = 0  # of people, cameras and walks
    cameras: int = 4  # the first two watch the same place
    people: int = 12  # others than those of the synthetic data sets, whatever the seed
    seconds: int = 60
    alike: int = 2  # of every six people, how many wear the same clothes

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise InputError(f"{name} of a world must be a whole number from {low} to {high}; received {value}")

    @property
    def frames(self) -> int:
        """Of each video."""
        return int(self.seconds * RATE)


class World:
    """The cameras and everybody's ways, to draw frames of without files: `World().scenes["camera1"].frame(0)`."""

    def __init__(self, options: WorldOptions | None = None):
        self.options = options = options or WorldOptions()
        self.views = views(options.seed, options.cameras)
        places = [[view for view in self.views if view.place == place] for place in range(self.views[-1].place + 1)]
        self.walks = walks(options.seed, options.people, options.alike, places, options.frames, float(RATE))
        self.scenes = {view.name: Scene(view, self.walks, options.seed, float(RATE)) for view in self.views}

    @property
    def overlaps(self) -> list[tuple[str, str]]:
        """Pairs of cameras that can see the same person at once."""
        return [(a.name, b.name) for a, b in combinations(self.views, 2) if a.place == b.place]


def draw_world(folder: str | Path, options: WorldOptions | None = None, progress: bool = False) -> None:
    """Draws a world into `folder`, whole or not at all, unless it is there. Needs PyAV.

    For every camera there are

    - `camera1.mp4`, 480×270 pixels, 12.5 frames a second;
    - `camera1.txt`, the truth as MOT16 has it, a line for each person and frame: frame from 1, identity from 1 (the
      same in all cameras), left, top, width, height in pixels from the picture's corner, 1, class 1, visibility. Boxes
      have the margin of the synthetic images and are clipped to the picture. People of whom less than a tenth is to be
      seen are left out;
    - `camera1.noisy.txt`, what a detector that errs would find, in the format of MOT's `det.txt`: frame, -1, left, top,
      width, height, confidence 0..1, -1, -1, -1;

    and `world.json` with the options and with which cameras overlap. People are of the same kind as in the synthetic
    data sets, of whatever seed, but nobody is in both: a network that was trained on those has not seen them. The
    cameras are others, too.

    Raises:
        InputError: the folder has something else in it, or PyAV is not installed.
    """
    root = Path(folder).expanduser().resolve()
    options = options or WorldOptions()
    world = _world(options)
    description = _description(world)
    if _is_drawn(root, description, world):
        return
    require_av(root)
    starts = range(0, options.frames, PART)
    parts = [(view.name, start) for view in world.views for start in starts]
    with making(root) as temporary:
        temporary.mkdir()
        in_processes(partial(_film, options), parts, temporary, progress)
        for view in world.views:
            _join(temporary, view.name, starts)
        write_json(temporary / DESCRIPTION, description)


def _description(world):
    size = {"width": WIDTH, "height": HEIGHT, "rate": float(RATE)}
    return {"world": VERSION, **asdict(world.options), **size, "overlaps": list(map(list, world.overlaps))}


def _is_drawn(root, description, world):
    """Whether this world is there, whole; an InputError if something else is."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        there = json.loads((root / DESCRIPTION).read_text()) == description
    except (OSError, ValueError):
        there = False
    if there and all((root / f"{view.name}{end}").is_file() for view in world.views for end in ENDS):
        return True
    raise InputError(f"{root}: exists and is not this drawn world; name another folder")


@lru_cache(maxsize=1)
def _world(options):
    """In every process, once."""
    return World(options)


def _film(options, part, folder):
    """Draws a part of a camera's video, and of what belongs to it."""
    name, start = part
    scene = _world(options).scenes[name]

    def frames():
        for number in range(start, min(start + PART, options.frames)):
            picture, seen = scene.frame(number)
            for person in seen:
                numbers = ",".join(f"{value:.2f}" for value in person.box)
                truth.write(f"{number + 1},{person.identity},{numbers},1,1,{person.visibility:.3f}\n")
            for *place, confidence in noisy(seen, np.random.default_rng((options.seed, 14, scene.view.number, number))):
                numbers = ",".join(f"{value:.2f}" for value in place)
                detections.write(f"{number + 1},-1,{numbers},{confidence:.3f},-1,-1,-1\n")
            yield picture

    stem = _part(folder, name, start)
    with open(f"{stem}.txt", "w") as truth, open(f"{stem}.noisy.txt", "w") as detections:
        write_video(Path(f"{stem}.mp4"), frames(), RATE, WIDTH, HEIGHT)


def _part(folder, name, start):
    return folder / f"{name}-{start}"


def _join(folder, name, starts):
    """Makes one file of each kind from a camera's parts, and removes those."""
    for end in ENDS:
        parts = [Path(f"{_part(folder, name, start)}{end}") for start in starts]
        whole = folder / f"{name}{end}"
        if end == ".mp4":
            join_videos(whole, parts)
        else:
            whole.write_text("".join(part.read_text() for part in parts))
        for part in parts:
            part.unlink()
