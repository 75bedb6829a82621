"""Cameras in the world: where they stand, what they see, and the things that stand before them."""

from dataclasses import dataclass, replace

import numpy as np

from iaunet_tf.data.synthetic.pedestrians import Camera
from iaunet_tf.data.synthetic.pedestrians.cameras import scenery
from iaunet_tf.data.synthetic.pedestrians.people import clothes_colour

WIDTH, HEIGHT = 480, 270  # of the pictures, in pixels
DISTANCE = 7.5  # of a camera from the middle of its place
WALL = 12.0  # distance of the wall behind it
LANE = 2.3  # people walk at most so far from the middle

# As in the generator's images: how much of a box's height a person fills, and where in it the soles are. Boxes are
# narrower than those images, which is usual.
FILLED, SOLES, ASPECT = 0.885, 0.965, 0.45


@dataclass(frozen=True)
class Thing:
    """Something upright to pass behind: a post, a board or a hedge."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    colour: tuple


@dataclass(frozen=True)
class View:
    """A camera, and what it looks like through it."""

    number: int  # from 1
    place: int
    x: float
    y: float
    height: float
    towards: float  # direction of its axis on the ground, in radians from the x axis
    pitch: float  # how far it looks down, in radians
    focal: float  # in pixels
    look: Camera  # its light, colour, noise, and the scene
    things: tuple[Thing, ...]

    @property
    def name(self) -> str:
        return f"camera{self.number}"

    def project(self, x, y, z) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns and rows of points, in pixels, and how far ahead they are."""
        dx, dy, up = x - self.x, y - self.y, z - self.height
        ahead = dx * np.cos(self.towards) + dy * np.sin(self.towards)
        right = dx * np.sin(self.towards) - dy * np.cos(self.towards)
        depth = ahead * np.cos(self.pitch) - up * np.sin(self.pitch)
        above = ahead * np.sin(self.pitch) + up * np.cos(self.pitch)
        with np.errstate(divide="ignore"):
            scale = self.focal / depth
        return WIDTH / 2 + right * scale, HEIGHT / 2 - above * scale, depth

    def body(self, x, y, height) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Column of somebody's middle, rows of the top and of the soles, in pixels; and the distance ahead."""
        column, soles, depth = self.project(x, y, 0.0)
        return column, self.project(x, y, height)[1], soles, depth

    def facing(self, x: float, y: float, heading: float) -> float:
        """The angle at which somebody who walks at `heading` is seen, in radians; 0 is towards the camera."""
        sight = np.arctan2(y - self.y, x - self.x)
        return float(np.arctan2(np.sin(sight - heading), -np.cos(sight - heading)))

    def sees(self, x, y, height=1.7) -> np.ndarray:
        """Whether any of a person's box is in the picture, were nothing in front."""
        left, top, right, bottom = box(*self.body(x, y, height)[:3])
        ahead = self.project(x, y, 0.0)[2] > 0.5
        return ahead & (right > 0) & (left < WIDTH) & (bottom > 0) & (top < HEIGHT)


def box(column, top, soles):
    """Left, top, right and bottom of the box around a body, in pixels, not clipped to the picture."""
    height = (soles - top) / FILLED
    width = ASPECT * height
    return column - width / 2, soles - SOLES * height, column + width / 2, soles + (1 - SOLES) * height


def views(seed: int, count: int) -> list[View]:
    """The cameras. The first two watch the same place from opposite sides, each other one a place of its own."""
    return [_view(np.random.default_rng((seed, 10, index)), index) for index in range(count)]


def _view(rng, index):
    opposite = -1 if index == 1 else 1
    x, turn = float(rng.uniform(-1.5, 1.5)), float(rng.uniform(-0.15, 0.15))
    view = View(
        number=index + 1,
        place=max(0, index - 1),
        x=x,
        y=-DISTANCE * opposite,
        height=float(rng.uniform(2.6, 3.0)),
        towards=opposite * np.pi / 2 + turn,
        pitch=float(rng.uniform(0.19, 0.23)),
        focal=float(rng.uniform(405, 440)),
        look=Camera.random(rng, 0.0),
        things=_things(rng, x, -3.1 * opposite),
    )
    # The wall begins where the floor ends; of the scene, the upper part of the picture's shape is shown.
    tall, wide = view.look.scene.shape[:2]
    row = view.project(view.x + WALL * np.cos(view.towards), view.y + WALL * np.sin(view.towards), 0.0)[1]
    horizon = float(row) / HEIGHT * (wide * HEIGHT / WIDTH) / tall
    return replace(view, look=replace(view.look, scene=scenery(rng, horizon)))


def _things(rng, x, y):
    """A post, a board and a hedge beside each other, between the camera and the people."""
    places = x + np.array([-1.7, 0.0, 1.7]) + rng.uniform(-0.3, 0.3, 3)
    sizes = {
        "post": (rng.uniform(0.25, 0.4), 4.5),
        "board": (rng.uniform(0.6, 0.85), rng.uniform(2.0, 2.4)),
        "hedge": (rng.uniform(1.2, 1.7), rng.uniform(0.7, 1.0)),
    }
    things = []
    for kind, place in zip(sizes, rng.permutation(places), strict=True):
        width, height = map(float, sizes[kind])
        things.append(Thing(kind, float(place), y, width, height, clothes_colour(rng)))
    return tuple(things)
