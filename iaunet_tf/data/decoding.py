"""Reading of images and part masks with Pillow."""

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.packed import PackedMasks, PackedPath
from iaunet_tf.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm"}
# Pillow's other plug-ins read formats that no data set has, some by running other programs.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
# How Pillow turns an image upright, by its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LOADING = threading.Lock()  # Pillow decodes a picture anew, and wrongly, where several threads load it
SMALLEST = 2  # pixels of a side
Given = str | Path | IO[bytes] | Image.Image
Size = tuple[int, int]  # height, width
Box = tuple[float, float, float, float]  # left, top, right, bottom
Crop = Callable[[Size], Box]  # the box to crop from an image of this size

# Pillow warns about irregularities of files that it reads well. Filters for a time are not safe with threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


def load_image(
    file: Given, size: Size | None = None, crop: Crop | None = None, interpolation: str = "bicubic"
) -> np.ndarray:
    """Reads an image file, an open one or a PIL image, turns it upright, and converts it as `to_pixels` does.

    Raises:
        InputError: the file does not exist, is truncated or is not an image, or its pixels have an unknown range.
    """
    with naming(file):
        return to_pixels(upright(read(file)), size, crop, interpolation)


def to_pixels(
    picture: Image.Image, size: Size | None = None, crop: Crop | None = None, interpolation: str = "bicubic"
) -> np.ndarray:
    """Converts an image of 8 bits, also a greyscale, palette, CMYK or transparent one, to RGB, uint8
    `(H, W, 3)`; if `size` is given, cropped to the box of `crop` and resized."""
    picture = picture.convert("RGB")
    if size is not None:
        box = crop((picture.height, picture.width)) if crop else (0, 0, *picture.size)
        picture = resize(picture, size, box, interpolation)
    return np.asarray(picture)


def check_size(height: int, width: int) -> None:
    """Refuses images without content, such as crops of boxes outside their frame."""
    if min(height, width) < SMALLEST:
        raise InputError(
            f"an image needs at least {SMALLEST}x{SMALLEST} pixels; this one has {height}x{width} "
            "(was a crop outside its frame?)"
        )


def resize(picture: Image.Image, size: Size, box: Box, interpolation: str = "bicubic") -> Image.Image:
    """Crops a box from an image and resizes it, first horizontally, then vertically.

    Pillow 13 resizes vertically first if that is faster, which changes the rounding. The order is fixed here so that
    all versions, and exported networks, see the same pixels.
    """
    left, top, right, bottom = box
    kind = Image.Resampling[interpolation.upper()]
    rows = picture.resize((size[1], picture.height), kind, (left, 0, right, picture.height))
    return rows.resize(size[::-1], kind, (0, top, size[1], bottom))


def load_masks(folder: Path | PackedMasks, size: Size, image_size: Size) -> np.ndarray | None:
    """Reads the part masks of an image, `{head,upper_clothes,lower_clothes,shoes}.png`, and resizes
    them bilinearly: uint8 `(height, width, 4)`, 255 inside a part; None if a file is missing.

    `image_size` is that of the upright image, which masks belong to.

    Raises:
        InputError: a mask cannot be read or has another aspect ratio than the image.
    """
    masks = []
    for part in PARTS:
        path = folder / f"{part}.png"
        if not path.is_file():
            return None
        with naming(path):
            mask = upright(read(path))
            if abs(mask.width - image_size[1] * mask.height / image_size[0]) > 1:
                raise InputError(
                    f"is {mask.height}x{mask.width}, but its image is {image_size[0]}x{image_size[1]}; "
                    "resize the mask to the size of the image, or remove it"
                )
            masks.append(np.asarray(mask.convert("L").resize(size[::-1], Image.Resampling.BILINEAR)))
    return np.stack(masks, axis=-1)


def load_with_masks(
    path: Path, folder: Path | PackedMasks | None, size: Size, interpolation: str = "bicubic"
) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads an image, uint8 `(height, width, 3)`, and the part masks in `folder` as `load_masks` does.

    Raises:
        InputError: a file cannot be read, or a mask does not fit the image.
    """
    with naming(path):
        picture = upright(read(path))
        pixels = to_pixels(picture, size, interpolation=interpolation)
    return pixels, None if folder is None else load_masks(folder, size, (picture.height, picture.width))


@contextlib.contextmanager
def naming(file: Given) -> Iterator[None]:
    """Turns whatever reading an image raises into an `InputError` that names a file."""
    name = f"{file}: " if isinstance(file, str | Path) else ""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}{error}") from None
    except UnidentifiedImageError:
        raise InputError(f"{name}not a readable image (none of {', '.join(FORMATS)})") from None
    # Pillow raises nearly everything for damaged files: SyntaxError, struct.error, OverflowError, MemoryError.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}not a readable image ({reason[:200]})") from None


def read(file: Given) -> Image.Image:
    """Decodes an image as it is; to be called in `naming`."""
    if isinstance(file, PackedPath):
        file = io.BytesIO(file.read_bytes())
    if isinstance(file, str | Path) and not os.path.isfile(file):
        raise InputError("is not a file" if os.path.exists(file) else "no such file")
    if isinstance(file, Image.Image):
        picture = file
        with LOADING:
            try:
                picture.load()
            except (AssertionError, AttributeError, ValueError):  # what Pillow raises where its file is closed
                raise InputError("a PIL image whose file is closed; call its load() while it is open") from None
    else:
        picture = Image.open(file, formats=FORMATS)
        picture.load()
    check_size(picture.height, picture.width)
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """Turns an image as its EXIF orientation says, and brings 16 bits to 8."""
    try:
        turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 0))
    except Exception:  # damaged EXIF says nothing, and is no reason to lose an image
        turn = None
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        # Pillow would clip 16-bit values at 255 instead of scaling them.
        grey = np.asarray(picture, "float32") / 257
        picture = Image.fromarray(np.clip(grey.round(), 0, 255).astype("uint8"))
    if picture.mode in ("I", "F"):
        raise InputError(f"the range of pixels of 32 bits (mode {picture.mode}) is not known; convert them to 8 bits")
    return picture if turn is None else picture.transpose(turn)
