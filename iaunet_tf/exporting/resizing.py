"""Pillow's resize in TensorFlow operations, so that a server prepares pixels exactly as in evaluation."""

import tensorflow as tf

BITS = 22  # precision of Pillow's fixed-point weights for 8-bit pixels


def resize(images: tf.Tensor, size: tuple[int, int], interpolation: str = "bicubic") -> tf.Tensor:
    """Resizes `(N, H, W, 3)`, in 0..255, uint8 or float32, to `(height, width)` with antialiasing.

    TensorFlow's resize differs from Pillow's by up to three grey levels. This one uses
    Pillow's integer arithmetic for uint8, so the result is bit-identical.
    """
    # Images that already have the target size are resized, too: skipping them would need a tf.cond, which returns a
    # wrong first result in OpenVINO 2026.4 when sizes are unknown. This costs 5 % of the network's time.
    shape = tf.shape(images)
    rows = _apply(images, "nhwc,ow->nhoc", _weights(shape[2], size[1], interpolation))
    columns = _apply(rows, "nhwc,oh->nowc", _weights(shape[1], size[0], interpolation))
    return tf.ensure_shape(columns, (None, *size, 3))


def _weights(given, wanted, interpolation):
    """Returns the weight of each input pixel in each output pixel, float64 `(wanted, given)`."""
    scale = tf.cast(given, tf.float64) / wanted
    stretch = tf.maximum(scale, 1.0)
    centre = (tf.range(wanted, dtype=tf.float64)[:, None] + 0.5) * scale
    pixel = tf.range(tf.cast(given, tf.float64), dtype=tf.float64)[None]
    kernel, reach = {"bicubic": (_cubic, 2), "bilinear": (_triangle, 1)}[interpolation]
    inside = (pixel >= tf.floor(centre - reach * stretch + 0.5)) & (pixel < tf.floor(centre + reach * stretch + 0.5))
    weights = tf.where(inside, kernel(tf.abs(pixel + 0.5 - centre) / stretch), 0)
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _cubic(distance):
    """Keys' cubic with a = -0.5."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return tf.where(distance < 1, near, tf.where(distance < 2, far, 0))


def _triangle(distance):
    return tf.maximum(1 - distance, 0)


def _apply(images, equation, weights):
    if images.dtype != tf.uint8:
        return tf.einsum(equation, images, tf.cast(weights, images.dtype))
    # Integers below 2^53 are exact in float64, and every device can multiply float64 matrices.
    fixed = weights * 2.0**BITS
    fixed = tf.floor(tf.abs(fixed) + 0.5) * tf.sign(fixed)
    sums = tf.einsum(equation, tf.cast(images, tf.float64), fixed)
    return tf.cast(tf.clip_by_value(tf.floor(sums / 2.0**BITS + 0.5), 0, 255), tf.uint8)
