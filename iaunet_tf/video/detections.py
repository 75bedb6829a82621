"""Where people are in a frame: what detectors return, and files of it."""

import csv
import math
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.vectors import as_array
from iaunet_tf.video.frames import Frame

COLUMNS = ("frame", "left", "top", "width", "height")  # those of a CSV file; `score` and `id` may be there too
MOT = ("frame", "id", "left", "top", "width", "height", "score")  # the first columns of a file without a header
DELIMITERS = ",;\t|"
LARGEST = 1e6  # pixels; what is beyond it is no coordinate
LATEST = 2**31 - 1  # number of a frame


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes of a frame.

    Attributes:
        boxes: left, top, right and bottom in pixels, inside the picture, float32 `(N, 4)`.
        scores: how sure the detector is of each, float32 `(N,)`.
        ids: who they are, where a file of true boxes says it, int64 `(N,)`; else None. For measuring.
    """

    boxes: np.ndarray
    scores: np.ndarray
    ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)


def as_detections(given: object, frame: Frame, name: str = "the detector") -> Detections:
    """What a detector returns for a frame, as `Detections` inside the picture; boxes wholly outside are left out.

    Args:
        given: `Detections`, `supervision.Detections`, or an array `(N, 4)` of left, top, right and bottom in pixels, or
            `(N, 5)` with a score, which is 1 where there is none.
        frame: the frame.
        name: the detector's, for messages.

    Raises:
        InputError: it is nothing of these, or holds NaN or boxes whose right side is left of their left side.
    """
    name = f"{name}, frame {frame.number}"
    ids = getattr(given, "ids", None)
    if isinstance(given, Detections):
        boxes, scores = given.boxes, given.scores
    elif hasattr(given, "xyxy"):
        boxes, scores = given.xyxy, getattr(given, "confidence", None)
    else:
        boxes, scores = given, None
        if given is None or isinstance(given, str | dict):
            raise InputError(
                f"{name}: must return supervision.Detections, or an array of left, top, right, bottom, and score if "
                f"known; received {type(given).__name__}"
            )
    boxes = as_array(boxes, name)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] not in (4, 5) or boxes.dtype.kind not in "fiu":
        raise InputError(
            f"{name}: boxes must be numbers, (N, 4) or, with scores, (N, 5); received {boxes.dtype} {boxes.shape}"
        )
    boxes = boxes.astype("float64")
    if boxes.shape[1] == 5:
        boxes, scores = boxes[:, :4], boxes[:, 4] if scores is None else scores
    scores = np.ones(len(boxes)) if scores is None else as_array(scores, name)
    if scores.shape != (len(boxes),) or scores.dtype.kind not in "fiu":
        raise InputError(f"{name}: has {len(boxes)} boxes, but scores {scores.shape} of {scores.dtype}")
    bad = ~(np.isfinite(boxes).all(axis=1) & np.isfinite(scores))
    if bad.any():
        raise InputError(f"{name}: box {np.flatnonzero(bad)[0] + 1} of {len(boxes)} has NaN or infinity")
    swapped = (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if swapped.any():
        found = np.flatnonzero(swapped)[0]
        box = ", ".join(f"{side:g}" for side in boxes[found])
        raise InputError(f"{name}: box {found + 1} is {box}, which is not left, top, right, bottom")
    boxes, inside = clipped(boxes, frame.image.shape)
    return Detections(
        boxes[inside], scores[inside].astype("float32"), None if ids is None else as_array(ids, name)[inside]
    )


def clipped(boxes: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `(N, 4)` cut at the borders of a picture `(H, W, ...)`, float32, and which of them are partly inside."""
    height, width = shape[:2]
    boxes = np.clip(boxes, 0, (width, height, width, height)).astype("float32")
    return boxes, np.all(boxes[:, 2:] > boxes[:, :2], axis=1)


