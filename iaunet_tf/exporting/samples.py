"""Sample images for calibrating and verifying exports."""

from pathlib import Path

import numpy as np

from iaunet_tf.config.parsing import parse
from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.readers.table import read_dataset
from iaunet_tf.errors import InputError

FRAMES = 4  # per sample clip
DRAWN = 16
OF_QUERIES = 200


def sample_images(folder: str | None, source: str, video: bool, count: int = OF_QUERIES) -> tuple[list, str]:
    """Selects sample images for `Embedder`, or clips of four frames for a video network.

    They come from the given folder; without one, from the query set of the exported run; and if that is not
    available, they are drawn pedestrians.

    Args:
        folder: folder of images, or None.
        source: run or file that is exported.
        video: return clips instead of images.
        count: maximum number of images.

    Returns:
        The images or clips, and a description of their origin.

    Raises:
        InputError: the folder does not exist or contains fewer than two images.
    """
    if folder is not None:
        images, origin = _of_folder(folder, count), folder
    elif queries := _of_run(source, video):
        return _evenly(queries, count), f"the query set of {source}"
    else:
        images, origin = _drawn(), "drawn pedestrians"
    if video:
        starts = range(0, len(images), FRAMES)
        images = [[images[(start + k) % len(images)] for k in range(FRAMES)] for start in starts]
    return images, origin


def _evenly(items, count):
    return [items[i] for i in np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)]


def _of_folder(folder, count):
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of sample images")
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise InputError(f"{folder}: contains {len(files)} images; give at least two sample images")
    return _evenly(files, count)


def _of_run(source, video):
    """Returns the query images or clips of a run's data set, or none if they are not available."""
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


def _drawn():
    from iaunet_tf.data.synthetic.images import cameras, cast
    from iaunet_tf.data.synthetic.pedestrians import Shot, render

    people, scenes = cast(0, 3, 70_000, DRAWN), cameras(0)
    images = []
    for index, person in enumerate(people):
        rng = np.random.default_rng((70, index))
        camera = scenes[index % len(scenes)]
        images.append(render(person, camera, Shot.random(rng, camera))[0])
    return images
