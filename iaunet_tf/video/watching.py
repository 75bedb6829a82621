"""One video: from its frames to the tracklets of the people in it."""

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from iaunet_tf.files import intact, replacing
from iaunet_tf.inference import Embedder
from iaunet_tf.vectors import unit_length
from iaunet_tf.video.clips import Clips, Track
from iaunet_tf.video.detections import DetectionFile, Detections
from iaunet_tf.video.detectors import Detect
from iaunet_tf.video.frames import Frame, frames
from iaunet_tf.video.live import Live
from iaunet_tf.video.streams import is_address, is_live
from iaunet_tf.video.tracklets import Tracklet, read_tracklets, write_tracklets
from iaunet_tf.video.tracks import Tracker

WORK = "work"  # folder of what an interrupted run goes on from
QUALITY = 92  # of the JPEG files of crops


@dataclass(frozen=True)
class Video:
    """A video of one camera.

    Attributes:
        source: what `frames` takes.
        camera: its name.
        detections: what `open_detector` takes: a file, a network, or a callable.
        begin: time of the first frame in seconds since 1970; None if unknown.
        rate: frames per second, where they are not to be those that the video states.
        seconds: how long a live camera is watched; None for as long as it sends.
    """

    source: str
    camera: str
    detections: str | Path | Callable
    begin: float | None = None
    rate: float | None = None
    seconds: float | None = None

    @property
    def live(self) -> bool:
        """Whether it is a camera that sends what it sees now."""
        return is_live(self.source)

    @property
    def lasting(self) -> bool:
        """Whether the same frames come when it is read again."""
        return not is_address(self.source)


@dataclass(frozen=True)
class Settings:
    """How people are followed.

    Attributes:
        score: that from which on a detection of a network counts.
        tracker: the kind of a `Tracker`; or a callable that makes another one for a number of frames per second: a
            callable like `Tracker`, with `patience`.
        minimum_iou: of `Tracker`.
        crops: how many pictures a clip has at most.
        shortest: tracks of fewer boxes are nobody's: mostly faults of the detector.
    """

    score: float = 0.5
    tracker: str | Callable[[float], Callable] = "bytetrack"
    minimum_iou: float = 0.5
    crops: int = 8
    shortest: int = 5


class Clock:
    """Seconds that each step has taken, in `seconds`, and the number of frames, in `frames`."""

    def __init__(self):
        self.seconds: Counter = Counter()
        self.frames = 0

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] += time.perf_counter() - start


def watch(
    video: Video,
    detect: Detect,
    embed: Embedder,
    folder: Path,
    settings: Settings,
    clock: Clock,
    update: Callable[[int], object],
    ended: Callable[[], bool] = lambda: False,
) -> list[Tracklet]:
    """The tracklets of a video with their embeddings, by their beginnings.

    Writes to `folder`: the boxes of all tracks as `work/CAMERA.boxes.csv`, crops as `crops/CAMERA/TRACK-FRAME.jpg`, and
    in the end `work/CAMERA.npz`; if that is there, it is read and nothing else is done. What a detector has found is
    kept in `work/CAMERA.detections`, since it takes most of the time: after an interruption it is taken from there.
    Of an address nothing is taken from before, whose frames may have been others. Frames of a live camera for which
    the detector is too slow are left out, and a line says how many.

    Args:
        detect: the video's detections, as `open_detector` opens them.
        update: is called with the number of frames that were just done.
        ended: whether a live camera is not to be watched any longer.

    Raises:
        InputError: the video or the detections cannot be used.
    """
    done = work_file(folder, video, "npz")
    if (found := intact(lambda: read_tracklets(done, folder), done)) is not None:
        return found
    found, count = [], 0
    live = Live(video.seconds, ended) if video.live else None
    keep = partial(_tracklet, video.camera, embed, folder, settings)
    with frames(video.source, rate=video.rate, begin=video.begin) as pictures:
        if isinstance(detect, DetectionFile):
            if pictures.count:
                detect.check_frames(pictures.count, video.source)
        elif video.lasting:
            detect = Remembered(detect, work_file(folder, video, "detections"))
        kind = settings.tracker
        track: Any = kind(pictures.rate) if callable(kind) else Tracker(kind, pictures.rate, settings.minimum_iou)
        clips = Clips(settings.crops, track.patience)
        with replacing(work_file(folder, video, "boxes.csv")) as temporary, temporary.open("w", newline="") as file:
            rows = csv.writer(file)
            for frame in _timed(pictures, clock, "decoding"):
                if live and live.over(frame):
                    break
                count = frame.number
                if live and live.late(frame):
                    continue
                with clock("detecting"):
                    detections = detect(frame)
                with clock("tracking"):
                    numbers = track(frame, detections)
                    clips.add(frame, detections, numbers)
                    rows.writerows(_rows(frame, detections, numbers))
                with clock("embedding"):
                    found += map(keep, clips.ended(frame.time))
                clock.frames += 1
                update(1)
            with clock("embedding"):
                found += map(keep, clips.ended())
    if isinstance(detect, DetectionFile):
        detect.check_frames(count, video.source)
        for note in detect.notes():
            print(note)
    if live and live.left_out:
        print(f"{video.camera}: {live.left_out} of {count} frames were left out; detecting is slower")
    found.sort(key=lambda each: (each.first, each.track))
    write_tracklets(done, found, folder)
    return found


