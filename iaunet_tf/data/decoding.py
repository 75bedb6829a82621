"""Pictures and part masks from files, by Pillow."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
Box = tuple[float, float, float, float]  # left, top, right, bottom


def load_image(
    path: str | Path, size: tuple[int, int] | None = None, crop: Callable[[tuple[int, int]], Box] | None = None
) -> np.ndarray:
    """Reads a picture as RGB: grey, palette, CMYK, 16-bit and transparent ones are converted.

    Args:
        path: any file that Pillow reads, or one that is open.
        size: `(height, width)` to resize to, bicubic; None keeps the file's.
        crop: from the picture's `(height, width)` to the box of it that is resized; None takes all.

    Returns:
        uint8 `(H, W, 3)`.

    Raises:
        InputError: the file is missing, truncated or no picture.
    """
    return to_pixels(_open(path), size, crop)


def to_pixels(
    picture: Image.Image, size: tuple[int, int] | None = None, crop: Callable[[tuple[int, int]], Box] | None = None
) -> np.ndarray:
    """The same of a picture that is read already."""
    picture = _to_rgb(picture)
    if size is not None:
        box = crop((picture.height, picture.width)) if crop else (0, 0, *picture.size)
        picture = resize(picture, size, box)
    return np.asarray(picture)


def resize(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """A box of a picture, resized bicubically to `(height, width)`: rows first, then columns.

    Pillow 13 takes the columns first where that is faster, and then rounds other numbers than older versions did; the
    order is fixed here so that all of them, and exported networks, see the same pixels.
    """
    left, top, right, bottom = box
    rows = picture.resize((size[1], picture.height), Image.Resampling.BICUBIC, (left, 0, right, picture.height))
    return rows.resize(size[::-1], Image.Resampling.BICUBIC, (0, top, size[1], bottom))


def load_masks(folder: str | Path, size: tuple[int, int], image_size: tuple[int, int]) -> np.ndarray | None:
    """Reads the part masks of one image.

    Args:
        folder: holds `head.png`, `upper_clothes.png`, `lower_clothes.png`, `shoes.png`; white is the part.
        size: `(height, width)` to resize to, bilinear.
        image_size: `(height, width)` of the image file, whose shape the masks must have.

    Returns:
        uint8 `(height, width, 4)`, 255 inside a part; None if a part's file is missing.

    Raises:
        InputError: a file is unreadable or of another shape than the image.
    """
    masks = []
    for part in PARTS:
        path = Path(folder) / f"{part}.png"
        if not path.is_file():
            return None
        mask = _open(path)
        expected = image_size[1] * mask.height / image_size[0]
        if abs(mask.width - expected) > 1:
            raise InputError(
                f"{path}: is {mask.height}x{mask.width} where its image is {image_size[0]}x{image_size[1]}; "
                "make the mask of the image's size or remove it"
            )
        mask = mask.convert("L").resize(size[::-1], Image.Resampling.BILINEAR)
        masks.append(np.asarray(mask))
    return np.stack(masks, axis=-1)


def load_with_masks(path: Path, folder: Path | None, size: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """A picture and its part masks.

    Args:
        path: the picture.
        folder: of its masks; None if it has none.
        size: `(height, width)` to resize to.

    Returns:
        uint8 `(height, width, 7)`, RGB and the four parts; and whether there are masks. Without, they are zero.

    Raises:
        InputError: as `load_image` and `load_masks`.
    """
    rgb = load_image(path, size)
    masks = load_masks(folder, size, image_size(path)) if folder is not None else None
    parts = np.zeros((*size, len(PARTS)), "uint8") if masks is None else masks
    return np.concatenate([rgb, parts], axis=-1), masks is not None


def image_size(path: str | Path) -> tuple[int, int]:
    """`(height, width)` of a picture file, from its header."""
    with Image.open(path) as picture:
        return picture.height, picture.width


def _open(path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about oddities that it copes with
            picture = Image.open(path)
            picture.load()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    # Pillow raises SyntaxError and friends on some broken files.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable picture ({error})") from None
    return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow would clip 16 bits at 255 instead of scaling them.
        grey = np.asarray(picture, "float32") / 257
        picture = Image.fromarray(np.clip(grey.round(), 0, 255).astype("uint8"))
    return picture.convert("RGB")
