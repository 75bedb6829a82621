"""What is known of a tracklet: one person's boxes in one video, from when they come until they leave."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from iaunet_tf.files import replacing


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
        distance: cosine distance to the nearest other tracklet, or entry of the gallery, of that person; None for the
            only one.
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


def write_tracklets(path: Path, tracklets: Sequence[Tracklet], folder: Path) -> None:
    """Writes tracklets as a `.npz` file; the names of their crops from `folder` on."""
    rows = []
    for each in tracklets:
        crops = [(frame, os.path.relpath(file, folder)) for frame, file in each.crops]
        rows.append(asdict(replace(each, embedding=None, crops=crops)))
    seen = {row: each.embedding for row, each in enumerate(tracklets) if each.embedding is not None}
    with replacing(path) as temporary:
        np.savez(
            temporary,
            tracklets=np.frombuffer(json.dumps(rows).encode(), "uint8"),
            seen=np.array([*seen], "int64"),
            embeddings=np.stack([*seen.values()]) if seen else np.empty((0, 0), "float32"),
        )


def read_tracklets(path: Path, folder: Path) -> list[Tracklet]:
    """What `write_tracklets` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        found = [Tracklet(**row) for row in json.loads(bytes(arrays["tracklets"]))]
        for row, vector in zip(arrays["seen"], arrays["embeddings"], strict=True):
            found[row].embedding = vector
    for each in found:
        each.crops = [(frame, str(folder / file)) for frame, file in each.crops]
    return found
