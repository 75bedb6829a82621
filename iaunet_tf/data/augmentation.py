"""How an epoch changes its images: pure functions of seed and epoch, one entry for each place of the epoch."""

import numpy as np

from iaunet_tf.data.decoding import Box
from iaunet_tf.data.sampling import AUGMENTATION, CROPS

TRIES = 10  # of random erasing and random cropping, to find a box that fits


def epoch_augmentation(
    count: int, size: tuple[int, int], seed: int, epoch: int, flip: float = 0.5, erase: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Whether to flip, bool `(count,)`, and the box to erase afterwards, int `(count, 4)`: top, left,
    bottom, right, all 0 where nothing is erased. `flip` and `erase` are probabilities.

    Random erasing (Zhong et al., AAAI 2020): a box of 0.02 to 0.4 of the area with an aspect of 0.3
    to 3.33, the first of ten draws that fits.
    """
    height, width = size
    rng = np.random.default_rng((seed, epoch, AUGMENTATION))
    flips = rng.random(count) < flip
    area = rng.uniform(0.02, 0.4, (count, TRIES)) * height * width
    aspect = rng.uniform(0.3, 1 / 0.3, (count, TRIES))
    tall = np.rint(np.sqrt(area * aspect)).astype(int)
    wide = np.rint(np.sqrt(area / aspect)).astype(int)
    fits = (tall < height) & (wide < width)
    chosen = (np.arange(count), fits.argmax(axis=1))
    tall, wide = tall[chosen], wide[chosen]
    top = (rng.random(count) * (height - tall + 1)).astype(int)
    left = (rng.random(count) * (width - wide + 1)).astype(int)
    boxes = np.stack([top, left, top + tall, left + wide], axis=1)
    boxes[~(fits[chosen] & (rng.random(count) < erase))] = 0
    return flips, boxes


def epoch_crops(count: int, seed: int, epoch: int, smallest: float) -> np.ndarray:
    """Random numbers for `random_box`, `(count, TRIES, 4)`: share of the area in `smallest`..1,
    aspect in 3/4..4/3, and place from top and from left in 0..1. A `smallest` of 1 stands for the
    largest central box."""
    rng = np.random.default_rng((seed, epoch, CROPS))
    # A box of infinite area never fits, so that the central one is taken.
    area = rng.uniform(smallest, 1, (count, TRIES)) if smallest < 1 else np.full((count, TRIES), np.inf)
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), (count, TRIES)))
    return np.dstack([area, aspect, rng.random((count, TRIES, 2))])


def random_box(image_size: tuple[int, int], size: tuple[int, int], draws: np.ndarray) -> Box:
    """Random resized cropping (Szegedy et al., CVPR 2015): the first of the draws `(TRIES, 4)` of
    `epoch_crops` that fits, else the largest central box. Drawn aspects are relative to that of
    `size`, the `(height, width)` of the result."""
    height, width = image_size
    for area, aspect, y, x in draws:
        aspect *= size[1] / size[0]
        wide, tall = np.sqrt(area * height * width * aspect), np.sqrt(area * height * width / aspect)
        if wide <= width and tall <= height:
            left, top = x * (width - wide), y * (height - tall)
            return left, top, min(width, left + wide), min(height, top + tall)
    return central_box(image_size, size, 1)


def central_box(image_size: tuple[int, int], size: tuple[int, int], share: float) -> Box:
    """The box in the middle with the aspect of `size`: `share` of the largest one's sides."""
    height, width = image_size
    scale = share * min(height / size[0], width / size[1])
    tall, wide = scale * size[0], scale * size[1]
    return (width - wide) / 2, (height - tall) / 2, (width + wide) / 2, (height + tall) / 2