def work_file(folder: Path, video: Video, kind: str) -> Path:
    """A file that an interrupted run goes on from."""
    return folder / WORK / f"{video.camera}.{kind}"


def boxes_of(folder: Path, video: Video) -> Iterator[tuple[int, float, int, list[float]]]:
    """Number and time of the frame, track, and left, top, width and height, of all boxes of a watched video."""
    with work_file(folder, video, "boxes.csv").open(newline="") as file:
        for number, seconds, track, *box in csv.reader(file):
            yield int(number), float(seconds), int(track), [*map(float, box)]


def _timed(items, clock, step):
    """The items, whose making is a step of the clock."""
    while True:
        with clock(step):
            item = next(items, None)
        if item is None:
            return
        yield item


class Remembered:
    """A detector whose results are written to a file, and taken from there for the frames that it has seen before.

    Frames come in the same order every time.
    """

    def __init__(self, detect: Detect, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._detect, self._file, self._known = detect, path.open("r+b"), True

    def __call__(self, frame: Frame) -> Detections:
        if self._known:
            place, line = self._file.tell(), self._file.readline()
            if line.endswith(b"\n"):
                boxes, scores = json.loads(line)
                return Detections(np.array(boxes, "float32").reshape(-1, 4), np.array(scores, "float32"))
            self._known = False
            self._file.seek(place)
            self._file.truncate()  # what was being written when it ended
        found = self._detect(frame)
        self._file.write(json.dumps([found.boxes.tolist(), found.scores.tolist()]).encode() + b"\n")
        self._file.flush()
        return found


def _rows(frame, detections, numbers):
    for row in np.flatnonzero(numbers >= 0):
        left, top, right, bottom = (round(float(side), 2) for side in detections.boxes[row])
        yield frame.number, frame.time, int(numbers[row]), left, top, round(right - left, 2), round(bottom - top, 2)


def _tracklet(camera, embed, folder, settings, track: Track):
    """A track as it is kept: its crops as files, and its embedding, if it is long enough."""
    found = Tracklet(camera, track.track, track.first, track.last, track.start, track.end, track.count)
    if track.count < settings.shortest or not track.crops:
        return found
    place = folder / "crops" / camera
    place.mkdir(parents=True, exist_ok=True)
    for crop in track.crops:
        file = place / f"{track.track:06}-{crop.frame:08}.jpg"
        with replacing(file) as temporary:
            Image.fromarray(crop.image).save(temporary, quality=QUALITY)
        found.crops.append((crop.frame, str(file)))
    found.embedding = embedding(embed, [crop.image for crop in track.crops])
    return found


def embedding(embed: Embedder, pictures: list[np.ndarray]) -> np.ndarray:
    """The embedding `(D,)` of a clip, of length 1: of a network for clips, or the mean of those of its pictures."""
    if embed.metadata.video:
        return embed([pictures])[0]
    return unit_length(embed(pictures).mean(axis=0, keepdims=True))[0]
