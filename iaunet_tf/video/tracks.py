"""Tracks of people within a camera, by the trackers of Roboflow's package `trackers`."""

import numpy as np

from iaunet_tf.arguments import check_choice, check_number
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.terminal import quietly
from iaunet_tf.video.detections import Detections
from iaunet_tf.video.frames import FASTEST, Frame

TRACKERS = {"bytetrack": "ByteTrackTracker", "sort": "SORTTracker"}


class Tracker:
    """Tells which detections of successive frames of a camera are the same person, by where they are.

    A callable from a `Frame`, of which only the time counts, and its `Detections` to the numbers of their tracks, int64
    `(N,)`: from 1 on, -1 for a detection that belongs to no track, or not yet. What it returns depends on nothing but
    the frames and detections so far.

    Args:
        kind: `"bytetrack"`, or `"sort"`, which does not go on with people of whom the detector is less sure.
        rate: frames per second of the video. Where frames are missing, time stamps say it.
        minimum_iou: how much a detection must overlap with the place where a track is expected, 0 to 1. With less,
            tracks go over from one person to another more often, which nothing repairs later; with more, they break,
            and parts that look alike become one person again.
        options: are handed on to `trackers.ByteTrackTracker` or `SORTTracker`, such as `lost_track_buffer=60`.

    Attributes:
        patience: seconds without a detection after which a track is over.

    Raises:
        InputError: the package is not installed, or takes no such options.
    """

    def __init__(self, kind: str = "bytetrack", rate: float = 25.0, minimum_iou: float = 0.5, **options):
        check_choice("tracker", kind, TRACKERS)
        check_number("minimum_iou", minimum_iou, 0, 1)
        check_number("rate", rate, 0.001, FASTEST)
        with needed("tracking"), quietly():  # their imports warn of what is no concern of ours
            import supervision
            import trackers
        try:
            self._tracker = getattr(trackers, TRACKERS[kind])(
                frame_rate=float(rate), minimum_iou_threshold=minimum_iou, **options
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"tracker {kind}: {reason_of(error)}") from None
        self._detections = supervision.Detections
        self.patience = float(self._tracker.maximum_time_without_update)

    def __call__(self, frame: Frame, detections: Detections) -> np.ndarray:
        # Some trackers return them in another order.
        rows = np.arange(len(detections))
        given = self._detections(
            xyxy=detections.boxes.astype("float64"), confidence=detections.scores, data={"row": rows}
        )
        found = self._tracker.update(given, timestamp=frame.time)
        tracks = np.full(len(detections), -1, "int64")
        if len(found):
            tracks[found.data["row"]] = np.where(found.tracker_id < 0, -1, found.tracker_id + 1)
        return tracks
