"""Reading of images and part masks with Pillow."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
Size = tuple[int, int]  # height, width
Box = tuple[float, float, float, float]  # left, top, right, bottom
Crop = Callable[[Size], Box]  # the box to crop from an image of this size


def load_image(path: str | Path, size: Size | None = None, crop: Crop | None = None) -> np.ndarray:
    """Reads an image file, or an open file object, as `to_pixels` converts it.

    Raises:
        InputError: the file does not exist, is truncated or is not an image.
    """
    return to_pixels(_open(path), size, crop)


def to_pixels(picture: Image.Image, size: Size | None = None, crop: Crop | None = None) -> np.ndarray:
    """Converts an image, also a greyscale, palette, CMYK, 16-bit or transparent one, to RGB, uint8
    `(H, W, 3)`; if `size` is given, cropped to the box of `crop` and resized bicubically."""
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow would clip 16-bit values at 255 instead of scaling them.
        grey = np.asarray(picture, "float32") / 257
        picture = Image.fromarray(np.clip(grey.round(), 0, 255).astype("uint8"))
    picture = picture.convert("RGB")
    if size is not None:
        box = crop((picture.height, picture.width)) if crop else (0, 0, *picture.size)
        picture = resize(picture, size, box)
    return np.asarray(picture)


def resize(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """Crops a box from an image and resizes it bicubically, first horizontally, then vertically.

    Pillow 13 resizes vertically first if that is faster, which changes the rounding. The order is fixed here so that
    all versions, and exported networks, see the same pixels.
    """
    left, top, right, bottom = box
    rows = picture.resize((size[1], picture.height), Image.Resampling.BICUBIC, (left, 0, right, picture.height))
    return rows.resize(size[::-1], Image.Resampling.BICUBIC, (0, top, size[1], bottom))


def load_masks(folder: str | Path, size: Size, image_size: Size) -> np.ndarray | None:
    """Reads the part masks of an image, `{head,upper_clothes,lower_clothes,shoes}.png`, and resizes
    them bilinearly: uint8 `(height, width, 4)`, 255 inside a part; None if a file is missing.

    Raises:
        InputError: a mask cannot be read or has another aspect ratio than the image.
    """
    masks = []
    for part in PARTS:
        path = Path(folder) / f"{part}.png"
        if not path.is_file():
            return None
        mask = _open(path)
        if abs(mask.width - image_size[1] * mask.height / image_size[0]) > 1:
            raise InputError(
                f"{path}: is {mask.height}x{mask.width}, but its image is {image_size[0]}x{image_size[1]}; "
                "resize the mask to the size of the image, or remove it"
            )
        mask = mask.convert("L").resize(size[::-1], Image.Resampling.BILINEAR)
        masks.append(np.asarray(mask))
    return np.stack(masks, axis=-1)


def load_with_masks(path: Path, folder: Path | None, size: Size) -> tuple[np.ndarray, bool]:
    """Reads an image and the part masks in `folder`: uint8 `(height, width, 7)`, RGB and the masks,
    which are zero if missing; and whether the image has masks.

    Raises:
        InputError: a file cannot be read, or a mask does not fit the image.
    """
    picture, masks = _open(path), None
    if folder is not None:
        masks = load_masks(folder, size, (picture.height, picture.width))
    parts = np.zeros((*size, len(PARTS)), "uint8") if masks is None else masks
    return np.concatenate([to_pixels(picture, size), parts], axis=-1), masks is not None


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
