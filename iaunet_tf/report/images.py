"""Images of a report: retrieval results and part attention."""

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from iaunet_tf.data.decoding import load_image
from iaunet_tf.files import replacing
from iaunet_tf.report.plots import drawable, part_labels

HEIGHT, WIDTH = 160, 80  # size of an image in pixels
SMALL = (120, 60)  # size of a frame of a tracklet
FRAME, GAP, TEXT, SIZE = 4, 8, 32, 12
FAINT = 0.3  # maps with a lower maximum are not scaled to full strength
FRAMES_IN_ROW, MOST_FRAMES = 12, 48
GREEN, RED, GREY = "#2a9d3a", "#d1495b", "#777777"
COLOURS = np.array([[230, 57, 70], [42, 157, 58], [69, 123, 230], [244, 200, 40]], "float32")  # by part
Cell = tuple[np.ndarray, str, bool | None]  # pixels, caption, whether correct if that is shown


def ranked_list(query: Path, found: Sequence[tuple[Path, bool, str]], caption: str, path: Path) -> None:
    """Draws a query and what was found: images, whether they are correct, and captions.

    Correct results are green with a tick, others red with a cross.
    """
    cells = [(_load(file), text, hit) for file, hit, text in found]
    _draw_row([(_load(query), caption, None), *cells], path, after_first=GAP)


def confused_pair(pictures: Sequence[tuple[Path, str]], path: Path) -> None:
    """Draws images of people who were confused, each with a caption."""
    _draw_row([(_load(file), caption, None) for file, caption in pictures], path)


def part_attention(picture: Path, blocks: Sequence[np.ndarray], path: Path) -> None:
    """Draws an image followed by the attention to each part in each block, arrays `(h, w, K)` in 0..1."""
    pixels = _load(picture)
    cells = [(pixels, "image", None)]
    for number, attention in enumerate(blocks, 1):
        bright = _brightened(attention)
        for part, name in enumerate(part_labels(attention.shape[-1])):
            only = np.zeros_like(bright)
            only[..., part] = bright[..., part]
            caption = f"{name}, block {number}\nup to {attention[..., part].max():.2f}"
            cells.append((overlay(pixels, only), caption, None))
    _draw_row(cells, path)


def tracklet_attention(frames: Sequence[Path], blocks: Sequence[np.ndarray], path: Path) -> None:
    """Draws the frames of a tracklet above the part attention of each block, arrays `(frames, h, w, K)` in 0..1."""
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


def label(kind: str, name: int | str) -> str:
    """A caption such as `person 7`, no wider than an image: a long name stands alone, a longer one is its end."""
    font, text = ImageFont.load_default(SIZE), drawable(name)
    for caption in (f"{kind} {text}", text, *(f"...{text[start:]}" for start in range(len(text)))):
        if font.getlength(caption) <= WIDTH + 2 * FRAME:
            return caption
    return "..."


def part_colours(parts: int) -> np.ndarray:
    """Colours of body parts, float32 `(K, 3)` in 0..255: the usual four, or any where there are others."""
    if parts == len(COLOURS):
        return COLOURS
    return np.array([colorsys.hsv_to_rgb(part / parts, 0.8, 0.9) for part in range(parts)], "float32") * 255


def overlay(pixels: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """Overlays part attention `(h, w, K)` in 0..1, in one colour per part, on an image `(H, W, 3)` turned to grey."""
    height, width, _ = pixels.shape
    maps = [
        np.asarray(Image.fromarray(part).resize((width, height), Image.Resampling.BILINEAR))
        for part in np.moveaxis(attention, -1, 0).astype("float32")
    ]
    shares = np.clip(np.stack(maps, axis=-1), 0, 1)
    grey = np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1)
    strength = shares.max(axis=-1, keepdims=True)
    colour = shares @ part_colours(shares.shape[-1]) / np.maximum(shares.sum(axis=-1, keepdims=True), 1e-6)
    return (grey + 0.75 * strength * (colour - grey)).round().clip(0, 255).astype("uint8")


def _load(file: Path) -> np.ndarray:
    return load_image(file, (HEIGHT, WIDTH))


def _brightened(attention: np.ndarray) -> np.ndarray:
    """Scales the map of each part by its maximum, or by `FAINT` if that is greater."""
    return attention / np.maximum(attention.max(axis=tuple(range(attention.ndim - 1))), FAINT)


def _draw_row(cells: Sequence[Cell], path: Path, after_first: int = 0) -> None:
    """Draws framed images side by side, with `after_first` more pixels after the first."""
    step, bottom = WIDTH + 2 * FRAME + GAP, HEIGHT + 2 * FRAME
    sheet = Image.new("RGB", (len(cells) * step + after_first, bottom + TEXT), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (pixels, caption, hit) in enumerate(cells):
        x = place * step + (after_first if place else 0)
        colour = GREY if hit is None else GREEN if hit else RED
        draw.rectangle((x, 0, x + WIDTH + 2 * FRAME - 1, bottom - 1), fill=colour)
        sheet.paste(Image.fromarray(pixels), (x + FRAME, FRAME))
        if hit is not None:  # not by colour alone
            draw.rectangle((x, 0, x + 17, 17), fill=colour)
            tick, cross = [[(4, 9), (8, 13), (14, 4)]], [[(4, 4), (13, 13)], [(4, 13), (13, 4)]]
            for line in tick if hit else cross:
                draw.line([(x + a, b) for a, b in line], fill="white", width=2)
        draw.text((x + FRAME, bottom + 2), caption, fill="black", font=ImageFont.load_default(SIZE))
    _save(sheet, path)


def _save(sheet: Image.Image, path: Path) -> None:
    with replacing(path) as temporary:
        sheet.save(temporary, quality=88)
