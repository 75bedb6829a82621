"""Reading of images and part masks with Pillow."""

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
    """Reads an image as RGB; greyscale, palette, CMYK, 16-bit and transparent images are converted.

    Args:
        path: an image file in any format that Pillow reads, or an open file object.
        size: `(height, width)` to resize to with bicubic interpolation. By default the image is not resized.
        crop: function from the `(height, width)` of the image to the box to crop before resizing. By default the image
            is not cropped.

    Returns:
        uint8 array of shape `(H, W, 3)`.

    Raises:
        InputError: the file does not exist, is truncated or is not an image.
    """
    return to_pixels(_open(path), size, crop)


def to_pixels(
    picture: Image.Image, size: tuple[int, int] | None = None, crop: Callable[[tuple[int, int]], Box] | None = None
) -> np.ndarray:
    """Converts a PIL image to an RGB array; see `load_image` for the arguments."""
    picture = _to_rgb(picture)
    if size is not None:
        box = crop((picture.height, picture.width)) if crop else (0, 0, *picture.size)
        picture = resize(picture, size, box)
    return np.asarray(picture)


def resize(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Crops a box from an image and resizes it bicubically to `(height, width)`, first horizontally, then vertically.

    Pillow 13 resizes vertically first if that is faster, which changes the rounding. The order is fixed here so that
    all versions, and exported networks, see the same pixels.
    """
    left, top, right, bottom = box
    rows = picture.resize((size[1], picture.height), Image.Resampling.BICUBIC, (left, 0, right, picture.height))
    return rows.resize(size[::-1], Image.Resampling.BICUBIC, (0, top, size[1], bottom))


def load_masks(folder: str | Path, size: tuple[int, int], image_size: tuple[int, int]) -> np.ndarray | None:
    """Reads the part masks of an image.

    Args:
        folder: folder with `head.png`, `upper_clothes.png`, `lower_clothes.png` and `shoes.png`; parts are white.
        size: `(height, width)` to resize to with bilinear interpolation.
        image_size: `(height, width)` of the image file; the masks must have the same aspect ratio.

    Returns:
        uint8 array of shape `(height, width, 4)`, 255 inside a part, or None if a mask file is missing.

    Raises:
        InputError: a mask cannot be read or has another aspect ratio than the image.
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
                f"{path}: is {mask.height}x{mask.width}, but its image is {image_size[0]}x{image_size[1]}; "
                "resize the mask to the size of the image, or remove it"
            )
        mask = mask.convert("L").resize(size[::-1], Image.Resampling.BILINEAR)
        masks.append(np.asarray(mask))
    return np.stack(masks, axis=-1)


def load_with_masks(path: Path, folder: Path | None, size: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """Reads an image and its part masks.

    Args:
        path: image file.
        folder: folder of its masks, or None.
        size: `(height, width)` to resize to.

    Returns:
        uint8 array of shape `(height, width, 7)` with RGB and the four masks, which are zero if missing; and whether
        the image has masks.

    Raises:
        InputError: a file cannot be read, or a mask does not fit the image.
    """
    rgb = load_image(path, size)
    masks = load_masks(folder, size, image_size(path)) if folder is not None else None
    parts = np.zeros((*size, len(PARTS)), "uint8") if masks is None else masks
    return np.concatenate([rgb, parts], axis=-1), masks is not None


def image_size(path: str | Path) -> tuple[int, int]:
    """Reads the `(height, width)` of an image file from its header."""
    with Image.open(path) as picture:
        return picture.height, picture.width


def _open(path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about harmless irregularities
            picture = Image.open(path)
            picture.load()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    # Pillow raises SyntaxError and others for some damaged files.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error})") from None
    return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow would clip 16-bit values at 255 instead of scaling them.
        grey = np.asarray(picture, "float32") / 257
        picture = Image.fromarray(np.clip(grey.round(), 0, 255).astype("uint8"))
    return picture.convert("RGB")
