"""Rendering of a person with exact labels."""

from dataclasses import replace

import numpy as np
from PIL import Image

from iaunet_tf.data.synthetic.pedestrians.cameras import HEIGHT, SUPERSAMPLING, WIDTH, Camera, Shot, background, sensor
from iaunet_tf.data.synthetic.pedestrians.canvas import BACKGROUND, CARRIED, Canvas, shade
from iaunet_tf.data.synthetic.pedestrians.figure import Figure
from iaunet_tf.data.synthetic.pedestrians.people import Person, clothes_colour, pick


def render(person: Person, camera: Camera, shot: Shot) -> tuple[Image.Image, np.ndarray]:
    """An RGB image of a person, 64×128 pixels (width × height), before JPEG compression; and its
    labels, uint8 `(128, 64)`, from `BACKGROUND` to `CARRIED`."""
    size = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    canvas = Canvas(background(camera, shot, size))
    if shot.passer is not None:
        _draw_passer(canvas, camera, shot)
    Figure(canvas, person, shot, camera.sun).draw()
    if shot.occluder is not None:
        _draw_occluder(canvas, np.random.default_rng(shot.occluder))
    if shot.crossing is not None:
        _draw_crossing(canvas, camera, shot)
    labels = _reduce_labels(np.asarray(canvas.labels))
    picture = canvas.rgb.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return sensor(picture, camera, shot), labels


def _draw_passer(canvas, camera, shot):
    """Draws another person in the background at the edge of the image, not labelled."""
    rng = np.random.default_rng(shot.passer)
    away = replace(
        Shot.random(rng, camera),
        x=shot.x + float(rng.choice([-1, 1])) * rng.uniform(0.38, 0.6),
        y=-0.05,
        scale=shot.scale * rng.uniform(0.7, 0.95),
    )
    Figure(Canvas(canvas.rgb), Person.random(rng), away, camera.sun).draw()


def _box(left, right, top, bottom):
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _draw_occluder(canvas, rng):
    """Draws a post, a bin, a hedge or the edge of a car in front of the person."""
    width, height = canvas.rgb.size
    colour = shade(clothes_colour(rng), rng.uniform(0.5, 1))
    kind = pick(rng, ("post", "low", "side"))
    if kind == "post":
        x, half = rng.uniform(0.15, 0.85) * width, rng.uniform(0.03, 0.09) * width
        box = _box(x - half, x + half, 0, height)
    elif kind == "low":
        y, slope = rng.uniform(0.62, 0.88) * height, rng.uniform(-0.05, 0.05) * height
        box = [(0, y - slope), (width, y + slope), (width, height), (0, height)]
    else:
        left, x = rng.random() < 0.5, rng.uniform(0.18, 0.38) * width
        top = rng.uniform(0, 0.4) * height
        box = _box(0, x, top, height) if left else _box(width - x, width, top, height)
    canvas.polygon(box, colour, BACKGROUND)


def _draw_crossing(canvas, camera, shot):
    """Draws another person or a wide object that passes between the camera and the person."""
    seed, distance = shot.crossing
    rng = np.random.default_rng(seed)
    width, height = canvas.rgb.size
    front = Canvas(canvas.rgb)
    if rng.random() < 0.5:
        near = replace(
            Shot.random(rng, camera),
            x=shot.x + distance,
            y=0.12,
            scale=shot.scale * rng.uniform(1.15, 1.35),
            phase=shot.phase,
            stride=1.0,
            angle=np.pi / 2,
        )
        Figure(front, Person.random(rng), near, camera.sun).draw()
    else:  # a van, a cart, a billboard
        half, top = rng.uniform(0.3, 0.45) * width, rng.uniform(0, 0.35) * height
        x = (0.5 + shot.x + distance) * width
        front.polygon(_box(x - half, x + half, top, height), clothes_colour(rng), CARRIED)
    canvas.labels.paste(BACKGROUND, mask=front.labels.point(lambda label: 255 * (label != BACKGROUND)))


def _reduce_labels(labels: np.ndarray) -> np.ndarray:
    """Downsamples labels by choosing the most frequent one in every pixel."""
    height, width = labels.shape[0] // SUPERSAMPLING, labels.shape[1] // SUPERSAMPLING
    blocks = labels.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING)
    counts = [(blocks == label).sum(axis=(1, 3)) for label in range(CARRIED + 1)]
    return np.argmax(counts, axis=0).astype("uint8")