class DetectionFile:
    """Detections of all frames of a video from a file: a callable from `Frame` to `Detections`.

    Files are in MOT format, without a header: frame, id, left, top, width, height, score, and up to three columns more.
    With nine columns, they are MOT's true boxes, whose seventh is 0 for what is not to be counted, which is left out.
    Or they are CSV files with a header of `COLUMNS`, in any order; `score` and `id` may be there. Frames count from 1.
    In memory, a detection takes 36 bytes.

    Attributes:
        path: the file.
        last: the number of the last frame with detections.
        outside: how many boxes were wholly outside the picture, and left out, so far.

    Raises:
        InputError: the file does not exist or holds no detections, or a row cannot be one.
    """

    def __init__(self, path: str | Path):
        self.path, self.outside = Path(path), 0
        self._first_outside: int | None = None
        if not self.path.is_file():
            raise InputError(f"{path}: no such file")
        try:
            # Bytes that are not UTF-8 are no numbers, and so refused below.
            with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                columns = _read(self.path, file)
        except (csv.Error, OSError) as error:
            raise InputError(f"{path}: cannot be read ({reason_of(error)})") from None
        frames, rows, ids, boxes, scores = columns
        if not len(frames):
            raise InputError(f"{path}: holds no detections")
        order = np.argsort(frames, kind="stable")
        self._frames, self._rows, self._scores = frames[order], rows[order], scores[order]
        self._boxes = boxes.reshape(-1, 4)[order]
        self._ids = ids[order] if (ids != -1).any() else None
        self.last = int(self._frames[-1])

    def __call__(self, frame: Frame) -> Detections:
        here = slice(*np.searchsorted(self._frames, (frame.number, frame.number + 1)))
        boxes, inside = clipped(self._boxes[here], frame.image.shape)
        if not inside.all():
            self.outside += int(np.count_nonzero(~inside))
            if self._first_outside is None:
                self._first_outside = int(self._rows[here][~inside][0])
        ids = None if self._ids is None else self._ids[here][inside]
        return Detections(boxes[inside], self._scores[here][inside], ids)

    def check_frames(self, count: int, video: str) -> None:
        """Refuses detections of frames that a video of `count` frames does not have."""
        beyond = np.searchsorted(self._frames, count, side="right")
        if beyond < len(self._frames):
            row, number = self._rows[beyond], self._frames[beyond]
            raise InputError(
                f"{self.path}: row {row} is of frame {number}, but {video} has {count} frames; give the detections of "
                "this video"
            )

    def notes(self) -> list[str]:
        """Lines for people to read, about what was left out so far."""
        if not self.outside:
            return []
        boxes = "1 box is" if self.outside == 1 else f"{self.outside} boxes are"
        return [f"{self.path}: {boxes} wholly outside the picture and left out, the first in row {self._first_outside}"]


def _read(path, file):
    """Frames, rows, ids, boxes and scores of a file, checked."""
    head = ""
    while not head.strip() and (head := file.readline()):
        pass
    file.seek(0)
    reader = csv.reader(file, delimiter=max(DELIMITERS, key=head.count))
    places, width, true = None, 0, False
    frames, rows, ids, boxes, scores = columns = [array(kind) for kind in "iiqff"]
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        where = f"{path}: row {reader.line_num}"
        if places is None:
            places, header = _places(path, where, cells)
            width, true = len(cells), not header and len(cells) == 9
            if header:
                continue
        if len(cells) != width:
            raise InputError(f"{where} has {len(cells)} values, but the first one has {width}")
        values = {name: _number(where, name, cells[place]) for name, place in places.items()}
        if not 1 <= values["frame"] <= LATEST:
            raise InputError(f"{where} is of frame {values['frame']:g}; frames count from 1")
        left, top, across, down = (values[name] for name in COLUMNS[1:])
        if min(across, down) <= 0:
            raise InputError(f"{where} has a box of {across:g}x{down:g} pixels")
        score = values.get("score", 1.0)
        if true and not score:
            continue
        frames.append(values["frame"])
        rows.append(reader.line_num)
        ids.append(values.get("id", -1))
        boxes.extend((left, top, left + across, top + down))
        scores.append(score)
    return [np.frombuffer(column, column.typecode) if column else np.empty(0) for column in columns]


def _places(path, where, cells):
    """The place of each column by the first row, and whether that is a header."""
    names = [cell.strip().lower() for cell in cells]
    if any(name in names for name in COLUMNS):
        lacking = [name for name in COLUMNS if name not in names]
        if lacking:
            raise InputError(
                f"{path}: has no column {', '.join(lacking)}; columns are {', '.join(COLUMNS)}, and score and id if "
                f"known; it has {', '.join(names):.120}"
            )
        double = [name for name in (*COLUMNS, "score", "id") if names.count(name) > 1]
        if double:
            raise InputError(f"{path}: has several columns {double[0]}; keep one of them")
        return {name: names.index(name) for name in (*COLUMNS, "score", "id") if name in names}, True
    if not len(MOT) <= len(cells) <= 10:
        raise InputError(
            f"{where} has {len(cells)} values; in MOT format they are {', '.join(MOT)} and up to three more; "
            f"other files begin with a header, {','.join(COLUMNS)},score"
        )
    return {name: place for place, name in enumerate(MOT)}, False


def _number(where, name, text):
    """A finite number, a whole one for frames and ids."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    whole = name in ("frame", "id")
    if not abs(value) <= (2**53 if whole else LARGEST) or (whole and not value.is_integer()):
        raise InputError(f"{where}: {name} must be a {'whole ' * whole}number; it is {text.strip()!r:.40}")
    return int(value) if whole else value
