"""What is known of a tracklet: one person's boxes in one video, from when they come until they leave."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Tracklet:
    """Boxes of one person in one video, what they look like, and who that is.

    Attributes:
        camera: name of the video's camera.
        track: number of the track in the video, from 1.
        first, last: numbers of the first and the last frame with a box, from 1.
        start, end: their times, in seconds since 1970 if it is known when the video begins, otherwise since its begin.
        boxes: how many boxes there are.
        crops: files of the pictures that were chosen for the clip, and the number of the frame of each.
        embedding: `(D,)`, of length 1; None if no picture could be used.
        identity: who it is.
        known: whether the gallery knew that person before.
        distance: cosine distance to the nearest other tracklet, or entry of the gallery, of that person; None for the only
            one.
        rival: the nearest other person, and `rival_distance` how far away; None if there is nobody else.
    """

    camera: str
    track: int
    first: int
    last: int
    start: float
    end: float
    boxes: int
    crops: list[tuple[int, str]] = field(default_factory=list)
    embedding: np.ndarray | None = None
    identity: str | None = None
    known: bool = False
    distance: float | None = None
    rival: str | None = None
    rival_distance: float | None = None
