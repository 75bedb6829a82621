"""Pixels of a subset: decoded each time, or kept in memory or on disk.

A source has `subset`, `size` `(height, width)`, `mask_sizes`, and `read(rows, ...) -> (pixels, masks, has_masks)`.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from iaunet_tf.data.aligned_corners import reduced
from iaunet_tf.data.dataset import PARTS, Subset
from iaunet_tf.data.decoding import load_image, load_with_masks
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, intact, new_array, replacing
from iaunet_tf.terminal import in_threads

UNREAD, PLAIN, MASKED = 0, 1, 2  # what is kept of a frame


class Source:
    """Frames of a subset, resized, with their part masks in the sizes `mask_sizes` that they will be compared in.

    A cache of `"memory"` keeps decoded frames; `"auto"` does so if half of the available memory is
    enough, `"none"` does not. If `on_corrupt` is `"skip"` rather than `"error"`, the nearest
    readable frame of the tracklet, or image of the person, takes the place of an unreadable one.
    """

    def __init__(
        self,
        subset: Subset,
        size: tuple[int, int],
        cache: str = "none",
        on_corrupt: str = "error",
        interpolation: str = "bicubic",
        mask_sizes: Sequence[tuple[int, int]] = (),
    ):
        self.subset, self.size, self.on_corrupt, self.interpolation = subset, size, on_corrupt, interpolation
        self.checked = False  # that everything is readable
        self.mask_sizes = tuple(mask_sizes) if subset.masks is not None else ()
        # Frames are kept by their place among those of this subset.
        self.owned = np.concatenate([np.arange(s, s + n) for s, n in zip(subset.starts, subset.lengths, strict=True)])
        self.place = np.full(len(subset.files), -1)
        self.place[self.owned] = np.arange(len(self.owned))
        self._entry = np.repeat(np.arange(len(subset)), subset.lengths)
        if cache == "auto":
            cache = "memory" if self.bytes <= psutil.virtual_memory().available / 2 else "none"
        memory = cache == "memory"
        self.pixels = np.empty(self.shape, "uint8") if memory else None
        self.masks = np.empty(self.mask_shape, "float32") if memory else None
        self.found = np.zeros(len(self.owned), "uint8")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels of all frames."""
        return len(self.owned), *self.size, 3

    @property
    def mask_shape(self) -> tuple[int, int]:
        """Shape of the part masks of all frames, those of a frame in a row."""
        return len(self.owned), sum(len(PARTS) * height * width for height, width in self.mask_sizes)

    @property
    def bytes(self) -> int:
        """How much memory all frames need."""
        return int(np.prod(self.shape) + 4 * np.prod(self.mask_shape))

    def read(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Reads the frames at places `(...)` in `subset.files`: uint8 `(..., height, width, 3)`; their part masks of
        all sizes in a row, float32 `(..., M)` in 0..1, zeros where there are none; and bool `(...)`, whether there are.

        Raises:
            InputError: a frame is unreadable and may not be skipped.
        """
        places = self.place[frames]
        if self.pixels is None or self.masks is None:
            decoded = (self._decode_or_neighbour(frame) for frame in frames.flat)
            pixels, masks, masked = (np.stack(values) for values in zip(*decoded, strict=True))
            shape = frames.shape
            return (
                pixels.reshape(*shape, *self.shape[1:]),
                masks.reshape(*shape, *self.mask_shape[1:]),
                masked.reshape(shape),
            )
        for frame in frames[self.found[places] == UNREAD]:
            self.keep(frame, *self._decode_or_neighbour(frame))
        return self.pixels[places], self.masks[places], self.found[places] == MASKED

    def keep(self, frame: int, pixels: np.ndarray, masks: np.ndarray, masked: bool) -> None:
        """Puts a decoded frame into the cache, if there is one."""
        place = self.place[frame]
        if self.pixels is not None and self.masks is not None:
            self.pixels[place], self.masks[place] = pixels, masks
        self.found[place] = MASKED if masked else PLAIN

    def decode(self, frame: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Decodes a frame: its pixels, its part masks as `read` returns them, and whether it has any.

        Raises:
            InputError: the image or a mask is unreadable.
        """
        path = self.subset.path(frame)
        if not self.mask_sizes:
            return load_image(path, self.size, interpolation=self.interpolation), np.empty(0, "float32"), False
        pixels, masks = load_with_masks(path, self.subset.mask_folder(frame), self.size, self.interpolation)
        if masks is None:
            return pixels, np.zeros(self.mask_shape[1], "float32"), False
        return pixels, reduced(masks, self.mask_sizes), True

    def _decode_or_neighbour(self, frame):
        kind = "frame of the tracklet" if self.subset.video else "image of the person"
        try:
            return self.decode(frame)
        except InputError as error:
            if self.checked:
                again = "" if self.subset.in_shards else "; it was readable when the images were checked: start again"
                raise InputError(f"{error}{again}") from None
            if self.on_corrupt == "error":
                raise InputError(f"{error}; --data.on_corrupt skip takes a neighbouring {kind}") from None
        for other in self._neighbours(frame):
            with contextlib.suppress(InputError):
                return self.decode(other)
        raise InputError(f"{self.subset.path(frame)}: unreadable, as is every other {kind}")

    def _neighbours(self, frame):
        """The other frames of the tracklet, or the other images of the person, the nearest first."""
        subset, entry = self.subset, self._entry[self.place[frame]]
        if subset.video:
            frames = np.arange(subset.starts[entry], subset.starts[entry] + subset.lengths[entry])
        else:
            frames = subset.starts[subset.pids == subset.pids[entry]]
        return sorted(frames[frames != frame], key=lambda other: abs(other - frame))


def open_source(
    subset: Subset,
    size: tuple[int, int],
    cache: str = "none",
    cache_dir: str | Path = "~/.cache/iaunet_tf",
    on_corrupt: str = "error",
    say: Callable[[str], None] = print,
    interpolation: str = "bicubic",
    mask_sizes: Sequence[tuple[int, int]] = (),
    check: bool = True,
) -> Source:
    """Opens a subset. Unless `check` is False, images are all decoded once, so that long work does not end at an
    unreadable one. Frames of tracklets, and images in shards, which were checked when they were packed, are decoded
    when they are first wanted.

    `cache` and `on_corrupt` are as for `Source`, except that images may also be kept on `"disk"`,
    in `cache_dir`, for later runs, and that `"skip"` leaves out unreadable images. `say` takes
    warnings, a line each.

    Raises:
        InputError: an image is unreadable or a mask has another shape (unless skipped), or all are;
            or tracklets are to be kept on disk.
    """
    if subset.video and cache == "disk":
        raise InputError("data.cache disk is for images, not tracklets; choose memory or none")
    source = Source(subset, size, cache, on_corrupt, interpolation, mask_sizes)
    source.checked = not subset.video and (check or subset.in_shards)
    if subset.video or (cache != "disk" and (subset.in_shards or not check)):
        return source
    if cache == "disk":
        _fill_on_disk(source, Path(cache_dir).expanduser())
    else:
        if cache == "auto" and source.pixels is None:
            say(
                f"{subset.name}: {source.bytes / 2**30:.1f} GiB of decoded images do not fit in memory and "
                "are decoded each time; --data.cache disk keeps them on disk"
            )
        _fill(source)
    readable = source.found > UNREAD
    if not readable.all():
        paths = [subset.path(frame) for frame in source.owned]
        report_unreadable(paths, readable, lambda number: source.decode(source.owned[number]), on_corrupt, say)
        source.subset = subset.take(np.flatnonzero(readable))
    masked = source.found[readable] == MASKED
    if source.mask_sizes and not masked.all():
        say(f"{subset.name}: {(~masked).sum()} of {len(masked)} images have no part masks; they train without")
    if not masked.any():
        source.mask_sizes = ()
        if source.masks is not None:
            source.masks = np.empty(source.mask_shape, "float32")
    return source


def _fill(source):
    """Decodes every frame, and notes which are readable."""

    def work(number):
        frame = source.owned[number]
        with contextlib.suppress(InputError):
            source.keep(frame, *source.decode(frame))

    in_threads(work, len(source.owned), f"reading {source.subset.name}")


def _fill_on_disk(source, folder):
    of = fingerprint([source.shape, source.mask_sizes, source.interpolation, *source.subset.signature()])
    path = folder / f"{source.subset.name}-{of}.npy"
    beside = path.with_suffix(".npz")

    def stored():
        pixels = np.load(path, mmap_mode="r")
        with np.load(beside) as arrays:
            masks, found = arrays["masks"], arrays["found"]
        kept = [(array.shape, array.dtype) for array in (pixels, masks, found)]
        if kept != [(source.shape, "uint8"), (source.mask_shape, "float32"), (source.found.shape, "uint8")]:
            raise ValueError("not of these images")
        if found.max() > MASKED:
            raise ValueError("not of these images")
        return pixels, masks, found

    kept = intact(stored, path)
    if kept is None:
        try:
            with replacing(path) as temporary, replacing(beside) as temporary_beside:
                source.pixels = new_array(temporary, source.shape, "uint8")
                source.masks = np.empty(source.mask_shape, "float32")
                _fill(source)
                source.pixels.flush()
                np.savez(temporary_beside, masks=source.masks, found=source.found)
        except OSError as error:
            size = f"{source.bytes / 2**30:.1f} GiB of decoded images"
            raise InputError(
                f"{path}: {error.strerror} for {size}; set another --data.cache_dir, or --data.cache none"
            ) from None
        kept = stored()
    source.pixels, source.masks, source.found = kept


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
