"""Sample images for calibrating and verifying exports."""

from itertools import cycle
from pathlib import Path

import numpy as np

from iaunet_tf.config.parsing import parse
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.data.walking import Walker
from iaunet_tf.errors import InputError

FRAMES = 4  # per sample clip
DRAWN = 16


def sample_images(
    folder: str | None, source: str, video: bool, count: int = 200, other: str | None = None
) -> tuple[list, str]:
    """At most `count` images for `Embedder`, or clips of four frames for `video`, and their origin.

    They come from the given folder; without one, from the query set of the exported run; if that is not available, from
    the `other` folder; and without that they are drawn pedestrians.
    """
    if folder is not None:
        images, origin = _of_folder(folder, count), folder
    elif queries := _of_run(source, video):
        return _evenly(queries, count), f"the query set of {source}"
    elif other is not None:
        images, origin = _of_folder(other, count), other
    else:
        images, origin = drawn_images(), "drawn pedestrians"
    if video:
        starts = range(0, len(images), FRAMES)
        images = [[images[(start + k) % len(images)] for k in range(FRAMES)] for start in starts]
    return images, origin


def _evenly(items, count):
    return [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)]


def _of_folder(folder, count):
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of sample images")
    files = Walker(folder).images(folder, deep=True)
    if len(files) < 2:
        raise InputError(f"{folder}: contains {len(files)} images; give at least two sample images")
    return _evenly(files, count)


def _of_run(source, video):
    """The query images or clips of a run's data set, or none if they are not available."""
    try:
        data = parse([], run=source).data
        if not Path(data.root).is_dir() or video != data.video:
            return []
        fold = 0 if data.fold == "all" else data.fold
        query = read_dataset(data.name, data.root, fold, data.cache_dir)[0].query
    except (OSError, AttributeError, InputError):
        return []
    if not video:
        return [query.path(frame) for frame in query.starts]
    clips = zip(query.starts, query.lengths, strict=True)
    return [[query.path(start + k % length) for k in range(FRAMES)] for start, length in clips]


def drawn_images(count: int = DRAWN) -> list:
    """Drawn pedestrians as uint8 arrays `(H, W, 3)`, always the same ones."""
    from iaunet_tf.data.synthetic.images import cameras, cast
    from iaunet_tf.data.synthetic.pedestrians import Shot, render

    images = []
    people = zip(cast(0, 3, 70_000, count), cycle(cameras(0)), strict=False)
    for index, (person, camera) in enumerate(people):
        shot = Shot.random(np.random.default_rng((70, index)), camera)
        images.append(render(person, camera, shot)[0])
    return images
