"""`tracks.csv`: every box of every person in every video."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import printable, replacing


@dataclass(frozen=True)
class Row:
    """A box of a person in a frame of a video.

    Attributes:
        video: name of the video's camera.
        frame: number of the frame, from 1.
        time: its time in seconds, since 1970 if it is known when the video begins, otherwise since its begin.
        track: number of the track in the video, from 1.
        identity: who it is; None if nobody can say.
        distance: cosine distance of the tracklet to the nearest other one, or entry of the gallery, of that person;
            None if there is none.
        left, top, width, height: the box in pixels.
    """

    video: str
    frame: int
    time: float
    track: int
    identity: str | None
    distance: float | None
    left: float
    top: float
    width: float
    height: float


COLUMNS = tuple(field.name for field in fields(Row))
DIGITS = {"time": 6, "distance": 6, "left": 2, "top": 2, "width": 2, "height": 2}  # after the point


def write_tracks(path: str | Path, rows: Iterable[Row]) -> int:
    """Writes `tracks.csv` row by row, whole or not at all; returns the number of rows.

    Times and distances have six digits after the point, boxes two. What was read from such a file is written as the
    same bytes.
    """
    count, values = 0, attrgetter(*COLUMNS)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(_cell(name, value) for name, value in zip(COLUMNS, values(row), strict=True))
            count += 1
    return count


def read_tracks(path: str | Path, video: str | None = None) -> Iterator[Row]:
    """Reads the rows of a `tracks.csv` one by one: all, or those of one video. Other columns are ignored.

    Raises:
        InputError: while reading: the file is missing or a column is, or a value is not what it should be.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # with the mark that spreadsheets put at the begin
            lines = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: has no column {missing[0]}; its columns must be {', '.join(COLUMNS)}")
            for line in lines:
                if video is None or line["video"] == video:
                    yield _row(line, f"{path}, line {lines.line_num}")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; iaunet identify writes it") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not a CSV file in UTF-8: {reason_of(error)}") from None


def _cell(name, value):
    if value is None:
        return ""
    return f"{value:.{DIGITS[name]}f}" if name in DIGITS else printable(value)


def _row(line, place):
    values = {}
    for field in fields(Row):
        text = line[field.name]
        if text is None:
            raise InputError(f"{place}: has fewer values than there are columns")
        if field.type in (int, float):
            values[field.name] = _number(text, field.type, f"{place}: {field.name}")
        elif field.name == "distance":
            values[field.name] = _number(text, float, f"{place}: {field.name}") if text else None
        else:
            values[field.name] = text or None
    if values["video"] is None:
        raise InputError(f"{place}: names no video")
    return Row(**values)


def _number(text, kind, place):
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{place} must be {'a whole' if kind is int else 'a'} number; it is {text or 'missing'}")
    return value
