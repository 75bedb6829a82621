"""Batches of labelled images by `tf.data`: random crops to train on, central ones to judge by."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from iaunet_tf.data.folders import LabelledImages
from iaunet_tf.data.images import load_image
from iaunet_tf.data.loading import in_threads, report_unreadable
from iaunet_tf.data.pipeline import augment, shared_batches
from iaunet_tf.data.sampling import (
    WHOLE,
    Share,
    central_box,
    epoch_augmentation,
    epoch_crops,
    random_box,
    shuffled_order,
)
from iaunet_tf.errors import InputError


def check_images(images: LabelledImages, on_corrupt: str = "error", say: Callable[[str], None] = print):
    """Decodes every image once, before long work.

    Returns:
        The readable ones.

    Raises:
        InputError: some are not and `on_corrupt` is not `"skip"`, or none is.
    """
    readable = np.zeros(len(images), bool)

    def work(index):
        try:
            load_image(images.paths[index])
            readable[index] = True
        except InputError:
            pass

    in_threads(work, len(images), images.name)
    if not readable.all():
        unreadable = np.flatnonzero(~readable)
        report_unreadable(images.paths, unreadable, lambda i: load_image(images.paths[i]), on_corrupt, say)
    return images.take(np.flatnonzero(readable))


def train_batches(
    images: LabelledImages,
    size: tuple[int, int],
    batch_size: int,
    seed: int,
    epoch: int,
    crop: float = 0.08,
    flip: float = 0.5,
    erase: float = 0.0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """The batches of one epoch, the same whenever seed and epoch are the same.

    Args:
        images: what to read.
        size: `(height, width)` of the network's input.
        batch_size: images of a batch; the last short one is dropped.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
        crop: least share of the area that random cropping keeps; 1 takes the largest central box.
        flip: probability of a horizontal flip.
        erase: probability of random erasing.
        share: which part of every batch.

    Returns:
        Data set of dictionaries: `"images"` float32 `(B, H, W, 3)` in 0..255 and `"labels"` int32 `(B,)`.
    """
    order = shuffled_order(len(images), batch_size, seed, epoch)
    flips, boxes = epoch_augmentation(len(order), size, seed, epoch, flip, erase)
    draws = epoch_crops(len(order), seed, epoch, crop)

    def read(places):
        return np.stack([_random_crop(images.paths[order[place]], size, draws[place], crop) for place in places])

    places = {
        "pixels": np.arange(len(order)),
        "flip": flips,
        "box": boxes,
        "labels": images.labels[order].astype("int32"),
    }
    dataset = shared_batches(places, batch_size, share)
    dataset = dataset.map(_reader(read, size), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def eval_batches(
    images: LabelledImages, rows: np.ndarray, size: tuple[int, int], batch_size: int, crop: float = 0.875
) -> tf.data.Dataset:
    """The images at `rows`: float32 `(B, H, W, 3)`; of each the central box with `crop` of the largest one's sides."""

    def read(places):
        boxes = [load_image(images.paths[i], size, lambda shape: central_box(shape, size, crop)) for i in places]
        return np.stack(boxes)

    dataset = tf.data.Dataset.from_tensor_slices({"pixels": rows}).batch(batch_size)
    dataset = dataset.map(_reader(read, size), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.map(lambda batch: tf.cast(batch["pixels"], "float32")).prefetch(tf.data.AUTOTUNE)


def _random_crop(path, size, draws, smallest):
    if smallest >= 1:
        return load_image(path, size, lambda shape: central_box(shape, size, 1))
    return load_image(path, size, lambda shape: random_box(shape, size, draws))


def _reader(read, size):
    def mapped(batch):
        pixels = tf.numpy_function(read, [batch["pixels"]], tf.uint8, stateful=False)
        return {**batch, "pixels": tf.ensure_shape(pixels, (None, *size, 3))}

    return mapped
