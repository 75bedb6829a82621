"""Decoded images: checked once before long work, then from memory, from a cache on disk, or anew each time."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from iaunet_tf.data.datasets import PARTS, Split
from iaunet_tf.data.images import load_image, load_with_masks
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, replacing


@dataclass(frozen=True)
class LoadedSplit:
    """A split whose images are known to be readable.

    Attributes:
        split: the readable images.
        size: `(height, width)` that images are resized to.
        has_masks: `(N,)` bool.
        pixels: uint8 `(M, height, width, 3 or 7)`, RGB and, in a split with masks, the four parts; None if images are
            decoded whenever they are wanted.
        rows: `(N,)`, where the images of `split` stand in `pixels`.
    """

    split: Split
    size: tuple[int, int]
    has_masks: np.ndarray
    pixels: np.ndarray | None
    rows: np.ndarray

    def read(self, indices: Sequence[int]) -> np.ndarray:
        """Pixels of some of the images: uint8 `(n, height, width, 3 or 7)`."""
        if self.pixels is not None:
            return self.pixels[self.rows[indices]]
        masks = bool(self.has_masks.any())
        return np.stack([_decode(self.split, index, self.size, masks)[0] for index in indices])


def load_split(
    split: Split,
    size: tuple[int, int],
    cache: str = "none",
    cache_dir: str | Path = "~/.cache/iaunet_tf",
    on_corrupt: str = "error",
    say: Callable[[str], None] = print,
) -> LoadedSplit:
    """Decodes every image of a split once: all are checked, and kept as `cache` says.

    Args:
        split: the images; masks are read where it names folders of them.
        size: `(height, width)` to resize to.
        cache: `"memory"`; `"disk"`, reused by later runs; `"none"`; or `"auto"`: memory if half of what is available
            is enough, else none.
        cache_dir: folder for `"disk"`.
        on_corrupt: `"error"` or `"skip"`, what to do about unreadable images.
        say: takes warnings, a line each.

    Raises:
        InputError: an image is unreadable or a mask of another shape (unless skipped), or all are.
    """
    masks = split.has_masks
    shape = (len(split), *size, 3 + len(PARTS) * masks)
    cache = _choose_cache(cache, int(np.prod(shape)), split.name, say)
    if cache == "disk":
        path = Path(cache_dir).expanduser() / f"{split.name}-{fingerprint([shape, *split.signature()])}.npy"
        beside = path.with_suffix(".npz")
        if not path.is_file():
            with replacing(path) as temporary, replacing(beside) as temporary_beside:
                pixels = np.lib.format.open_memmap(temporary, "w+", "uint8", shape)
                readable, has_masks = _decode_all(split, size, masks, pixels)
                pixels.flush()
                np.savez(temporary_beside, readable=readable, has_masks=has_masks)
        pixels = np.load(path, mmap_mode="r")
        with np.load(beside) as arrays:
            readable, has_masks = arrays["readable"], arrays["has_masks"]
    else:
        pixels = np.empty(shape, "uint8") if cache == "memory" else None
        readable, has_masks = _decode_all(split, size, masks, pixels)

    rows = np.flatnonzero(readable)
    if len(rows) < len(split):
        unreadable = np.flatnonzero(~readable)
        report_unreadable(split.paths, unreadable, lambda i: _decode(split, i, size, masks), on_corrupt, say)
        split, has_masks = split.take(rows), has_masks[rows]
    if masks and not has_masks.all():
        say(f"{split.name}: {(~has_masks).sum()} of {len(split)} images have no part masks; they train without")
    if pixels is not None and not has_masks.any():
        pixels = pixels[..., :3]
    return LoadedSplit(split, size, has_masks, pixels, rows)


def _choose_cache(cache, needed, name, say):
    if cache != "auto":
        return cache
    if needed <= psutil.virtual_memory().available / 2:
        return "memory"
    say(
        f"{name}: {needed / 2**30:.1f} GiB of decoded images do not fit in memory and are decoded anew "
        "each time; --data.cache disk keeps them on disk"
    )
    return "none"


def _decode(split, index, size, masks):
    """Pixels of one image, and whether it has masks."""
    if not masks:
        return load_image(split.paths[index], size), False
    return load_with_masks(split.paths[index], split.masks[index], size)


def _decode_all(split, size, masks, pixels):
    """Fills `pixels`, if there are any to fill. Returns which images are readable and which have masks."""
    readable, has_masks = np.zeros(len(split), bool), np.zeros(len(split), bool)

    def work(index):
        try:
            decoded, has_masks[index] = _decode(split, index, size, masks)
        except InputError:
            return
        readable[index] = True
        if pixels is not None:
            pixels[index] = decoded

    in_threads(work, len(split), split.name)
    return readable, has_masks


def in_threads(work: Callable[[int], object], count: int, name: str) -> None:
    """Calls `work` with 0..count-1 on all cores, and shows progress on a terminal."""
    show = sys.stderr.isatty()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(work, range(count)), start=1):
            if show and (done % 100 == 0 or done == count):
                end = "\n" if done == count else ""
                print(f"\rreading {name}: {done}/{count} images", end=end, file=sys.stderr, flush=True)


def report_unreadable(
    paths: list[Path],
    unreadable: np.ndarray,
    read: Callable[[int], object],
    on_corrupt: str,
    say: Callable[[str], None],
) -> None:
    """Says which images are unreadable, the first with its reason.

    Args:
        paths: all images.
        unreadable: numbers of those that are, at least one.
        read: reads one again.
        on_corrupt: `"error"` or `"skip"`.
        say: takes a warning.

    Raises:
        InputError: they may not be skipped, or all are unreadable.
    """
    folder = paths[unreadable[0]].parent
    if len(unreadable) == len(paths):
        raise InputError(f"{folder}: none of its {len(paths)} images is readable")
    try:
        read(unreadable[0])
        first = f"{paths[unreadable[0]]}: was unreadable"
    except InputError as error:
        first = error
    count = f"{len(unreadable)} of {len(paths)} images in {folder} cannot be used"
    if on_corrupt == "error":
        raise InputError(f"{first}; {count}; --data.on_corrupt skip leaves them out")
    say(f"{count} and are left out, the first: {first}")
