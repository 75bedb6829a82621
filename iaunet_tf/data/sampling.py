"""Which images an epoch shows, and how it changes them: pure functions of seed and epoch.

Every function returns one entry for each place of the epoch, so that entry `i` is what place `i` gets: any
epoch, and any place in it, can be replayed.
"""

from dataclasses import dataclass

import numpy as np

from iaunet_tf.data.images import Box
from iaunet_tf.errors import InputError

# Independent streams of random numbers for one (seed, epoch).
_ORDER, _AUGMENTATION, _CROPS, _CLIPS = 0, 1, 2, 3

TRIES = 10  # of random erasing and random cropping, to find a box that fits


@dataclass(frozen=True)
class Share:
    """Which part of an epoch's batches one worker feeds to its replicas.

    Every batch is cut into equal parts, one for each worker, and these into equal parts for its replicas, in order, so
    that no image is seen twice and groups of a person stay together.

    Attributes:
        skip: batches of the epoch that are done already.
        worker: number of the worker.
        workers: how many there are.
        replicas: of each worker.
    """

    skip: int = 0
    worker: int = 0
    workers: int = 1
    replicas: int = 1

    def places(self, count: int, batch_size: int) -> np.ndarray:
        """Places of this share among the `count` of an epoch, in the order of its batches."""
        places = np.arange(count).reshape(-1, self.workers, batch_size // self.workers)
        return places[self.skip :, self.worker].reshape(-1)

    def batch_size(self, batch_size: int) -> int:
        """Images of a replica in a batch of `batch_size`."""
        return batch_size // (self.workers * self.replicas)


WHOLE = Share()


def groups_per_epoch(labels: np.ndarray, group_size: int) -> int:
    """How many groups of `group_size` images of one person an epoch has."""
    counts = np.bincount(labels)
    return int(np.maximum(counts[counts > 0] // group_size, 1).sum())


def check_batches(labels: np.ndarray, batch_size: int, group_size: int) -> int:
    """Number of batches of an epoch.

    Raises:
        InputError: batches do not consist of whole groups, or an epoch is shorter than a batch.
    """
    if batch_size % group_size:
        raise InputError(f"train.batch_size {batch_size} is not a multiple of train.group_size {group_size}")
    groups = groups_per_epoch(labels, group_size)
    if groups * group_size < batch_size:
        raise InputError(
            f"the {len(np.unique(labels))} people make {groups} groups of {group_size} images, a batch of "
            f"{batch_size} needs {batch_size // group_size}; lower --train.batch_size"
        )
    return groups * group_size // batch_size


def epoch_order(labels: np.ndarray, batch_size: int, group_size: int, seed: int, epoch: int) -> np.ndarray:
    """The recipe's sampler: rows of the images in the order of an epoch.

    Each person's shuffled images are cut into groups of `group_size`; a person with fewer gives one group
    drawn with replacement, a remainder is dropped. Groups are shuffled; the last short batch is dropped.

    Args:
        labels: `(N,)` class of each image.
        batch_size: images of a batch, a multiple of `group_size`.
        group_size: images of one person in a row.
        seed: seed of the run.
        epoch: number of the epoch, from 0.

    Returns:
        int `(steps · batch_size,)`.
    """
    steps = check_batches(labels, batch_size, group_size)
    rng = np.random.default_rng((seed, epoch, _ORDER))
    groups = []
    for person in np.unique(labels):
        rows = np.flatnonzero(labels == person)
        if len(rows) < group_size:
            groups.append(rng.choice(rows, group_size))
            continue
        rows = rng.permutation(rows)
        whole = len(rows) // group_size * group_size
        groups.extend(rows[:whole].reshape(-1, group_size))
    order = np.stack(groups)[rng.permutation(len(groups))].reshape(-1)
    return order[: steps * batch_size]


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
    rng = np.random.default_rng((seed, epoch, _AUGMENTATION))
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


def shuffled_order(count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """The images of an epoch without groups: every one once, the last short batch dropped."""
    order = np.random.default_rng((seed, epoch, _ORDER)).permutation(count)
    return order[: count // batch_size * batch_size]


def epoch_crops(count: int, seed: int, epoch: int, smallest: float) -> np.ndarray:
    """Random numbers of an epoch's crops, for `random_box`.

    Args:
        count: places of the epoch.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        smallest: least share of the area that a crop keeps, in 0..1.

    Returns:
        `(count, TRIES, 4)`: share of the area, aspect in 3/4..4/3, and place from top and from left in 0..1.
    """
    rng = np.random.default_rng((seed, epoch, _CROPS))
    area = rng.uniform(smallest, 1, (count, TRIES))
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


def epoch_clips(lengths: np.ndarray, frames: int, stride: int, seed: int, epoch: int) -> np.ndarray:
    """The recipe's clips: every `stride`-th frame from a random start; of a tracklet that is too short for that,
    random frames in order, with replacement if it has fewer than `frames`.

    Args:
        lengths: `(count,)` number of frames of the tracklet at each place of the epoch.
        frames: length of a clip.
        stride: distance of a clip's frames.
        seed: seed of the run.
        epoch: number of the epoch, from 0.

    Returns:
        int `(count, frames)`, frames of the tracklet.
    """
    rng = np.random.default_rng((seed, epoch, _CLIPS))
    clips = np.empty((len(lengths), frames), int)
    for place, length in enumerate(lengths):
        if length >= frames * stride:
            clips[place] = rng.integers(length - (frames - 1) * stride) + stride * np.arange(frames)
        else:
            clips[place] = np.sort(rng.choice(length, frames, replace=length < frames))
    return clips


def all_clips(length: int, frames: int) -> np.ndarray:
    """All frames in order as consecutive clips, the last one filled up by repeating its own: `(clips, frames)`."""
    places = np.arange(-(-length // frames) * frames)
    last = length - length % frames  # where an incomplete clip begins
    places[length:] = last + (places[length:] - last) % max(1, length - last)
    return places.reshape(-1, frames)


def spaced_clips(length: int, frames: int, clips: int) -> np.ndarray:
    """`clips` of `all_clips`, evenly spaced; all if there are no more: `(up to clips, frames)`."""
    every = all_clips(length, frames)
    if len(every) <= clips:
        return every
    return every[((np.arange(clips) + 0.5) * len(every) / clips).astype(int)]
