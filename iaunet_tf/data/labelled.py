"""Pixels of labelled images, cropped while they are read."""

import contextlib
from collections.abc import Callable

import numpy as np

from iaunet_tf.data.augmentation import central_box, random_box
from iaunet_tf.data.dataset import LabelledImages
from iaunet_tf.data.decoding import load_image
from iaunet_tf.data.sources import report_unreadable
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import in_threads


class LabelledSource:
    """Labelled images, cropped while they are read. Central crops keep the share `crop` of the
    largest box's sides."""

    mask_sizes = ()

    def __init__(self, subset: LabelledImages, size: tuple[int, int], crop: float = 0.875):
        self.subset, self.size, self.crop = subset, size, crop

    def read(self, rows: np.ndarray, draws: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Reads the images at `rows` `(n,)`, cropped at random if there are `draws` `(n, TRIES, 4)` of `epoch_crops`:
        uint8 `(n, height, width, 3)`; there are no part masks, float32 `(n, 0)` and bool `(n,)`, False."""

        def box(place):
            if draws is None:
                return lambda shape: central_box(shape, self.size, self.crop)
            return lambda shape: random_box(shape, self.size, draws[place])

        pixels = [load_image(self.subset.paths[row], self.size, box(place)) for place, row in enumerate(rows)]
        return np.stack(pixels), np.zeros((len(rows), 0), "float32"), np.zeros(len(rows), bool)


def check_images(
    images: LabelledImages, on_corrupt: str = "error", say: Callable[[str], None] = print
) -> LabelledImages:
    """Decodes every image once, before long work; returns the readable ones.

    Raises:
        InputError: some are unreadable and `on_corrupt` is not `"skip"`, or all are.
    """
    readable = np.zeros(len(images), bool)

    def work(number):
        with contextlib.suppress(InputError):
            load_image(images.paths[number])
            readable[number] = True

    in_threads(work, len(images), f"reading {images.name}")
    if not readable.all():
        report_unreadable(images.paths, readable, lambda number: load_image(images.paths[number]), on_corrupt, say)
    return images.take(np.flatnonzero(readable))
