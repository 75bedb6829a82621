"""EXIF orientation in TensorFlow operations, so that a server turns images upright exactly as Pillow does."""

import tensorflow as tf

STEPS = 1000  # segments or chunks of a file that are looked at
TAG = 0x0112
BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4]  # of a value, by its TIFF type; LONG is 4, SHORT 3
# JPEG markers without a segment: TEM, RST0 to RST7, SOI and EOI.
ALONE = [0x01, *range(0xD0, 0xDA)]


def upright(pixels: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Turns `(H, W, 3)` pixels as the EXIF orientation in the file says, whose `content` is a scalar string."""
    orientation = exif_orientation(content)
    pixels = tf.transpose(pixels, tf.where(orientation >= 5, [1, 0, 2], [0, 1, 2]))

    def step(*mirrored):
        return tf.where(tf.reduce_any(orientation == mirrored), -1, 1)

    return pixels[:: step(3, 4, 7, 8), :: step(2, 3, 6, 7)]


def exif_orientation(content: tf.Tensor) -> tf.Tensor:
    """The orientation 1 to 8 that the EXIF of a JPEG or PNG file names, a scalar int32; 1 where there is none or it is
    damaged."""
    data = tf.io.decode_raw(content, tf.uint8)
    start, end = _find_exif(data)
    value = _orientation(tf.cast(data[start:end], tf.int64))
    return tf.cast(tf.where((value >= 1) & (value <= 8), value, 1), tf.int32)


def _find_exif(data):
    """Where the EXIF of a file begins and ends, at the same place if it has none."""
    size = tf.size(data, tf.int64)
    zero = tf.zeros_like(size)
    png = tf.reduce_all(_bytes(data, 0, 4) == list(b"\x89PNG"))

    def search(place, start, end):
        return (start == end) & (place < size)

    def step(place, start, end):
        head = _bytes(data, place, 10)
        chunk, segment = _number(head[:4]), _number(head[2:4])
        escaped, marker = head[0] == 0xFF, head[1]
        alone = tf.reduce_any(marker == tf.constant(ALONE, tf.int64))
        length = tf.where(alone, zero + 2, 2 + tf.maximum(segment, 2))
        length = tf.where(escaped & (marker != 0xFF), length, 1)
        last = tf.where(png, False, escaped & (marker == 0xDA))  # the pixels of a JPEG follow
        following = tf.where(last, size, place + tf.where(png, 12 + chunk, length))
        found = tf.where(
            png,
            tf.reduce_all(head[4:8] == list(b"eXIf")),
            escaped & (marker == 0xE1) & tf.reduce_all(head[4:] == list(b"Exif\0\0")),
        )
        begin = place + tf.where(png, zero + 8, 10)
        stop = tf.minimum(size, tf.where(png, begin + chunk, following))
        return following, tf.where(found, begin, start), tf.where(found, tf.maximum(begin, stop), end)

    first = tf.where(png, zero + 8, 0)
    return tf.while_loop(search, step, (first, zero, zero), maximum_iterations=STEPS)[1:]


def _orientation(exif):
    """Orientation in a TIFF structure, int64 `(N,)` bytes; 0 where there is none."""
    size = tf.size(exif, tf.int64)
    head = _bytes(exif, 0, 8)
    little, big = (tf.reduce_all(head[:2] == list(order)) for order in (b"II", b"MM"))
    magic = tf.reduce_any(tf.reduce_all(head[2:4] == tf.constant([[42, 0], [0, 42]], tf.int64), axis=1))

    def number(values):
        return tf.where(little, _number(values[..., ::-1]), _number(values))

    directory = tf.minimum(number(head[4:8]), size)
    count = tf.minimum(number(_bytes(exif, directory, 2)), tf.maximum(size - directory - 2, 0) // 12)
    entries = tf.reshape(exif[directory + 2 : directory + 2 + 12 * count], (-1, 12))
    tag, kind, length = number(entries[:, :2]), number(entries[:, 2:4]), number(entries[:, 4:8])
    kind = tf.where(kind < len(BYTES), kind, 0)
    # Values of more than four bytes are elsewhere. Pillow ends where they lie outside, unless they are too many anyway.
    away = length * tf.gather(tf.constant(BYTES, tf.int64), kind)
    away = tf.where(away > 4, away, 0)
    outside = (away > 0) & (tf.cumsum(away) <= size) & (number(entries[:, 8:12]) + away > size)
    reached = tf.cumsum(tf.cast(outside, tf.int64)) == 0
    short, long = kind == 3, kind == 4
    own = (tag == TAG) & (length == 1) & (short | long) & reached & magic & (little | big)
    values = tf.where(short, number(entries[:, 8:10]), number(entries[:, 8:12]))
    return tf.concat([values[own], tf.zeros(1, tf.int64)], axis=0)[0]


def _bytes(data, place, count):
    """`count` bytes from a place on, int64; zeros where there are none."""
    found = tf.cast(data[place : place + count], tf.int64)
    return tf.ensure_shape(tf.pad(found, [[0, count - tf.size(found)]]), (count,))


def _number(values):
    """The number that bytes stand for along the last axis, the highest first."""
    result = tf.zeros_like(values[..., 0])
    for place in range(values.shape[-1]):
        result = 256 * result + values[..., place]
    return result
