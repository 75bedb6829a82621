"""Batches of images by `tf.data`."""

import numpy as np
import tensorflow as tf

from iaunet_tf.data.loading import LoadedSplit
from iaunet_tf.data.sampling import WHOLE, Share, epoch_augmentation, epoch_order
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD

# What erasing fills in: the recipe's (0.4914, 0.4822, 0.4465) in normalised units, as a pixel value. Images leave
# the pipeline as pixels in 0..255; the network normalises them.
ERASED = 255 * (np.array([0.4914, 0.4822, 0.4465]) * IMAGENET_STD + IMAGENET_MEAN).astype("float32")


def train_batches(
    loaded: LoadedSplit,
    batch_size: int,
    group_size: int,
    seed: int,
    epoch: int,
    flip: float = 0.5,
    erase: float = 0.5,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """The batches of one epoch, the same whenever seed and epoch are the same; of each the part of `share`.

    Returns:
        Data set of dictionaries: `"images"` float32 `(B, H, W, 3)` in 0..255, `"labels"` int32 `(B,)`, and in a
        split with masks `"masks"` float32 `(B, H, W, 4)` in 0..1 and `"has_masks"` float32 `(B,)` of 0 and 1.
    """
    labels = loaded.split.labels
    order = epoch_order(labels, batch_size, group_size, seed, epoch)
    flips, boxes = epoch_augmentation(len(order), loaded.size, seed, epoch, flip, erase)
    places = {
        "row": order,
        "flip": flips,
        "box": boxes,
        "labels": labels[order].astype("int32"),
        "has_masks": loaded.has_masks[order].astype("float32"),
    }
    dataset = shared_batches(places, batch_size, share)
    dataset = dataset.map(_reader(loaded), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)


def shared_batches(places: dict[str, np.ndarray], batch_size: int, share: Share) -> tf.data.Dataset:
    """What is planned for the places of an epoch, of every batch the part of `share`, a replica's at a time."""
    count = len(next(iter(places.values())))
    mine = share.places(count, batch_size)
    dataset = tf.data.Dataset.from_tensor_slices({name: values[mine] for name, values in places.items()})
    return dataset.batch(share.batch_size(batch_size))


def eval_batches(loaded: LoadedSplit, rows: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """The images at `rows`: float32 `(B, H, W, 3)` in 0..255, the last batch shorter."""
    dataset = tf.data.Dataset.from_tensor_slices({"row": rows}).batch(batch_size)
    dataset = dataset.map(_reader(loaded), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.map(lambda batch: tf.cast(batch["pixels"][..., :3], "float32"))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _reader(loaded):
    channels = 7 if loaded.has_masks.any() else 3

    def read(batch):
        batch = dict(batch)
        pixels = tf.numpy_function(loaded.read, [batch.pop("row")], tf.uint8, stateful=False)
        batch["pixels"] = tf.ensure_shape(pixels, (None, *loaded.size, channels))
        return batch

    return read


def augment(batch: dict) -> dict:
    """Flips and erases as planned: `"pixels"`, `"flip"`, `"box"` become `"images"` and, if there are any, `"masks"`.

    Pixels are `(B, [T,] H, W, 3 or 7)`; all frames of a clip are treated alike.
    """
    batch = dict(batch)
    pixels, flip, box = batch.pop("pixels"), batch.pop("flip"), batch.pop("box")
    # One value for each image or clip, to go with (B, [T,] H, W).
    ones = [1] * (len(pixels.shape) - 2)
    pixels = tf.where(tf.reshape(flip, (-1, *ones, 1)), tf.reverse(pixels, axis=[-2]), pixels)
    images = tf.cast(pixels[..., :3], "float32")
    y = tf.range(images.shape[-3], dtype=box.dtype)[:, None]
    x = tf.range(images.shape[-2], dtype=box.dtype)
    top, left, bottom, right = (tf.reshape(side, (-1, *ones)) for side in tf.unstack(box, axis=1))
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    batch["images"] = tf.where(inside[..., None], ERASED, images)
    if pixels.shape[-1] > 3:
        batch["masks"] = tf.cast(pixels[..., 3:], "float32") / 255
    else:
        batch.pop("has_masks", None)
    return batch
