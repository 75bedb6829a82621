"""Whatever people have for a picture, as the pixels that a network takes."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.data.decoding import load_image, resize, to_pixels
from iaunet_tf.errors import InputError

Picture = str | Path | bytes | Image.Image | np.ndarray


def picture_pixels(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """One picture, resized as in evaluation.

    Args:
        picture: a file, its content, a PIL image, or an array `(H, W, 3)` of RGB: uint8, or float in 0..255.
        size: `(height, width)`.

    Returns:
        `(height, width, 3)`, uint8, or float32 for an array of floats.

    Raises:
        InputError: it is no picture.
    """
    if isinstance(picture, str | Path):
        return load_image(picture, size)
    if isinstance(picture, bytes):
        return load_image(io.BytesIO(picture), size)
    if isinstance(picture, Image.Image):
        return to_pixels(picture, size)
    if not hasattr(picture, "__array__"):
        raise InputError(f"a picture is a file, bytes, a PIL image or an array; received {type(picture).__name__}")
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[-1] != 3:
        hint = "; a clip goes to a video network" if array.ndim == 4 else ""
        raise InputError(f"an array of a picture is (height, width, 3); received {array.shape}{hint}")
    if array.dtype == np.uint8:
        return to_pixels(Image.fromarray(array), size)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"an array of a picture is uint8 or floating point in 0..255; received {array.dtype}")
    array = array.astype("float32")
    if array.size and (array.min() < -1 or array.max() <= 1):
        warnings.warn(
            f"pixels from {array.min():.2f} to {array.max():.2f} look normalised already; pixels are RGB in 0..255",
            stacklevel=3,
        )
    if array.shape[:2] == tuple(size):
        return array
    box = (0, 0, array.shape[1], array.shape[0])
    channels = [resize(Image.fromarray(array[..., channel]), size, box) for channel in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


def as_list(pictures: object, video: bool) -> list:
    """The pictures, or clips as lists of frames, of whatever a caller gives.

    Raises:
        InputError: there are none, or clips and pictures are confused.
    """
    single = isinstance(pictures, str | Path | bytes | Image.Image)
    if single or (isinstance(pictures, np.ndarray) and pictures.ndim == 3):
        pictures = [pictures]
    pictures = list(pictures)
    if not pictures:
        raise InputError("there is nothing to embed: the list is empty")
    if not video:
        if any(isinstance(picture, list | tuple) for picture in pictures):
            raise InputError("this is an image network; a clip, a list of frames, goes to a video network")
        return pictures
    if any(isinstance(clip, str | Path | bytes | Image.Image) or np.ndim(clip) == 3 for clip in pictures[:1]):
        pictures = [pictures]  # the frames of one clip
    clips = [list(clip) for clip in pictures]
    if not all(clips):
        raise InputError("a clip has no frames")
    return clips
