"""Planned changes of images: by the input's threads where other images or many operations are needed, by the training
step on its device for the rest."""

import functools

import numpy as np
import tensorflow as tf

from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD

# What erasing fills in: the recipe's (0.4914, 0.4822, 0.4465) in normalised units, as a pixel value. The network takes
# pixels in 0..255 and normalises them.
ERASED = 255 * (np.array([0.4914, 0.4822, 0.4465]) * IMAGENET_STD + IMAGENET_MEAN).astype("float32")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
OPERATIONS = 2  # of RandAugment for an image
MOVING = 3  # how many of its layers, the first ones, move what is in the image


def augment(batch: dict) -> dict:
    """Changes images as planned, all frames of a clip alike: `"pixels"` and the rest of the plan, see `train_batches`,
    become `"images"` float32 `(B, [T,] H, W, 3)` in 0..255, and part masks are flipped and moved with them."""
    batch = dict(batch)
    pixels, flip, box = (batch.pop(name) for name in ("pixels", "flip", "box"))
    shift, colour = batch.pop("shift", None), batch.pop("colour", None)
    # One value for each image or clip, to go with (B, [T,] H, W).
    ones = [1] * (len(pixels.shape) - 2)
    flipped = tf.reshape(flip, (-1, *ones, 1))
    height, width = pixels.shape[-3:-1]
    for name in [name for name in batch if name.startswith("masks_")]:
        # Resizing with aligned corners commutes with flipping.
        batch[name] = tf.where(flipped, tf.reverse(batch[name], axis=[-2]), batch[name])
        if shift is not None:
            h, w = batch[name].shape[-3:-1]
            scale = [(h - 1) / max(1, height - 1), (w - 1) / max(1, width - 1)]
            batch[name] = _moved_between(batch[name], tf.cast(shift, "float32") * scale)
    pixels = tf.where(flipped, tf.reverse(pixels, axis=[-2]), pixels)
    if shift is not None:
        pixels = _moved(_moved(pixels, shift[:, 0], -3), shift[:, 1], -2)
    images = tf.cast(pixels, "float32")
    if colour is not None:
        images = _recoloured(images, colour, ones)
    y = tf.range(height, dtype=box.dtype)[:, None]
    x = tf.range(width, dtype=box.dtype)
    top, left, bottom, right = (tf.reshape(side, (-1, *ones)) for side in tf.unstack(box, axis=1))
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    batch["images"] = tf.where(inside[..., None], ERASED, images)
    return batch


def _moved(values, shift, axis):
    """Values `(B, ...)` moved by `shift` `(B,)` along an axis, counted from the end; zeros come in."""
    axis, size = len(values.shape) + axis, values.shape[axis]
    places = tf.range(size, dtype=shift.dtype) - shift[:, None]
    found = tf.gather(values, tf.clip_by_value(places, 0, size - 1), axis=axis, batch_dims=1)
    inside = (places >= 0) & (places < size)
    own = [-1 if place in (0, axis) else 1 for place in range(len(values.shape))]
    shape = [tf.shape(values)[0] if place == 0 else size if place == axis else 1 for place in range(len(own))]
    return tf.where(tf.reshape(inside, shape), found, tf.zeros((), values.dtype))


def _moved_between(masks, shift):
    """Masks `(B, [T,] h, w, K)` moved by `shift` `(B, 2)`, fractions of their positions, linearly interpolated."""
    for place, axis in enumerate((-3, -2)):
        whole = tf.floor(shift[:, place])
        part = tf.reshape(shift[:, place] - whole, (-1, *[1] * (len(masks.shape) - 1)))
        whole = tf.cast(whole, "int32")
        masks = (1 - part) * _moved(masks, whole, axis) + part * _moved(masks, whole + 1, axis)
    return masks


def _recoloured(images, colour, ones):
    """Colour jitter as torchvision defines it, brightness, contrast, saturation and hue in this order; then grey."""
    brightness, contrast, saturation, hue, grey = (tf.reshape(c, (-1, *ones, 1)) for c in tf.unstack(colour, axis=1))

    def luma(x):
        return tf.reduce_sum(x * LUMA, axis=-1, keepdims=True)

    def valid(x):
        return tf.clip_by_value(x, 0, 255)

    x = valid(images * brightness)
    mean = tf.reduce_mean(luma(x), axis=(-3, -2), keepdims=True)
    x = valid(mean + contrast * (x - mean))
    x = valid(luma(x) + saturation * (x - luma(x)))
    turned, *others = tf.unstack(tf.image.rgb_to_hsv(x / 255), axis=-1)
    x = 255 * tf.image.hsv_to_rgb(tf.stack([(turned + hue[..., 0]) % 1, *others], axis=-1))
    changed = tf.reduce_any(colour[:, :4] != (1, 1, 1, 0), axis=1)
    x = tf.where(tf.reshape(changed, (-1, *ones, 1)), x, images)
    return tf.where(grey > 0, luma(x), x)


def paste(pixels: np.ndarray, others: np.ndarray, patches: np.ndarray) -> None:
    """Puts the patch `(n, 7)` of `epoch_patches` of each of the `others` into the `pixels`, `(n, [T,] H, W, 3)`."""
    for image, other, (top, left, bottom, right, to_top, to_left, flip) in zip(pixels, others, patches, strict=True):
        patch = other[..., top:bottom, left:right, :]
        place = image[..., to_top : to_top + bottom - top, to_left : to_left + right - left, :]
        place[...] = patch[..., ::-1, :] if flip else patch


def randaugment(pixels: np.ndarray, seed: int) -> bool:
    """Changes an image or a clip `(..., H, W, 3)` by two of Keras' layers, in place; says whether what is in it moved.

    RandAugment (Cubuk et al., NeurIPS 2020) with two operations, a follower of AutoAugment's list. Keras' own layer of
    that name draws the operations once for a whole batch, and computes all of them.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(_layers()), size=OPERATIONS)
    with tf.device("CPU"):
        x = tf.constant(pixels.reshape(-1, *pixels.shape[-3:]), "float32")
        for number in chosen:
            layer = _layers()[number]
            # Drawn for one image, so that all frames of a clip change alike.
            drawn = layer.get_random_transformation(x[:1], training=True, seed=int(rng.integers(2**31)))
            x = tf.concat([layer.transform_images(frame, drawn, training=True) for frame in tf.split(x, len(x))], 0)
        pixels[...] = np.clip(np.rint(x.numpy()), 0, 255).reshape(pixels.shape)
    return bool((chosen < MOVING).any())


@functools.cache
def _layers():
    """The operations, of half of AutoAugment's greatest strength; those that move the image come first."""
    from keras import layers

    black = {"fill_mode": "constant"}
    return (
        layers.RandomShear(0.15, 0.15, **black),
        layers.RandomTranslation(0.1, 0.1, **black),
        layers.RandomRotation(15 / 360, **black),
        layers.RandomBrightness(0.3, value_range=(0, 255)),
        layers.RandomContrast(0.45, value_range=(0, 255)),
        layers.RandomColorDegeneration(0.45, value_range=(0, 255)),
        layers.RandomSharpness(0.45, value_range=(0, 255)),
        layers.RandomPosterization(5, value_range=(0, 255)),
        layers.Solarization(threshold_factor=(0.5, 1.0), value_range=(0, 255)),
        layers.AutoContrast(value_range=(0, 255)),
        layers.Equalization(value_range=(0, 255)),
    )
