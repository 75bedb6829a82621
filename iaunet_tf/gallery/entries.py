"""The entries of a gallery, and the rows that Milvus keeps of them."""

import hashlib
import json
import math
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.files import printable

LONGEST = {"id": 256, "identity": 256, "camera": 256}  # bytes in UTF-8
LARGEST = 32_768  # bytes of all else in an entry, as JSON; Milvus takes twice that
UNKNOWN = -(2**62)  # the time of an entry whose time is unknown; Milvus 2.3 has no missing values
LATEST = 1e11  # seconds, year 5138: milliseconds that are taken for seconds are beyond it
COLUMNS = ("id", "identity", "camera", "time", "details")  # of a row, besides its embedding
SOURCE = ("file", "frame", "box", "tracklet", "thumbnail", "attributes")  # in `details`
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Entry:
    """What a gallery knows of an image or a tracklet, besides its embedding. All but the id may be unknown.

    Attributes:
        id: text that no other entry has. By default it follows from file, frame and box (`Entry.id_of`), so that what
            is added twice is there once.
        identity: name of the person.
        camera: name of the camera.
        time: UTC, in seconds since 1970.
        file: the image or video that it was seen in.
        frame: number of the frame in a video, from 0.
        box: left, top, right and bottom of the person in the file, in pixels.
        tracklet: name of the tracklet that it belongs to, or is.
        thumbnail: file of a small image of the person; without it `file` is shown.
        attributes: anything else that can be written as JSON, by its name.

    Raises:
        InputError: there is neither an id nor a file, or a value cannot be kept: names are texts of up to 256 bytes
            without control characters.
    """

    id: str = ""
    identity: str | None = None
    camera: str | None = None
    time: float | None = None
    file: str | None = None
    frame: int | None = None
    box: Box | None = None
    tracklet: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self):
        keep = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name in ("file", "thumbnail"):
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, str | Path) or not str(value):
                    raise InputError(f"{name} must be the name of a file; received {value!r:.80}")
                keep(name, printable(value))
        for name in ("identity", "camera"):
            if getattr(self, name) is not None:
                check_name(name, getattr(self, name))
        if self.time is not None:
            keep("time", seconds("time", self.time))
        if self.frame is not None:
            check_number("frame", self.frame, 0, 2**53, whole=True)
            keep("frame", int(self.frame))
        if self.box is not None:
            keep("box", _box(self.box))
        if self.tracklet is not None and not isinstance(self.tracklet, str):
            raise InputError(f"tracklet must be text; received {self.tracklet!r:.80}")
        if not self.id and self.file is None:
            raise InputError("an entry needs an id, or a file from which it follows")
        keep("id", check_name("id", self.id or self.id_of(self.file, self.frame, self.box)))
        details = self._details()
        if len(details) > LARGEST:
            raise InputError(f"entry {self.id:.80}: is {len(details)} bytes without its embedding; {LARGEST} at most")

    @staticmethod
    def id_of(file: str | Path, frame: int | None = None, box: Box | None = None) -> str:
        """The id that follows from a file's absolute name, and the frame and the box if there are any."""
        thing = [printable(os.path.abspath(file)), frame, None if box is None else [float(side) for side in box]]
        return hashlib.sha256(json.dumps(thing).encode()).hexdigest()[:32]

    def _details(self):
        """All that is not a column of its own, as JSON in bytes."""
        values = {name: getattr(self, name) for name in SOURCE}
        kept = {name: value for name, value in values.items() if value not in (None, {})}
        if not isinstance(self.attributes, Mapping) or not all(isinstance(name, str) for name in self.attributes):
            raise InputError(f"attributes must be a dictionary by names; received {self.attributes!r:.80}")
        try:
            return json.dumps(kept, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
            raise InputError(f"entry {self.id:.80}: attributes must be what JSON can hold, without NaN") from None

    def to_row(self, embedding: np.ndarray) -> dict:
        """The row that Milvus keeps."""
        return {
            "id": self.id,
            "embedding": embedding,
            "identity": self.identity or "",
            "camera": self.camera or "",
            "time": UNKNOWN if self.time is None else microseconds(self.time),
            "details": json.loads(self._details()),
        }

    @classmethod
    def from_row(cls, row: Mapping) -> "Entry":
        """The entry of a row, without its embedding."""
        details = row["details"]
        details = dict(json.loads(details) if isinstance(details, str | bytes) else details)
        if details.get("box") is not None:
            details["box"] = tuple(details["box"])
        time = None if row["time"] == UNKNOWN else row["time"] / 1e6
        known = {name: details[name] for name in SOURCE if name in details}
        return cls(row["id"], row["identity"] or None, row["camera"] or None, time, **known)


@dataclass(frozen=True)
class Hit:
    """An entry that a search has found.

    Attributes:
        distance: 1 - cosine of query and entry, 0 to 2.
        reranked: the distance that re-ranking gave it, None without.
    """

    entry: Entry
    distance: float
    reranked: float | None = None


def check_name(what: str, value: object) -> str:
    """An identity, a camera or an id, unless it cannot be one."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} must be text that is not empty; received {value!r:.80}")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        raise InputError(f"{what} {value!r:.80}: has control characters or is not valid Unicode")
    size = len(value.encode())
    if size > LONGEST[what]:
        raise InputError(f"{what} {value:.40}...: is {size} bytes long; {LONGEST[what]} at most")
    return value


def seconds(what: str, value: Any) -> float:
    """A time, in seconds since 1970 or as a `datetime` with a time zone, as seconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(f"{what} must say its time zone; received {value}")
        value = value.timestamp()
    if not isinstance(value, Real) or isinstance(value, bool) or not abs(float(value)) <= LATEST:  # NaN neither
        raise InputError(f"{what} must be seconds since 1970, or a datetime with a time zone; received {value!r:.80}")
    return float(value)


def read_time(text: str) -> datetime | None:
    """The time that a text in ISO 8601 says, None if it says none; its zone may be `Z`."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))  # which Python 3.10 does not take
    except ValueError:
        return None


def microseconds(time: float) -> int:
    """Seconds as whole microseconds, which Milvus keeps."""
    return round(time * 1e6)


def _box(box):
    try:
        left, top, right, bottom = (float(side) for side in box)
    except (TypeError, ValueError):
        raise InputError(f"box must be left, top, right, bottom; received {box!r:.80}") from None
    if not all(map(math.isfinite, (left, top, right, bottom))) or left >= right or top >= bottom:
        raise InputError(f"box must be left, top, right, bottom, finite and not empty; received {box!r:.80}")
    return left, top, right, bottom
