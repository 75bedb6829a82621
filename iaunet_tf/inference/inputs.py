"""Conversion of images in various forms to pixel arrays."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.decoding import load_image, resize, to_pixels
from iaunet_tf.errors import InputError

Picture = str | Path | bytes | Image.Image | np.ndarray


def picture_pixels(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """Loads an image and resizes it to `(height, width)` as in evaluation.

    Takes a file, its content as bytes, a PIL image, or an RGB array `(H, W, 3)` of uint8 or of
    floats in 0..255. Returns `(height, width, 3)` of uint8, or of float32 for an array of floats.
    """
    if isinstance(picture, str | Path):
        return load_image(picture, size)
    if isinstance(picture, bytes):
        return load_image(io.BytesIO(picture), size)
    if isinstance(picture, Image.Image):
        return to_pixels(picture, size)
    if not hasattr(picture, "__array__"):
        raise InputError(f"an image must be a file, bytes, a PIL image or an array; received {type(picture).__name__}")
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[-1] != 3:
        hint = "; clips need a video network" if array.ndim == 4 else ""
        raise InputError(f"an image array must have shape (height, width, 3); received {array.shape}{hint}")
    if array.dtype == np.uint8:
        return to_pixels(Image.fromarray(array), size)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"an image array must be uint8 or floating point in 0..255; received {array.dtype}")
    array = array.astype("float32")
    if array.size and (array.min() < -1 or array.max() <= 1):
        warnings.warn(
            f"pixels between {array.min():.2f} and {array.max():.2f} look normalised; pass RGB pixels in 0..255",
            stacklevel=3,
        )
    if array.shape[:2] == tuple(size):
        return array
    box = (0, 0, array.shape[1], array.shape[0])
    channels = (Image.fromarray(array[..., channel]) for channel in range(3))
    return np.stack([resize(channel, size, box) for channel in channels], axis=-1)


def as_list(pictures: object, video: bool) -> list:
    """Converts the argument of `Embedder` to a list of images, or of clips as lists of frames."""
    single = isinstance(pictures, str | Path | bytes | Image.Image)
    if single or (isinstance(pictures, np.ndarray) and pictures.ndim == 3):
        pictures = [pictures]
    pictures = list(pictures)
    if not pictures:
        raise InputError("the list is empty; pass at least one image or clip")
    if not video:
        if any(isinstance(picture, list | tuple) for picture in pictures):
            raise InputError("this is an image network; clips, which are lists of frames, need a video network")
        return pictures
    if any(isinstance(clip, str | Path | bytes | Image.Image) or np.ndim(clip) == 3 for clip in pictures[:1]):
        pictures = [pictures]  # the frames of one clip
    clips = [list(clip) for clip in pictures]
    if not all(clips):
        raise InputError("a clip has no frames; pass at least one frame per clip")
    return clips
