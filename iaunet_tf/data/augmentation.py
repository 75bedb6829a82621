"""How an epoch changes its images: pure functions of seed and epoch, one entry for each place of the epoch."""

import numpy as np

from iaunet_tf.data.decoding import Box

# Independent streams of random numbers for one (seed, epoch); 0 and 3 are those of sampling.
AUGMENTATION, CROPS = 1, 2

TRIES = 10  # of random erasing and random cropping, to find a box that fits


def epoch_augmentation(
    count: int,
    size: tuple[int, int],
    seed: int,
    epoch: int,
    flip: float = 0.5,
    erase: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Flips and erased boxes of an epoch.

    Random erasing (Zhong et al., AAAI 2020): a box of 0.02 to 0.4 of the area with an aspect of 0.3 to 3.33, the
    first of ten draws that fits.

    Args:
        count: places of the epoch.
        size: `(height, width)` of the images.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        flip: probability of a horizontal flip.
        erase: probability of erasing.

    Returns:
        `(count,)` bool, whether to flip; `(count, 4)` int, `top, left, bottom, right` of the box to erase in the
        flipped image, all 0 where nothing is erased.
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
    """Random numbers of an epoch's crops, for `random_box`.

    Args:
        count: places of the epoch.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        smallest: least share of the area that a crop keeps, in 0..1; 1 keeps the largest central box.

    Returns:
        `(count, TRIES, 4)`: share of the area, aspect in 3/4..4/3, and place from top and from left in 0..1.
    """
    rng = np.random.default_rng((seed, epoch, CROPS))
    # A box larger than the image never fits, so that the central one is taken.
    area = rng.uniform(smallest, 1, (count, TRIES)) if smallest < 1 else np.full((count, TRIES), np.inf)
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), (count, TRIES)))
    place = rng.random((count, TRIES, 2))
    return np.concatenate([np.stack([area, aspect], axis=-1), place], axis=-1)


def random_box(image_size: tuple[int, int], size: tuple[int, int], draws: np.ndarray) -> Box:
    """Random resized cropping (Szegedy et al., CVPR 2015): the first draw that fits, else the largest central box.

    Args:
        image_size: `(height, width)` of the picture.
        size: `(height, width)` of the result, whose aspect the drawn one is relative to.
        draws: `(TRIES, 4)` of `epoch_crops`.
    """
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
