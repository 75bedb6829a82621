"""Drawn pedestrians: synthetic images of people with exact part masks.

A `Person` describes what is constant across cameras, a `Camera` what is constant across people, and a `Shot` what
varies between images. `render` combines the three into an image. Lengths are fractions of the person's height unless
given in pixels; colours are RGB in 0..255.
"""

from iaunet_tf.data.synthetic.pedestrians.cameras import HEIGHT, WIDTH, Camera, Shot
from iaunet_tf.data.synthetic.pedestrians.canvas import BACKGROUND, CARRIED, HEAD, LOWER, SHOES, UPPER
from iaunet_tf.data.synthetic.pedestrians.people import Person
from iaunet_tf.data.synthetic.pedestrians.rendering import render

__all__ = [
    "BACKGROUND",
    "CARRIED",
    "HEAD",
    "HEIGHT",
    "LOWER",
    "SHOES",
    "UPPER",
    "WIDTH",
    "Camera",
    "Person",
    "Shot",
    "render",
]
