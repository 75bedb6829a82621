"""Where everybody is at any time."""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.data.synthetic.drawing import cast
from iaunet_tf.data.synthetic.pedestrians import Person
from iaunet_tf.data.synthetic.world.views import LANE, View

FIRST_WALKER = 70_000  # people of the other data sets begin below
AWAY = -1  # in no place
STEP = 0.7  # metres


@dataclass(frozen=True)
class Walk:
    """A person's ways, with a value for each frame in every array; those of frames without a place say nothing."""

    identity: int  # from 1
    person: Person
    height: float
    place: np.ndarray  # or `AWAY`
    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray  # in radians from the x axis
    phase: np.ndarray  # of the gait, in radians
    stride: np.ndarray  # 0 for standing, 1 for walking


def walks(seed: int, people: int, alike: int, places: list[list[View]], frames: int, rate: float) -> list[Walk]:
    """How everybody walks, in `frames` frames, through places that are seen by one camera or more each."""
    return [
        _walk(np.random.default_rng((seed, 11, index)), index + 1, person, places, frames, rate)
        for index, person in enumerate(cast(seed, alike, FIRST_WALKER, people))
    ]


def _walk(rng, identity, person, places, frames, rate):
    height = float(rng.uniform(1.56, 1.92))
    where = np.full(frames, AWAY)
    x, y, heading, phase, stride = np.zeros((5, frames))
    begin = round(rng.uniform(-3, 2) * rate)
    while begin < frames:
        place = int(rng.integers(len(places)))
        way = _way(rng, places[place], rate)
        of_way = slice(max(0, -begin), frames - begin)
        length = len(way[of_way])
        if length:
            now = slice(max(0, begin), max(0, begin) + length)
            where[now] = place
            x[now], y[now] = way[of_way].T
            for values, all_of_way in zip((heading, phase, stride), _gait(way, height, rate), strict=True):
                values[now] = all_of_way[of_way]
        begin += len(way) + round(rng.uniform(2, 5) * rate)
    return Walk(identity, person, height, where, x, y, heading, phase, stride)


def _way(rng, views, rate):
    """Positions, frame by frame, on a way through a place: from beyond what its cameras see to beyond it."""
    side = int(rng.choice([-1, 1]))
    first, middle, last = rng.uniform(-LANE, LANE, 3)
    turns, stops = rng.random() < 0.25, rng.random() < 0.3
    points = [(_beyond(views, side, first), first), (rng.uniform(-2.5, 2.5), middle)]
    points.append((_beyond(views, side if turns else -side, last), last))
    speed, stop = rng.uniform(1.2, 1.6) / rate, round(rng.uniform(1, 3) * rate) * stops
    there = _straight(points[0], points[1], speed)
    positions = np.concatenate([there, np.repeat(there[-1:], stop, 0), _straight(points[1], points[2], speed)])
    # People do not turn on the spot.
    reach = round(0.4 * rate)
    padded = np.pad(positions, ((reach, reach), (0, 0)), "edge")
    window = np.full(2 * reach + 1, 1 / (2 * reach + 1))
    return np.stack([np.convolve(padded[:, axis], window, "valid") for axis in range(2)], axis=1)


def _straight(start, end, speed):
    start, end = np.array(start), np.array(end)
    steps = int(np.ceil(np.hypot(*(end - start)) / speed))
    return start + np.linspace(0, 1, steps + 1)[:, None] * (end - start)


def _beyond(views, side, y):
    """Where, on this side of a place, none of its cameras sees anybody at `y`."""
    x = np.arange(-20, 20, 0.1)
    seen = x[np.any([view.sees(x, np.full_like(x, y), 2.0) for view in views], axis=0)]
    return side * (max(side * seen) + 0.3)


def _gait(way, height, rate):
    """Heading, phase and stride along a way."""
    velocity = np.gradient(way, axis=0)
    speed = np.hypot(*velocity.T)
    heading = np.arctan2(velocity[:, 1], velocity[:, 0])
    walking = np.flatnonzero(speed * rate > 0.15)
    latest = walking[np.maximum(np.searchsorted(walking, np.arange(len(way)), "right") - 1, 0)]
    phase = np.cumsum(speed) * np.pi / (STEP * height / 1.7)
    return heading[latest], phase, np.clip(speed * rate / 1.1, 0.1, 1)
