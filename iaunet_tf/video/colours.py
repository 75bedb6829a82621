"""Colours of people, the same in every video and on the page."""

import hashlib
from collections.abc import Iterable

Colour = tuple[int, int, int]
# Chosen so that any two differ by 35 or more in CIELAB, neither dark nor pale.
PALETTE: tuple[Colour, ...] = (
    *((255, 0, 238), (0, 255, 0), (0, 221, 255), (255, 153, 34), (51, 119, 34), (0, 119, 255)),
    *((204, 17, 51), (221, 238, 51), (136, 17, 255), (255, 187, 255), (0, 255, 187), (153, 85, 51)),
    *((170, 68, 119), (238, 204, 136), (51, 136, 204), (51, 187, 34), (187, 102, 255), (136, 119, 0)),
    *((0, 153, 136), (255, 68, 0), (255, 153, 153), (187, 238, 136), (119, 85, 170), (255, 34, 136)),
)
NOBODY: Colour = (200, 200, 200)  # of tracks without an identity


def colours_of(names: Iterable[str]) -> dict[str, Colour]:
    """A colour, RGB in 0..255, for each person, whatever the order of their names.

    A name's hash decides; of people with the same hash, all but the first by name take the next colour that is free.
    So up to 24 people have different colours, and a person mostly keeps theirs from one run to the next.
    """
    found, taken = {}, set()
    for name in sorted(set(names)):
        place = _place(name)
        free = [(place + step) % len(PALETTE) for step in range(len(PALETTE))]
        place = next((each for each in free if each not in taken), place)
        taken.add(place)
        found[name] = PALETTE[place]
    return found


def text_on(colour: Colour) -> Colour:
    """Black or white, whichever can be read better on a colour."""
    return (0, 0, 0) if luminance(colour) > 0.179 else (255, 255, 255)


def luminance(colour: Colour) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it, 0 to 1."""
    shares = [value / 255 for value in colour]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _place(name):
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") % len(PALETTE)
