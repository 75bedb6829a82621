"""Conversion of images in various forms to pixel arrays."""

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from iaunet_tf.data.decoding import check_size, load_image, resize, to_pixels
from iaunet_tf.errors import InputError
from iaunet_tf.preprocessing import normalise

Picture = str | Path | bytes | Image.Image | np.ndarray
KINDS = "an image must be a file, bytes, a PIL image or an RGB array"


def picture_pixels(picture: Picture, size: tuple[int, int], interpolation: str = "bicubic") -> np.ndarray:
    """Loads an image and resizes it to `(height, width)` as in evaluation.

    Takes a file, its content as bytes, a PIL image, or an RGB array `(H, W, 3)` of uint8 or of
    floats in 0..255. Files and PIL images are turned upright by their EXIF orientation. Returns
    `(height, width, 3)` of uint8, or of float32 for an array of floats.
    """
    if isinstance(picture, str | Path | Image.Image):
        return load_image(picture, size, interpolation=interpolation)
    if isinstance(picture, bytes):
        return load_image(io.BytesIO(picture), size, interpolation=interpolation)
    array = np.asarray(picture)
    if array.dtype == np.uint8:
        return to_pixels(Image.fromarray(array), size, interpolation=interpolation)
    array = array.astype("float32")
    if not np.isfinite(array).all():
        raise InputError("an image array must be finite; this one has NaN or infinite pixels")
    low, high = array.min(), array.max()
    # Bicubic resizing exceeds 0..255 a little; what stays near zero is not black but scaled.
    if low < -128 or high > 383 or (array.any() and high <= (8 if low < 0 else 2)):
        raise InputError(f"an image array has RGB in 0..255, not normalised; this one is from {low:.4g} to {high:.4g}")
    if array.shape[:2] == tuple(size):
        return array
    box = (0, 0, array.shape[1], array.shape[0])
    channels = (Image.fromarray(array[..., channel]) for channel in range(3))
    return np.stack([np.asarray(resize(channel, size, box, interpolation)) for channel in channels], axis=-1)


def clip_pixels(clip: list[Picture], size: tuple[int, int], interpolation: str = "bicubic") -> np.ndarray:
    """The images of a clip, by `picture_pixels`: `(T, height, width, 3)`."""
    return np.stack(in_places("frame", clip, lambda frame: picture_pixels(frame, size, interpolation)))


def as_input(pixels: np.ndarray, metadata: Any) -> np.ndarray:
    """Turns RGB pixels in 0..255, `(batch, [frames,] height, width, 3)`, into the input of a network."""
    pixels = normalise(pixels, metadata.scale)
    if metadata.colour == "bgr":
        pixels = pixels[..., ::-1]
    if metadata.channels_first:
        pixels = pixels.transpose(0, 3, 1, 2)
    if metadata.dtype == "uint8" and pixels.dtype != np.uint8:
        pixels = np.clip(pixels.round(), 0, 255)
    return np.ascontiguousarray(pixels, metadata.dtype)


def in_pieces(embed: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, batch: int | None) -> np.ndarray:
    """What `embed` makes of pixels `(N, ...)`, in pieces of the `batch` that a network demands, of which the last is
    filled up; None is any batch."""
    step = batch or len(pixels)
    rows = []
    for start in range(0, len(pixels), step):
        piece = pixels[start : start + step]
        filled = np.concatenate([piece, piece[-1:].repeat(step - len(piece), axis=0)])
        rows.append(embed(filled)[: len(piece)])
    return np.concatenate(rows)


def as_list(pictures: Any, video: bool) -> list:
    """Converts the argument of `Embedder` to a list of images, or of clips as lists of frames.

    What needs no decoding is checked for all of them: kinds, shapes and types.
    """
    if _is_single(pictures):
        pictures = [pictures]
    try:
        pictures = list(pictures)
    except TypeError:
        raise InputError(f"{KINDS}, or a list of them; received {type(pictures).__name__}") from None
    if video and pictures and _is_single(pictures[0]):
        pictures = [pictures]  # the frames of one clip
    return in_places("clip", pictures, _clip) if video else in_places("image", pictures, _image)


def in_places(what: str, items: Sequence, work: Callable, places: Iterable[int] | None = None) -> list:
    """What `work` makes of the items, or of those at some `places`; names the place of one that it refuses."""
    results = []
    for place in range(len(items)) if places is None else places:
        try:
            results.append(work(items[place]))
        except InputError as error:
            where = f"{what} {place + 1} of {len(items)}: " if len(items) > 1 else ""
            raise InputError(f"{where}{error}") from None
    return results


def _is_single(picture):
    return isinstance(picture, str | Path | bytes | Image.Image) or getattr(picture, "ndim", None) == 3


def _clip(frames):
    if _is_single(frames) or not hasattr(frames, "__iter__"):
        raise InputError(f"a clip is a list of frames; received {type(frames).__name__}")
    frames = list(frames)
    if not frames:
        raise InputError("a clip has no frames; pass at least one frame per clip")
    return in_places("frame", frames, _frame)


def _image(picture):
    if isinstance(picture, list | tuple) or getattr(picture, "ndim", None) == 4:
        raise InputError("this is an image network; clips, which are lists of frames, need a video network")
    return _frame(picture)


def _frame(picture):
    if isinstance(picture, str | Path | bytes | Image.Image):
        return picture
    if not hasattr(picture, "__array__"):
        raise InputError(f"{KINDS}; received {type(picture).__name__}")
    try:
        array = np.asarray(picture)
    except Exception as error:  # tensors on other devices, or that need gradients
        raise InputError(f"{type(picture).__name__} cannot become an array: {error}") from None
    if np.ma.isMaskedArray(picture):
        raise InputError("an image array is masked; fill what is masked, then pass its data")
    if array.ndim != 3 or array.shape[-1] != 3:
        raise InputError(f"an image array must have shape (height, width, 3); received {array.shape}")
    check_size(*array.shape[:2])
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"an image array must be uint8 or floating point in 0..255; received {array.dtype}")
    return array
