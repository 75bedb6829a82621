"""Frames of videos: files, addresses of cameras, and folders of images."""

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from iaunet_tf.arguments import at_least_one, check_number
from iaunet_tf.data.decoding import SUFFIXES, load_image
from iaunet_tf.errors import InputError
from iaunet_tf.video.streams import ADDRESS, LARGEST, Stream

USUAL = 25.0  # frames per second, where nothing states them
FASTEST = 1000.0


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video.

    Attributes:
        number: its place in the video, from 1.
        time: seconds from the first frame; since 1970 for a camera, and where `frames` is told when the video begins.
        image: RGB pixels, uint8 `(H, W, 3)`.
    """

    number: int
    time: float
    image: np.ndarray


def frames(
    source: str | Path,
    *,
    start: int = 1,
    rate: float | None = None,
    begin: float | None = None,
    timeout: float = 30.0,
    say: Callable[[str], object] = print,
) -> "Frames":
    """Opens a video.

    Args:
        source: a file, a folder of images, which are taken in natural order (`2.jpg` before `10.jpg`), or an address
            of RTSP or HTTP.
        start: number of the first frame to give. The earlier ones of a file are decoded as well, though faster, so
            that number, time and pixels of a frame are the same wherever one starts.
        rate: frames per second, from which times are computed instead of the video's own time stamps.
        begin: time of the video's first frame in seconds since 1970; 0 if unknown, and now for a camera (RTSP).
        timeout: seconds after which an address that sends nothing is given up.
        say: is called with a line for people to read, about what is assumed or missing.

    Raises:
        InputError: there is no video that can be read, PyAV is not installed, or an argument is out of range.
    """
    return Frames(source, at_least_one(start=start), rate, begin, timeout, say)


class Frames:
    """An iterator over the frames of a video, made by `frames`; holds a few of them at a time.

    A file that is cut off, a damaged one, or a camera that stops sending gives the frames up to there, and a line is
    said. Closes itself at the end; as a context manager, when the block ends.

    Attributes:
        name: the source, without a password.
        rate: frames per second, as given, stated by the video, or assumed.
        count: the number of frames as the video states it, None if it does not.

    Raises:
        InputError: while iterating: there is no frame, or none at `start`; the size of the pictures changes, or an
            image cannot be read.
    """

    def __init__(self, source, start, rate, begin, timeout, say):
        for name, value in (("rate", rate), ("timeout", timeout)):
            if value is not None:
                check_number(name, value, 0.001, FASTEST if name == "rate" else math.inf)
        if begin is not None:
            check_number("begin", begin, -1e11, 1e11)
        self._start, self._begin, self._say, self._stream = start, begin, say, None
        if not ADDRESS.match(str(source)) and not os.path.exists(source):
            raise InputError(f"{source}: no such file or folder")
        if os.path.isdir(source):
            paths = images_in(Path(source))
            self.name, self.count, stated = str(source), len(paths), None
            self._pictures = ((None, partial(load_image, path), path) for path in paths)
        else:
            self._stream = stream = Stream(source, timeout)
            self.name, self.count, stated = stream.name, stream.count, stream.rate
            self._pictures = ((seconds, partial(stream.pixels, frame), None) for seconds, frame in stream.pictures())
        self._given, self.rate = rate, rate or (stated if stated and stated <= FASTEST else USUAL)
        self._assumed = rate is None and self.rate != stated
        self._frames = self._read()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file or the connection; there are no frames afterwards."""
        self._frames.close()
        if self._stream:
            self._stream.close()

    def _read(self):
        try:
            yield from self._numbered()
        finally:
            if self._stream:
                self._stream.close()

    def _numbered(self):
        number, before, size, stamped = 0, -math.inf, None, False
        for seconds, load, path in self._pictures:
            if not number:
                stamped = seconds is not None and not self._given
                self._first(stamped)
            if not stamped:
                seconds = number / self.rate
            elif seconds is None or seconds <= before:  # a time stamp is missing, or goes back
                seconds = before + 1 / self.rate
            number, before = number + 1, seconds
            if number < self._start:
                continue
            image = load()
            if size not in (None, image.shape):
                old, new = (f"{width}x{height}" for height, width, _ in (size, image.shape))
                raise InputError(
                    f"{path or self.name}: its pictures change from {old} to {new} pixels at frame {number}; a "
                    "video has one size, so split it there"
                )
            size = image.shape
            yield Frame(number, self._begin + seconds, image)
        self._end(number)

    def _first(self, stamped):
        """Settles at the first frame when the video begins, and says what is assumed."""
        if self._begin is None:
            self._begin = time.time() if self._stream and self._stream.live else 0.0
        if self._assumed and not stamped:
            self._say(
                f"{self.name}: has no time stamps; {self.rate:g} frames per second are assumed (state the rate if it "
                "is another)"
            )

    def _end(self, number):
        """Says what is missing after the last frame."""
        fault, damaged = (self._stream.fault, self._stream.damaged) if self._stream else (None, 0)
        if not number:
            reason = fault or f"nothing in it can be decoded, or its pictures have more than {LARGEST} pixels"
            raise InputError(f"{self.name}: holds no frames ({reason})")
        if number < self._start - 1:
            raise InputError(f"{self.name}: has {number} frames, so that it cannot go on at frame {self._start}")
        packets = f"{damaged} damaged packet{'s' * (damaged > 1)}"
        if fault:
            too = f", and it holds {packets}" if damaged else ""
            self._say(f"{self.name}: ends after frame {number}: {fault}; what came after that is missing{too}")
        elif damaged:
            self._say(f"{self.name}: holds {packets}; some of its frames are missing or wrong")


def images_in(folder: Path) -> list[Path]:
    """The images in a folder in natural order.

    Raises:
        InputError: there are none.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not paths:
        inner = next((path for path in (folder / "img1", folder / "images", folder / "frames") if path.is_dir()), None)
        raise InputError(f"{folder}: holds no images{f'; give {inner}' if inner else ''}")
    return sorted(paths, key=lambda path: (_natural(path.name), path.name))


def _natural(name):
    return [int(part) if number % 2 else part for number, part in enumerate(re.split(r"([0-9]+)", name))]
