"""How an epoch changes its images: pure functions of seed and epoch, one entry for each place of the epoch."""

from dataclasses import dataclass, fields

import numpy as np

from iaunet_tf.data.decoding import Box
from iaunet_tf.data.sampling import AUGMENTATION, COLOURS, CROPS, PATCHES, POLICY, SHIFTS

TRIES = 10  # of random erasing and random cropping, to find a box that fits
# Colour jitter: how far factors of brightness, contrast and saturation are from 1, and the hue, in turns, from 0
# (fast-reid's values).
JITTER = (0.15, 0.15, 0.1, 0.1)


@dataclass(frozen=True)
class Augmentation:
    """What is done to training images: probabilities, and pixels.

    Attributes:
        flip: of flipping horizontally.
        erase: of random erasing.
        pad: width of a black border, from which a random crop of the image's own size is taken.
        jitter: of colour jitter.
        grey: of shades of grey.
        patch: of a random patch.
        randaugment: of RandAugment.
    """

    flip: float = 0.5
    erase: float = 0.5
    pad: int = 0
    jitter: float = 0.0
    grey: float = 0.0
    patch: float = 0.0
    randaugment: float = 0.0

    def plan(self, count: int, size: tuple[int, int], seed: int, epoch: int) -> dict[str, np.ndarray]:
        """What happens at each of the `count` places of an epoch, by name; what is switched off is left out.

        `"flip"` bool `(count,)`; `"box"` int `(count, 4)`, to erase; `"shift"` int `(count, 2)`, down and right;
        `"colour"` float32 `(count, 5)`, see `epoch_colours`; `"patch"` int `(count, 7)` and `"partner"` int `(count,)`,
        see `epoch_patches`; `"policy"` int `(count, 2)`, whether RandAugment is applied, and its seed.
        """
        flips, boxes = epoch_augmentation(count, size, seed, epoch, self.flip, self.erase)
        plan = {"flip": flips, "box": boxes}
        if self.pad:
            rng = np.random.default_rng((seed, epoch, SHIFTS))
            plan["shift"] = rng.integers(-self.pad, self.pad, (count, 2), endpoint=True)
        if self.jitter or self.grey:
            plan["colour"] = epoch_colours(count, seed, epoch, self.jitter, self.grey)
        if self.patch:
            plan["patch"], plan["partner"] = epoch_patches(count, size, seed, epoch, self.patch)
        if self.randaugment:
            rng = np.random.default_rng((seed, epoch, POLICY))
            applied = rng.random(count) < self.randaugment
            plan["policy"] = np.stack([applied, rng.integers(2**31, size=count)], axis=1)
        return plan


def augmentation_of(data) -> Augmentation:
    """The augmentation of a configuration's `data` section."""
    return Augmentation(**{entry.name: getattr(data, entry.name) for entry in fields(Augmentation)})


def epoch_augmentation(
    count: int, size: tuple[int, int], seed: int, epoch: int, flip: float = 0.5, erase: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Whether to flip, bool `(count,)`, and the box to erase afterwards, int `(count, 4)`: top, left,
    bottom, right, all 0 where nothing is erased. `flip` and `erase` are probabilities.

    Random erasing (Zhong et al., AAAI 2020): a box of 0.02 to 0.4 of the area with an aspect of 0.3
    to 3.33, the first of ten draws that fits.
    """
    rng = np.random.default_rng((seed, epoch, AUGMENTATION))
    flips = rng.random(count) < flip
    boxes, fits = _boxes(rng, count, size, (0.02, 0.4), 0.3)
    boxes[~(fits & (rng.random(count) < erase))] = 0
    return flips, boxes


def _boxes(rng, count, size, areas, aspect):
    """Boxes of a share of the area and an aspect of at least `aspect`, the first of ten draws; and whether they fit."""
    height, width = size
    area = rng.uniform(*areas, (count, TRIES)) * height * width
    aspect = rng.uniform(aspect, 1 / aspect, (count, TRIES))
    tall = np.rint(np.sqrt(area * aspect)).astype(int)
    wide = np.rint(np.sqrt(area / aspect)).astype(int)
    fits = (tall < height) & (wide < width)
    chosen = (np.arange(count), fits.argmax(axis=1))
    tall, wide = tall[chosen], wide[chosen]
    top = (rng.random(count) * (height - tall + 1)).astype(int)
    left = (rng.random(count) * (width - wide + 1)).astype(int)
    return np.stack([top, left, top + tall, left + wide], axis=1), fits[chosen]


def epoch_colours(count: int, seed: int, epoch: int, jitter: float, grey: float) -> np.ndarray:
    """Factors of brightness, contrast and saturation, the turn of the hue, and 1 for shades of grey: float32
    `(count, 5)`, (1, 1, 1, 0, 0) where nothing changes. `jitter` and `grey` are probabilities."""
    rng = np.random.default_rng((seed, epoch, COLOURS))
    changes = rng.uniform(-1, 1, (count, 4)) * JITTER * (rng.random(count) < jitter)[:, None]
    return np.column_stack([changes + (1, 1, 1, 0), rng.random(count) < grey]).astype("float32")


def epoch_patches(
    count: int, size: tuple[int, int], seed: int, epoch: int, probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """Random patches (Zhou et al., ICCV 2019): a box of 0.01 to 0.5 of the area that is taken out of another image,
    perhaps flipped, and put somewhere. Int `(count, 7)`: top, left, bottom and right there, top and left here, whether
    flipped, all 0 without a patch; and the place of that other image in the epoch, `(count,)`."""
    rng = np.random.default_rng((seed, epoch, PATCHES))
    boxes, fits = _boxes(rng, count, size, (0.01, 0.5), 0.1)
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    top = (rng.random(count) * (size[0] - tall + 1)).astype(int)
    left = (rng.random(count) * (size[1] - wide + 1)).astype(int)
    patches = np.column_stack([boxes, top, left, rng.random(count) < 0.5])
    patches[~(fits & (rng.random(count) < probability))] = 0
    return patches, rng.integers(count, size=count)


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
