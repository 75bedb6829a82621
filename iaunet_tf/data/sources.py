"""Pixels of a subset: decoded each time, or kept in memory or on disk.

A source has `subset`, `size` `(height, width)`, `channels` (3, or 7 with part masks), and
`read(rows, ...) -> (pixels, has_masks)`.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from iaunet_tf.data.augmentation import central_box, random_box
from iaunet_tf.data.dataset import PARTS, LabelledImages, Subset
from iaunet_tf.data.decoding import load_image, load_with_masks
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, intact, new_array, replacing
from iaunet_tf.terminal import in_threads

UNREAD, PLAIN, MASKED = 0, 1, 2  # what is kept of a frame


class Source:
    """Frames of a subset, resized, with their part masks.

    A cache of `"memory"` keeps decoded frames; `"auto"` does so if half of the available memory is
    enough, `"none"` does not. If `on_corrupt` is `"skip"` rather than `"error"`, the nearest
    readable frame of the tracklet takes the place of an unreadable one.
    """

    def __init__(
        self,
        subset: Subset,
        size: tuple[int, int],
        cache: str = "none",
        on_corrupt: str = "error",
        interpolation: str = "bicubic",
    ):
        self.subset, self.size, self.on_corrupt, self.interpolation = subset, size, on_corrupt, interpolation
        self.channels = 3 + len(PARTS) * (subset.masks is not None)
        # Frames are kept by their place among those of this subset.
        self.owned = np.concatenate([np.arange(s, s + n) for s, n in zip(subset.starts, subset.lengths, strict=True)])
        self.place = np.full(len(subset.files), -1)
        self.place[self.owned] = np.arange(len(self.owned))
        self._entry = np.repeat(np.arange(len(subset)), subset.lengths)
        if cache == "auto":
            cache = "memory" if np.prod(self.shape) <= psutil.virtual_memory().available / 2 else "none"
        self.pixels = np.empty(self.shape, "uint8") if cache == "memory" else None
        self.found = np.zeros(len(self.owned), "uint8")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels of all frames."""
        return len(self.owned), *self.size, self.channels

    def read(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads the frames at places `(...)` in `subset.files`:
        uint8 `(..., height, width, channels)`, and bool `(...)`, whether a frame has part masks.

        Raises:
            InputError: a frame is unreadable and may not be skipped.
        """
        places = self.place[frames]
        if self.pixels is None:
            decoded = [self._decode_or_neighbour(frame) for frame in frames.flat]
            pixels = np.stack([each for each, _ in decoded]).reshape(*frames.shape, *self.shape[1:])
            return pixels, np.array([masked for _, masked in decoded]).reshape(frames.shape)
        for frame in frames[self.found[places] == UNREAD]:
            self.keep(frame, *self._decode_or_neighbour(frame))
        return self.pixels[places], self.found[places] == MASKED

    def keep(self, frame: int, pixels: np.ndarray, masked: bool) -> None:
        """Puts a decoded frame into the cache, if there is one."""
        place = self.place[frame]
        if self.pixels is not None:
            self.pixels[place] = pixels
        self.found[place] = MASKED if masked else PLAIN

    def decode(self, frame: int) -> tuple[np.ndarray, bool]:
        """Decodes a frame: its pixels, and whether it has part masks.

        Raises:
            InputError: the image or a mask is unreadable.
        """
        path = self.subset.path(frame)
        if self.channels == 3:
            return load_image(path, self.size, interpolation=self.interpolation), False
        return load_with_masks(path, self.subset.mask_folder(frame), self.size, self.interpolation)

    def _decode_or_neighbour(self, frame):
        try:
            return self.decode(frame)
        except InputError as error:
            if not self.subset.video:
                raise InputError(f"{error}; it was readable when the images were checked: start again") from None
            if self.on_corrupt == "error":
                raise InputError(f"{error}; --data.on_corrupt skip takes a neighbouring frame") from None
        entry = self._entry[self.place[frame]]
        start, length = self.subset.starts[entry], self.subset.lengths[entry]
        nearest = sorted(range(start, start + length), key=lambda other: abs(other - frame))
        for other in nearest[1:]:
            with contextlib.suppress(InputError):
                return self.decode(other)
        first = self.subset.path(start)
        raise InputError(f"{first.parent}: no frame of the tracklet that begins with {first.name} is readable")


def open_source(
    subset: Subset,
    size: tuple[int, int],
    cache: str = "none",
    cache_dir: str | Path = "~/.cache/iaunet_tf",
    on_corrupt: str = "error",
    say: Callable[[str], None] = print,
    interpolation: str = "bicubic",
) -> Source:
    """Opens a subset. Images are all decoded once, so that long work does not end at an unreadable
    one; frames of tracklets are decoded when they are first wanted.

    `cache` and `on_corrupt` are as for `Source`, except that images may also be kept on `"disk"`,
    in `cache_dir`, for later runs, and that `"skip"` leaves out unreadable images. `say` takes
    warnings, a line each.

    Raises:
        InputError: an image is unreadable or a mask has another shape (unless skipped), or all are;
            or tracklets are to be kept on disk.
    """
    if subset.video and cache == "disk":
        raise InputError("data.cache disk is for images, not tracklets; choose memory or none")
    source = Source(subset, size, cache, on_corrupt, interpolation)
    if subset.video:
        return source
    if cache == "disk":
        _fill_on_disk(source, Path(cache_dir).expanduser())
    else:
        if cache == "auto" and source.pixels is None:
            say(
                f"{subset.name}: {np.prod(source.shape) / 2**30:.1f} GiB of decoded images do not fit in memory and "
                "are decoded each time; --data.cache disk keeps them on disk"
            )
        _fill(source)
    readable = source.found > UNREAD
    if not readable.all():
        paths = [subset.path(frame) for frame in source.owned]
        report_unreadable(paths, readable, lambda number: source.decode(source.owned[number]), on_corrupt, say)
        source.subset = subset.take(np.flatnonzero(readable))
    masked = source.found[readable] == MASKED
    if subset.masks is not None and not masked.all():
        say(f"{subset.name}: {(~masked).sum()} of {len(masked)} images have no part masks; they train without")
    if not masked.any():
        source.channels = 3
        if source.pixels is not None:
            source.pixels = source.pixels[..., :3]
    return source


def _fill(source):
    """Decodes every frame, and notes which are readable."""

    def work(number):
        frame = source.owned[number]
        with contextlib.suppress(InputError):
            source.keep(frame, *source.decode(frame))

    in_threads(work, len(source.owned), f"reading {source.subset.name}")


def _fill_on_disk(source, folder):
    of = fingerprint([source.shape, source.interpolation, *source.subset.signature()])
    path = folder / f"{source.subset.name}-{of}.npy"
    beside = path.with_suffix(".npz")

    def stored():
        pixels = np.load(path, mmap_mode="r")
        with np.load(beside) as arrays:
            found = arrays["found"]
        shapes = (pixels.shape, found.shape) == (source.shape, source.found.shape)
        if not shapes or pixels.dtype != "uint8" or found.dtype != "uint8" or found.max() > MASKED:
            raise ValueError("not of these images")
        return pixels, found

    kept = intact(stored, path)
    if kept is None:
        try:
            with replacing(path) as temporary, replacing(beside) as temporary_beside:
                source.pixels = new_array(temporary, source.shape, "uint8")
                _fill(source)
                source.pixels.flush()
                np.savez(temporary_beside, found=source.found)
        except OSError as error:
            size = f"{np.prod(source.shape) / 2**30:.1f} GiB of decoded images"
            raise InputError(
                f"{path}: {error.strerror} for {size}; set another --data.cache_dir, or --data.cache none"
            ) from None
        kept = stored()
    source.pixels, source.found = kept


def report_unreadable(
    paths: list[Path],
    readable: np.ndarray,
    read: Callable[[int], object],
    on_corrupt: str,
    say: Callable[[str], None],
) -> None:
    """Says how many images are not `readable` `(N,)`, and why the first one is not, for which
    `read` is called with its number again.

    Raises:
        InputError: they may not be skipped, or none is readable.
    """
    unreadable = np.flatnonzero(~readable)
    first = paths[unreadable[0]]
    if len(unreadable) == len(paths):
        raise InputError(f"{first.parent}: none of its {len(paths)} images is readable")
    try:
        read(unreadable[0])
        reason = f"{first}: was unreadable"
    except InputError as error:
        reason = error
    count = f"{len(unreadable)} of {len(paths)} images in {first.parent} cannot be used"
    if on_corrupt == "error":
        raise InputError(f"{reason}; {count}; --data.on_corrupt skip leaves them out")
    say(f"{count} and are left out, the first: {reason}")


class LabelledSource:
    """Labelled images, cropped while they are read. Central crops keep the share `crop` of the
    largest box's sides."""

    channels = 3

    def __init__(self, subset: LabelledImages, size: tuple[int, int], crop: float = 0.875):
        self.subset, self.size, self.crop = subset, size, crop

    def read(self, rows: np.ndarray, draws: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Reads the images at `rows` `(n,)`, cropped at random if there are `draws` `(n, TRIES, 4)`
        of `epoch_crops`: uint8 `(n, height, width, 3)`, and bool `(n,)`, False: they have no part
        masks."""

        def box(place):
            if draws is None:
                return lambda shape: central_box(shape, self.size, self.crop)
            return lambda shape: random_box(shape, self.size, draws[place])

        pixels = [load_image(self.subset.paths[row], self.size, box(place)) for place, row in enumerate(rows)]
        return np.stack(pixels), np.zeros(len(rows), bool)


def check_images(
    images: LabelledImages, on_corrupt: str = "error", say: Callable[[str], None] = print
) -> LabelledImages:
    """Decodes every image once, before long work; returns the readable ones.

    Raises:
        InputError: some are unreadable and `on_corrupt` is not `"skip"`, or all are.
    """
    readable = np.zeros(len(images), bool)

    def work(number):
        with contextlib.suppress(InputError):
            load_image(images.paths[number])
            readable[number] = True

    in_threads(work, len(images), f"reading {images.name}")
    if not readable.all():
        report_unreadable(images.paths, readable, lambda number: load_image(images.paths[number]), on_corrupt, say)
    return images.take(np.flatnonzero(readable))
