"""Boxes and name tags in pictures."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from iaunet_tf.files import printable
from iaunet_tf.video.colours import Colour, text_on

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
DARK = (0, 0, 0)
LONGEST = 40  # letters of a name that are looked at
SMALLEST = 12  # height of letters in pixels


class Label(NamedTuple):
    """What is written at a box, and the colour of both."""

    name: str
    colour: Colour


def draw_people(picture: Image.Image, people: Sequence[tuple[Label, Box]]) -> None:
    """Draws a box and a name tag for each person into a picture.

    Lines have a dark edge on both sides, so that they are seen on any ground. Tags stand above their boxes, where that
    is not taken by another tag, otherwise in them, below or beside the other tag, and wholly in the picture; names are
    cut where they are longer than a third of it. Who is further down, and so nearer, is drawn last and chooses first.
    """
    draw = ImageDraw.Draw(picture)
    size = max(SMALLEST, min(picture.size) // 36)
    line = max(3, size // 5)
    seen = [(label, box) for label, raw in people if (box := _inside(raw, picture.size))]
    seen.sort(key=lambda each: each[1][3])
    for label, box in seen:
        _draw_box(draw, box, label.colour, line)
    tags = []
    for label, box in reversed(seen):
        if tag := _tag(label, box, size, picture.size, [place for _, _, place in tags]):
            tags.append((label, *tag))
    for label, text, place in reversed(tags):
        draw.rectangle(place, fill=label.colour)
        edge = size // 4
        draw.text((place[0] + edge, place[1] + edge // 2), text, fill=text_on(label.colour), font=_font(size))


def _inside(box, size):
    """The part of a box in the picture, as whole pixels that it covers; None if there is none."""
    if not all(map(math.isfinite, box)):
        return None
    left, top, right, bottom = (round(value) for value in box)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]) - 1, min(bottom, size[1]) - 1
    return (left, top, right, bottom) if left <= right and top <= bottom else None


def _draw_box(draw, box, colour, line):
    left, top, right, bottom = box
    for inset, width, ink in ((-1, 1, DARK), (0, line, colour), (line, 1, DARK)):
        corners = left + inset, top + inset, right - inset, bottom - inset
        if corners[0] <= corners[2] and corners[1] <= corners[3]:
            draw.rectangle(corners, outline=ink, width=width)


def _tag(label, box, size, picture, taken):
    """Text and place of a tag; None if there is no room in the picture."""
    edge = size // 4
    text, width = _fitted(label.name, size, min(picture[0], max(picture[0] // 3, 8 * size)) - 2 * edge)
    width, height = width + 2 * edge, _line_height(size) + edge
    if not text or height > picture[1]:
        return None
    left, top, _, bottom = box
    x = max(0, min(left, picture[0] - width))
    inside = min(top, picture[1] - height)
    beside = [y for other in taken for y in (other[1] - height, other[3] + 1) if abs(y - top) < 4 * height]
    tries = [y for y in (top - height, inside, bottom + 1, *beside) if 0 <= y <= picture[1] - height]
    places = [(x, y, x + width - 1, y + height - 1) for y in tries]
    return text, next((place for place in places if not any(_meet(place, other) for other in taken)), places[0])


def _meet(one, other):
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


@lru_cache(1000)
def _fitted(name, size, width):
    """As much of a name as fits into a width, and how wide that is."""
    font = _font(size)
    name = "".join(letter if letter.isprintable() else " " for letter in printable(name))
    for length in range(min(len(name), LONGEST), 0, -1):
        text = name if length == len(name) else name[:length].rstrip() + "…"
        wide = math.ceil(font.getlength(text))
        if wide <= width:
            return text, wide
    return "", 0


def _line_height(size):
    return sum(_font(size).getmetrics())


@lru_cache
def _font(size):
    """The font that comes with Matplotlib: it has Greek, Cyrillic and many signs, which Pillow's own has not."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    return ImageFont.truetype(file, size) if file.is_file() else ImageFont.load_default(size)
