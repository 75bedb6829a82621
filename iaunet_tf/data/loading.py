"""Decoded images: checked once before long work, then from memory, from a cache on disk, or anew each time."""

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iaunet_tf.data.datasets import Split
from iaunet_tf.data.images import image_size, load_image, load_masks
from iaunet_tf.data.pedestrians import PARTS
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing


@dataclass(frozen=True)
class LoadedSplit:
    """A split whose images are known to be readable.

    Attributes:
        split: the images, those left out as unreadable gone.
        size: `(height, width)` that images are resized to.
        has_masks: `(N,)` bool.
        pixels: `(N, height, width, 3 or 7)` uint8, RGB and, in a split with masks, the four parts;
            None if images are decoded whenever they are wanted.
    """

    split: Split
    size: tuple[int, int]
    has_masks: np.ndarray
    pixels: np.ndarray | None

    def read(self, rows: Sequence[int]) -> np.ndarray:
        """Pixels of the images at `rows`: uint8 `(n, height, width, 3 or 7)`."""
        if self.pixels is not None:
            return self.pixels[rows]
        masks = bool(self.has_masks.any())
        return np.stack([_decode(self.split, row, self.size, masks)[0] for row in rows])


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
        cache: `"memory"`; `"disk"`, reused by later runs; `"none"`; or `"auto"`: memory if half of what is free
            is enough, else none.
        cache_dir: folder for `"disk"`.
        on_corrupt: `"error"` or `"skip"`, what to do about an unreadable image.
        say: takes progress and warnings, a line each.

    Raises:
        InputError: an image is unreadable (unless skipped), all are, or a mask is of another shape.
    """
    masks = any(folder is not None for folder in split.masks)
    shape = (len(split), *size, 3 + len(PARTS) * masks)
    cache = _choose_cache(cache, int(np.prod(shape)), split.name, say)
    if cache == "disk":
        path = Path(cache_dir).expanduser() / f"{split.name}-{_fingerprint(split, shape)}.npy"
        if path.is_file():
            has_masks = np.load(path.with_suffix(".masks.npy"))
            return LoadedSplit(split, size, has_masks, np.load(path, mmap_mode="r"))
        with replacing(path) as temporary:
            pixels = np.lib.format.open_memmap(temporary, "w+", "uint8", shape)
            loaded = _fill(split, size, masks, pixels, on_corrupt, say)
            if loaded.pixels is not pixels:
                return loaded  # with images left out it is not what the name promises
            pixels.flush()
            with replacing(path.with_suffix(".masks.npy")) as beside:
                np.save(beside, loaded.has_masks)
        return LoadedSplit(split, size, loaded.has_masks, np.load(path, mmap_mode="r"))
    pixels = np.empty(shape, "uint8") if cache == "memory" else None
    return _fill(split, size, masks, pixels, on_corrupt, say)


def _choose_cache(cache, needed, name, say):
    if cache != "auto":
        return cache
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed <= free / 2:
        return "memory"
    say(
        f"{name}: {needed / 2**30:.1f} GiB of decoded images do not fit in memory and are decoded anew "
        "each time; --data.cache disk keeps them on disk"
    )
    return "none"


def _fingerprint(split, shape):
    digest = hashlib.sha256(repr(shape).encode())
    for path, folder in zip(split.paths, split.masks, strict=True):
        stat = path.stat()
        changed = folder.stat().st_mtime_ns if folder else 0
        digest.update(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{changed}\n".encode())
    return digest.hexdigest()[:16]


def _decode(split, row, size, masks):
    """Pixels of one image, and whether it has masks."""
    rgb = load_image(split.paths[row], size)
    if not masks:
        return rgb, False
    folder, parts = split.masks[row], None
    if folder is not None:
        parts = load_masks(folder, size, image_size(split.paths[row]))
    found = parts is not None
    if not found:
        parts = np.zeros((*size, len(PARTS)), "uint8")
    return np.concatenate([rgb, parts], axis=-1), found


def _fill(split, size, masks, pixels, on_corrupt, say):
    has_masks = np.zeros(len(split), bool)

    def work(row):
        # Bad masks are an error however bad images are dealt with.
        try:
            decoded, has_masks[row] = _decode(split, row, size, masks)
        except InputError as error:
            return error
        if pixels is not None:
            pixels[row] = decoded
        return None

    errors = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, error in enumerate(_progress(pool.map(work, range(len(split))), split, say)):
            if error is not None:
                errors[row] = error
                if on_corrupt == "error":
                    pool.shutdown(cancel_futures=True)
                    raise InputError(f"{error}; --data.on_corrupt skip leaves such files out")
    good = np.array([row for row in range(len(split)) if row not in errors], int)
    if not len(good):
        raise InputError(f"{split.paths[0].parent}: none of its {len(split)} images is readable")
    if errors:
        say(f"{split.name}: {len(errors)} unreadable images left out, the first: {next(iter(errors.values()))}")
        split, has_masks = split.take(good), has_masks[good]
        pixels = None if pixels is None else pixels[good]
    if pixels is not None and not has_masks.any():
        pixels = pixels[..., :3]
    if masks and not has_masks.all():
        say(f"{split.name}: {(~has_masks).sum()} of {len(split)} images have no part masks; they train without")
    return LoadedSplit(split, size, has_masks, pixels)


def _progress(results, split, say):
    """Passes results on; on a terminal, counts them."""
    show = sys.stderr.isatty()
    for done, result in enumerate(results, start=1):
        if show and (done % 100 == 0 or done == len(split)):
            end = "\n" if done == len(split) else ""
            print(f"\rreading {split.name}: {done}/{len(split)} images", end=end, file=sys.stderr, flush=True)
        yield result
