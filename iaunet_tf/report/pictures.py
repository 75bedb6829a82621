"""Photographs of a report: who is found, and where the network looks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from iaunet_tf.data.decoding import load_image
from iaunet_tf.files import replacing
from iaunet_tf.report.charts import LABELS

HEIGHT, WIDTH = 160, 80  # of a picture in a row, in pixels
SMALL = (120, 60)  # of a frame
FRAME, GAP, TEXT = 4, 8, 32
FAINT = 0.3  # attention that stays below is not shown at full strength
FRAMES_IN_ROW, MOST_FRAMES = 12, 48
GREEN, RED, GREY = "#2a9d3a", "#d1495b", "#777777"
COLOURS = np.array([[230, 57, 70], [42, 157, 58], [69, 123, 230], [244, 200, 40]], "float32")  # of the parts


def ranked_list(query: Path, found: Sequence[tuple[Path, bool, str]], caption: str, path: Path) -> None:
    """A query and what was found for it, hits in green with a tick, misses in red with a cross.

    Args:
        query: its picture.
        found: picture, whether it is a hit, and what to write below, for each.
        caption: below the query.
        path: file to write.
    """
    sheet = _sheet(1 + len(found), 1, GAP)
    _framed(sheet, 0, load_image(query, (HEIGHT, WIDTH)), GREY, caption)
    for place, (file, hit, text) in enumerate(found, 1):
        _framed(sheet, place, load_image(file, (HEIGHT, WIDTH)), GREEN if hit else RED, text, hit, GAP)
    _save(sheet, path)


def confused_pair(first: Path, second: Path, captions: tuple[str, str], path: Path) -> None:
    """Two people who are taken for each other."""
    sheet = _sheet(2, 1)
    for place, (file, caption) in enumerate(zip((first, second), captions, strict=True)):
        _framed(sheet, place, load_image(file, (HEIGHT, WIDTH)), GREY, caption)
    _save(sheet, path)


def part_attention(picture: Path, blocks: Sequence[np.ndarray], path: Path) -> None:
    """Where each part is seen: the picture, then the parts of each block, `(h, w, 4)` in 0..1 each."""
    pixels = load_image(picture, (HEIGHT, WIDTH))
    cells = [(pixels, "picture")]
    for number, attention in enumerate(blocks, 1):
        bright = _brightened(attention)
        for part, name in enumerate(LABELS):
            only = np.zeros_like(bright)
            only[..., part] = bright[..., part]
            caption = f"{name}, block {number}\nup to {attention[..., part].max():.2f}"
            cells.append((overlay(pixels, only), caption))
    sheet = _sheet(len(cells), 1)
    for place, (cell, caption) in enumerate(cells):
        _framed(sheet, place, cell, GREY, caption)
    _save(sheet, path)


def tracklet_attention(frames: Sequence[Path], blocks: Sequence[np.ndarray], path: Path) -> None:
    """A tracklet's frames, below each where the parts are seen by each block, `(frames, h, w, 4)`."""
    shown = np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int)
    columns, rows = min(len(shown), FRAMES_IN_ROW), -(-len(shown) // FRAMES_IN_ROW)
    blocks = [_brightened(attention) for attention in blocks]
    height, width = SMALL
    strip = (1 + len(blocks)) * height + 3 * GAP
    sheet = Image.new("RGB", (columns * (width + 2), rows * strip), "white")
    for place, frame in enumerate(shown):
        pixels = load_image(frames[frame], SMALL)
        x, y = place % columns * (width + 2), place // columns * strip
        for row, cell in enumerate([pixels, *(overlay(pixels, attention[frame]) for attention in blocks)]):
            sheet.paste(Image.fromarray(cell), (x, y + row * (height + 2)))
    _save(sheet, path)


def _brightened(attention):
    """Each part's map relative to its largest value."""
    return attention / np.maximum(attention.max(axis=tuple(range(attention.ndim - 1))), FAINT)


def overlay(pixels: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """Part attention `(h, w, 4)` in 0..1 in the colours of the parts over a grey picture `(H, W, 3)`."""
    height, width, _ = pixels.shape
    maps = [
        np.asarray(Image.fromarray(attention[..., part].astype("float32")).resize((width, height), Image.BILINEAR))
        for part in range(attention.shape[-1])
    ]
    maps = np.clip(np.stack(maps, axis=-1), 0, 1)
    grey = np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1)
    strength = maps.max(axis=-1, keepdims=True)
    colour = maps @ COLOURS / np.maximum(maps.sum(axis=-1, keepdims=True), 1e-6)
    return (grey + 0.75 * strength * (colour - grey)).round().clip(0, 255).astype("uint8")


def _sheet(columns, rows, extra=0):
    width = columns * (WIDTH + 2 * FRAME + GAP) + extra
    return Image.new("RGB", (width, rows * (HEIGHT + 2 * FRAME + TEXT)), "white")


def _framed(sheet, place, pixels, colour, caption, hit=None, shift=0):
    draw = ImageDraw.Draw(sheet)
    x = place * (WIDTH + 2 * FRAME + GAP) + shift
    draw.rectangle((x, 0, x + WIDTH + 2 * FRAME - 1, HEIGHT + 2 * FRAME - 1), fill=colour)
    sheet.paste(Image.fromarray(pixels), (x + FRAME, FRAME))
    if hit is not None:  # not by colour alone
        draw.rectangle((x, 0, x + 17, 17), fill=colour)
        tick, cross = [[(4, 9), (8, 13), (14, 4)]], [[(4, 4), (13, 13)], [(4, 13), (13, 4)]]
        for line in tick if hit else cross:
            draw.line([(x + a, b) for a, b in line], fill="white", width=2)
    draw.text((x + FRAME, HEIGHT + 2 * FRAME + 2), caption, fill="black", font=ImageFont.load_default(12))


def _save(sheet, path):
    with replacing(path) as temporary:
        sheet.save(temporary, quality=88)
