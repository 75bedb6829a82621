"""Drawn pedestrians: who they are, what a camera does to them, and a picture with its exact part masks.

A `Person` holds what stays the same across cameras, a `Camera` what stays the same across people, a `Shot`
what differs from picture to picture. `render` puts the three together. All lengths are fractions of the
person's height unless they are said to be pixels; all colours are RGB in 0..255.
"""

from iaunet_tf.data.synthetic.pedestrians.cameras import HEIGHT, WIDTH, Camera, Shot
from iaunet_tf.data.synthetic.pedestrians.figure import BACKGROUND, CARRIED, HEAD, LOWER, SHOES, UPPER
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
