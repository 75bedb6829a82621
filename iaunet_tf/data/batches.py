"""Batches by `tf.data`, of images, clips and labelled images alike.

What happens at every place of an epoch is planned before it begins; a batch is a slice of the plan with the pixels that
were read for it. The training step changes them, by `augment`, on its device: there they arrive as bytes.
"""

import numpy as np
import tensorflow as tf

from iaunet_tf.data.augmentation import epoch_augmentation, epoch_crops
from iaunet_tf.data.dataset import PARTS
from iaunet_tf.data.labelled import LabelledSource
from iaunet_tf.data.sampling import WHOLE, Share, epoch_clips, epoch_order, shuffled_order
from iaunet_tf.data.sources import Source
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD

AUTOTUNE = tf.data.AUTOTUNE
# What erasing fills in: the recipe's (0.4914, 0.4822, 0.4465) in normalised units, as a pixel value. The network takes
# pixels in 0..255 and normalises them.
ERASED = 255 * (np.array([0.4914, 0.4822, 0.4465]) * IMAGENET_STD + IMAGENET_MEAN).astype("float32")


def train_batches(
    source: Source,
    batch_size: int,
    group_size: int,
    seed: int,
    epoch: int,
    flip: float = 0.5,
    erase: float = 0.5,
    clip: tuple[int, int] = (4, 8),
    share: Share = WHOLE,
    own_people: bool = False,
) -> tf.data.Dataset:
    """Batches of one epoch for re-identification, a pure function of seed and epoch: images, or
    clips of `clip[0]` frames that lie `clip[1]` apart, `group_size` of one person in a row. With `own_people`, each
    worker has its share of a batch from people of its own, and batches depend on the number of workers as well.

    Dictionaries, for `augment`, of `"pixels"` uint8 `(B, [T,] H, W, 3)`, `"flip"` bool `(B,)`, `"box"` `(B, 4)`,
    `"labels"` int32 `(B,)`, and with part masks `"masks_1"` and so on, one for each of the source's `mask_sizes`,
    float32 `(B, [T,] h, w, 4)` in 0..1, and `"has_masks"` float32 `(B,)`, 1 for images, and for clips all of whose
    frames, have masks.
    """
    subset = source.subset
    order = epoch_order(subset.labels, batch_size, group_size, seed, epoch, share.workers if own_people else 1)
    flips, boxes = epoch_augmentation(len(order), source.size, seed, epoch, flip, erase)
    rows = subset.starts[order]
    if subset.video:
        rows = rows[:, None] + epoch_clips(subset.lengths[order], *clip, seed, epoch)
    return _batches(source, {"rows": rows, "flip": flips, "box": boxes}, subset.labels[order], batch_size, share)


def labelled_batches(
    source: LabelledSource,
    batch_size: int,
    seed: int,
    epoch: int,
    crop: float = 0.08,
    flip: float = 0.5,
    erase: float = 0.0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Batches of one epoch for classification, a pure function of seed and epoch: dictionaries as those of
    `train_batches`, without masks; the last short one is dropped. Cropping keeps at least `crop` of the area; 1 takes
    the largest central box."""
    subset = source.subset
    order = shuffled_order(len(subset), batch_size, seed, epoch)
    flips, boxes = epoch_augmentation(len(order), source.size, seed, epoch, flip, erase)
    plan = {"rows": order, "draws": epoch_crops(len(order), seed, epoch, crop), "flip": flips, "box": boxes}
    return _batches(source, plan, subset.labels[order], batch_size, share)


def eval_batches(source: Source | LabelledSource, rows: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """The images or clips at `rows` `(N, [T])`: float32 `(B, [T,] H, W, 3)` in 0..255, the last
    batch shorter."""

    def images(batch):
        return tf.cast(batch["pixels"], "float32")

    return _read(source, {"rows": rows}, batch_size).map(images, AUTOTUNE).prefetch(AUTOTUNE)


def _batches(source, plan, labels, batch_size, share):
    """The batches of a planned epoch; of every batch the part of `share`, a replica's at a time."""
    mine = share.places(len(labels), batch_size)
    plan = {name: values[mine] for name, values in {**plan, "labels": labels.astype("int32")}.items()}
    return _read(source, plan, share.batch_size(batch_size)).prefetch(AUTOTUNE)


def _read(source, plan, batch_size):
    """Slices of the plan with the `"pixels"` and the part masks that they are about."""
    kinds = [("pixels", "uint8", (*source.size, 3))]
    if source.mask_sizes:
        kinds.append(("has_masks", "float32", ()))
        kinds += [(f"masks_{n}", "float32", (*size, len(PARTS))) for n, size in enumerate(source.mask_sizes, 1)]
    places = np.cumsum([len(PARTS) * height * width for height, width in source.mask_sizes])

    def read(rows, *draws):
        pixels, masks, has_masks = source.read(rows, *draws)
        if not source.mask_sizes:
            return pixels
        # A clip has masks if all its frames do.
        all_have = has_masks.reshape(len(rows), -1).all(axis=1).astype("float32")
        parts = zip(np.split(masks, places[:-1], axis=-1), source.mask_sizes, strict=True)
        return pixels, all_have, *(part.reshape(*rows.shape, *size, len(PARTS)) for part, size in parts)

    def with_pixels(batch):
        batch = dict(batch)
        inputs = [batch.pop(name) for name in ("rows", "draws") if name in batch]
        found = tf.numpy_function(read, inputs, [kind for _, kind, _ in kinds], stateful=False)
        for (name, _, shape), values in zip(kinds, found, strict=True):
            leading = inputs[0].shape[: 1 if name == "has_masks" else None]
            batch[name] = tf.ensure_shape(values, (*leading, *shape))
        return batch

    return tf.data.Dataset.from_tensor_slices(plan).batch(batch_size).map(with_pixels, AUTOTUNE)


def augment(batch: dict) -> dict:
    """Flips and erases as planned, all frames of a clip alike: `"pixels"`, `"flip"` and `"box"` of `train_batches`
    become `"images"` float32 `(B, [T,] H, W, 3)` in 0..255, and part masks are flipped with them."""
    batch = dict(batch)
    pixels, flip, box = (batch.pop(name) for name in ("pixels", "flip", "box"))
    # One value for each image or clip, to go with (B, [T,] H, W).
    ones = [1] * (len(pixels.shape) - 2)
    flipped = tf.reshape(flip, (-1, *ones, 1))
    for name in [name for name in batch if name.startswith("masks_")]:
        # Resizing with aligned corners commutes with flipping.
        batch[name] = tf.where(flipped, tf.reverse(batch[name], axis=[-2]), batch[name])
    images = tf.cast(tf.where(flipped, tf.reverse(pixels, axis=[-2]), pixels), "float32")
    y = tf.range(images.shape[-3], dtype=box.dtype)[:, None]
    x = tf.range(images.shape[-2], dtype=box.dtype)
    top, left, bottom, right = (tf.reshape(side, (-1, *ones)) for side in tf.unstack(box, axis=1))
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    batch["images"] = tf.where(inside[..., None], ERASED, images)
    return batch
