"""Pictures of a camera, frame by frame, and who is to be seen in them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from iaunet_tf.data.synthetic.pedestrians import Shot
from iaunet_tf.data.synthetic.pedestrians.cameras import SUPERSAMPLING
from iaunet_tf.data.synthetic.pedestrians.canvas import BACKGROUND, Canvas, shade
from iaunet_tf.data.synthetic.pedestrians.figure import Figure
from iaunet_tf.data.synthetic.world.views import HEIGHT, WIDTH, View, box
from iaunet_tf.data.synthetic.world.walks import Walk

LEAST = 0.1  # people of whom less is to be seen are not in the truth


@dataclass(frozen=True)
class Seen:
    """A person in a frame."""

    identity: int
    box: tuple[float, float, float, float]  # left, top, width and height in pixels, within the picture
    visibility: float  # how much of the person is to be seen, 0..1, after all that hides it and the picture's edges


class Scene:
    """What a camera films. Every frame can be drawn by itself."""

    def __init__(self, view: View, walks: list[Walk], seed: int, rate: float):
        self.view, self.walks, self.rate = view, walks, rate
        rng = np.random.default_rng((seed, 12, view.number))
        self._seeds = (seed, 13, view.number)
        self._background = _background(view)
        self._period, self._start = rng.uniform(4, 12), rng.uniform(0, 2 * np.pi)  # of the changing light
        # A window into this is a frame's noise, which would take longer to draw than all else.
        noise = rng.normal(0, 0.6 * view.look.noise, (HEIGHT + 64, WIDTH + 64, 3))
        self._noise = np.clip(noise.round(), -127, 127).astype("int8")

    def frame(self, number: int) -> tuple[np.ndarray, list[Seen]]:
        """Draws a frame, the first one is 0: RGB, uint8 `(270, 480, 3)`; and who is seen, by identity."""
        picture, owner = self._background.copy(), np.zeros((HEIGHT, WIDTH), "uint16")
        drawn = []
        for _, what in sorted(self._nearby(number), key=lambda each: -each[0]):
            if isinstance(what, Walk):
                drawn.append((what, self._draw_person(picture, owner, what, number)))
            else:
                _draw_thing(picture, owner, self.view, what)
        counts = np.bincount(owner.ravel(), minlength=len(self.walks) + 1)
        seen = []
        for walk, pixels in drawn:
            visibility = float(counts[walk.identity] / max(pixels, 1))
            if visibility >= LEAST:
                seen.append(Seen(walk.identity, self._box(walk, number), visibility))
        return self._sensor(picture, number), sorted(seen, key=lambda each: each.identity)

    def _nearby(self, number):
        """What may be in the picture, and how far ahead it is."""
        view = self.view
        for thing in view.things:
            yield view.project(thing.x, thing.y, 0.0)[2], thing
        for walk in self.walks:
            x, y = walk.x[number], walk.y[number]
            if walk.place[number] == view.place and view.sees(x, y, walk.height):
                yield view.project(x, y, 0.0)[2], walk

    def _box(self, walk, number):
        corners = box(*self.view.body(walk.x[number], walk.y[number], walk.height)[:3])
        left, top, right, bottom = np.clip(corners, 0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
        return float(left), float(top), float(right - left), float(bottom - top)

    def _draw_person(self, picture, owner, walk, number):
        """Draws a person, and returns how many pixels they would have with nobody in front, in a larger picture."""
        view, x, y = self.view, walk.x[number], walk.y[number]
        column, top, soles, _ = view.body(x, y, walk.height)
        unit = float(soles - top)
        left, right = int(column - 0.5 * unit), int(column + 0.5 * unit) + 1
        up, down = int(top - 0.06 * unit), int(soles + 0.08 * unit) + 1
        wide, tall = right - left, down - up
        part = picture.crop((left, up, right, down))
        canvas = Canvas(part.resize((wide * SUPERSAMPLING, tall * SUPERSAMPLING), Image.Resampling.NEAREST))
        shot = Shot(
            angle=view.facing(x, y, walk.heading[number]),
            phase=float(walk.phase[number]),
            stride=float(walk.stride[number]),
            x=float((column - left) / wide - 0.5),
            y=float((soles - up) / tall - 0.965),
            scale=unit / tall,
            light=1.0,
            background=(0.0, 0.0),
            occluder=None,
            passer=None,
            noise=walk.identity,  # the folds in the clothes
        )
        Figure(canvas, walk.person, shot, view.look.sun).draw()
        picture.paste(canvas.rgb.reduce(SUPERSAMPLING), (left, up))
        mask = np.asarray(canvas.labels)[::SUPERSAMPLING, ::SUPERSAMPLING] != BACKGROUND
        inside = mask[max(0, -up) : HEIGHT - up, max(0, -left) : WIDTH - left]
        above, beside = max(0, up), max(0, left)
        owner[above : above + inside.shape[0], beside : beside + inside.shape[1]][inside] = walk.identity
        return int(mask.sum())

    def _sensor(self, picture, number):
        """Blur, light, colour cast and noise of the camera, as `pedestrians.cameras.sensor` has them."""
        look = self.view.look
        light = np.exp(0.1 * np.sin(self._start + 2 * np.pi * number / self.rate / self._period))
        levels = (np.arange(256) / 255) ** look.gamma * look.gain * light * 255
        table = np.clip(np.outer(look.cast, levels), 0, 255).round().astype("uint8")
        # A box of this radius has a Gaussian's variance, and takes a third of its time.
        radius = float(np.sqrt(1 + 12 * look.blur**2) - 1) / 2
        lit = np.asarray(picture.filter(ImageFilter.BoxBlur(radius)).point(table.ravel().tolist()))
        down, across = np.random.default_rng((*self._seeds, number)).integers(0, 64, 2)
        noise = self._noise[down : down + HEIGHT, across : across + WIDTH]
        return np.clip(lit.astype("int16") + noise, 0, 255).astype("uint8")


def _background(view):
    scene = Image.fromarray(view.look.scene)
    shown = scene.crop((0, 0, scene.width, round(scene.width * HEIGHT / WIDTH)))
    return shown.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _draw_thing(picture, owner, view, thing):
    column, top, soles, depth = view.body(thing.x, thing.y, thing.height)
    half = view.focal * thing.width / depth / 2
    left, right = round(float(column - half)), round(float(column + half))
    top, bottom = round(float(top)), round(float(soles))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, top, right, bottom), fill=thing.colour)
    dark = shade(thing.colour, 0.7)
    if thing.kind == "board":
        draw.rectangle((left + 4, top + 6, right - 4, (top + bottom) // 2), outline=dark, width=3)
    elif thing.kind == "hedge":
        for x in range(left, right, 9):
            draw.line((x, top, x + 5, bottom), fill=dark, width=2)
    draw.line((right, top, right, bottom), fill=dark, width=3)
    owner[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = 0
