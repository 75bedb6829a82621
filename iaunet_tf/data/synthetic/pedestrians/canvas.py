"""Drawing of shapes together with their labels."""

import numpy as np
from PIL import Image, ImageDraw

from iaunet_tf.data.dataset import PARTS

# Labels: the background, the body parts in the order of their masks, and carried objects.
BACKGROUND, HEAD, UPPER, LOWER, SHOES, CARRIED = range(len(PARTS) + 2)


class Canvas:
    """An image and its label map, drawn simultaneously."""

    def __init__(self, background: Image.Image):
        self.rgb = background
        self.labels = Image.new("L", background.size, BACKGROUND)
        self._rgb = ImageDraw.Draw(self.rgb)
        self._labels = ImageDraw.Draw(self.labels)

    def _both(self, draw, shape, fill, label):
        if isinstance(fill, Image.Image):  # a texture of the same size as the canvas
            mask = Image.new("1", self.rgb.size)
            draw(ImageDraw.Draw(mask), shape, 1)
            self.rgb.paste(fill, mask=mask)
        else:
            draw(self._rgb, shape, tuple(fill))
        draw(self._labels, shape, label)

    def polygon(self, points, fill, label):
        self._both(ImageDraw.ImageDraw.polygon, [tuple(p) for p in points], fill, label)

    def ellipse(self, x, y, rx, ry, fill, label):
        self._both(ImageDraw.ImageDraw.ellipse, (x - rx, y - ry, x + rx, y + ry), fill, label)

    def limb(self, start, end, start_width, end_width, fill, label):
        """Draws a tapered stroke with round ends; the widths are diameters."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = end - start
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) / 2
        a, b = normal * start_width, normal * end_width
        self.polygon([start + a, end + b, end - b, start - a], fill, label)
        self.ellipse(*start, start_width / 2, start_width / 2, fill, label)
        self.ellipse(*end, end_width / 2, end_width / 2, fill, label)


def shade(colour, factor):
    """Returns a colour with its channels multiplied by a factor."""
    return tuple(int(np.clip(channel * factor, 0, 255)) for channel in colour)
