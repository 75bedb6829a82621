"""Videos with a box and a name for everybody who is tracked."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image, ImageOps

from iaunet_tf.errors import InputError
from iaunet_tf.extras import needed
from iaunet_tf.files import replacing
from iaunet_tf.video.colours import NOBODY, Colour, colours_of
from iaunet_tf.video.drawing import Label, draw_people
from iaunet_tf.video.times import is_date
from iaunet_tf.video.tracks_csv import Row

if TYPE_CHECKING:
    import av

CLOCK = 60_000  # ticks per second: of 24, 25, 30 and 29.97 frames per second exactly, and no more than MPEG-4 has
# In fragments, as otherwise the place of every frame is kept in memory until the end.
LAYOUT = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}
# Without frames that refer to later ones, so that the first has the first time stamp; every few seconds one to jump to.
ENCODERS = {
    "libx264": {"crf": "23", "preset": "veryfast", "bf": "0", "g": "100"},
    "mpeg4": {"qmin": "3", "qmax": "6", "bf": "0", "g": "100"},
}


class Picture(Protocol):
    """A frame: its number, from 1; its time in seconds; its RGB pixels, uint8 `(H, W, 3)`."""

    number: int
    time: float
    image: np.ndarray


def annotate(
    frames: Iterable[Picture],
    rows: Iterable[Row] | Mapping[int, Iterable[Row]],
    out: str | Path,
    names: Mapping[int, str] | None = None,
    colours: Mapping[str, Colour] | None = None,
) -> int:
    """Writes a video as an MP4 with a box and a name tag for everybody who is tracked; returns the number of frames.

    The MP4 is H.264 if PyAV can encode that, else MPEG-4; it is fragmented, so that memory does not grow with its
    length. Its frames have the time stamps of the original; where those are dates, they count from the first frame.
    Sizes become even by a repeated row or column of pixels. There is no sound.

    Args:
        frames: the video.
        rows: its boxes: by frame, or sorted by frame. Boxes of frames that do not come are left out, those partly
            outside the picture are cut.
        out: the file; it appears when it is complete.
        names: identities by track, instead of those of the rows.
        colours: colours by name, as `colours_of` gives them for everybody in all videos; others have the colour of
            their name alone.

    Raises:
        InputError: there is no frame, rows are not sorted by frame, or PyAV is not installed.
    """
    with needed(str(out)):
        import av
    boxes, label = _boxes_by_frame(rows), _labels(names, dict(colours or {}))
    film, count = None, 0
    with replacing(out) as temporary, temporary.open("wb") as file:  # not by name, which could be a protocol's
        with av.open(file, "w", format="mp4", options=LAYOUT) as container:
            for frame in frames:
                picture = Image.fromarray(frame.image)
                draw_people(picture, [(label(row), _corners(row)) for row in boxes(frame.number)])
                if film is None:
                    film = _Film(av, container, picture.size, frame.time)
                film.add(picture, frame.time)
                count += 1
            if film is not None:
                film.end()
        if not count:
            raise InputError(f"{out}: is not written, as its video has no frames")
    return count


class _Film:
    """The video stream of an MP4."""

    def __init__(self, av, container: "av.container.OutputContainer", size: tuple[int, int], time: float):
        self._av, self._container = av, container
        self._size = [side + side % 2 for side in size]
        self._begin, self._last = time if is_date(time) or time < 0 else 0.0, -1
        encoder = next(name for name in ENCODERS if name in av.codecs_available or name == "mpeg4")
        self._stream = stream = container.add_stream(encoder, rate=25, options=ENCODERS[encoder])
        stream.width, stream.height, stream.pix_fmt = *self._size, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.colorspace = 5  # BT.601, as pixels are converted; otherwise players guess

    def add(self, picture: Image.Image, time: float) -> None:
        frame = self._av.VideoFrame.from_ndarray(_sized(picture, self._size), format="rgb24")
        self._last = max(round((time - self._begin) * CLOCK), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        self._container.mux(self._stream.encode(frame))

    def end(self) -> None:
        self._container.mux(self._stream.encode())


def _sized(picture, size):
    """Pixels of a picture in an even size: its last row or column is repeated; where its own size is quite another, as
    in a stream that changes, it is scaled and has black beside it."""
    if any(wanted - side not in (0, 1) for wanted, side in zip(size, picture.size, strict=True)):
        picture = ImageOps.pad(picture, size)
    pixels, (width, height) = np.asarray(picture), picture.size
    if [width, height] == size:
        return pixels
    return np.pad(pixels, ((0, size[1] - height), (0, size[0] - width), (0, 0)), "edge")


def _boxes_by_frame(rows) -> Callable[[int], list[Row]]:
    """What gives the rows of a frame; it is asked by rising numbers."""
    if isinstance(rows, Mapping):
        return lambda number: list(rows.get(number, ()))
    groups = _groups(rows)
    number, group = next(groups, (None, []))

    def of(wanted):
        nonlocal number, group
        while number is not None and number < wanted:
            number, group = next(groups, (None, []))
        return group if number == wanted else []

    return of


def _groups(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    before = 0
    for number, group in groupby(rows, key=lambda row: row.frame):
        group = list(group)
        if number <= before:
            says = f"one of frame {number} comes after one of frame {before}"
            raise InputError(f"{group[0].video}: its boxes must be sorted by frame: {says}")
        before = number
        yield number, group


def _labels(names, colours):
    """What gives the label of a row."""

    def of(row):
        name = row.identity if names is None else names.get(row.track)
        if name is None:
            return Label(f"track {row.track}", NOBODY)
        if name not in colours:
            colours.update(colours_of([name]))
        return Label(name, colours[name])

    return of


def _corners(row):
    return row.left, row.top, row.left + row.width, row.top + row.height
