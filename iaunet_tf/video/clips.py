"""The clip of a track: a few crops of a person, sharp, unoccluded and spread over the time that it lasts."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from iaunet_tf.arguments import at_least_one, check_number
from iaunet_tf.video.detections import Detections
from iaunet_tf.video.frames import Frame

TALLEST = 512  # pixels; taller crops are shrunk, since networks see less
GRID = 16, 8  # points of a box, rows and columns, of which it is asked whether another box hides them
SEEN = 128, 64  # height and width at which sharpness is compared
CUT = 0.25  # the share of a person that is taken as hidden where the picture's border cuts the box
BORDER = 1.0  # pixels
STEPS = 4  # people are as good as unoccluded in the first quarter of what may be hidden of them


@dataclass(frozen=True, eq=False)
class Crop:
    """A person cut out of a frame.

    Attributes:
        frame, time: number and time of the frame.
        box: left, top, right and bottom in the frame.
        hidden: the share of the box that others hide, in 0..1, and `CUT` more where the picture ends.
        sharpness: variance of the Laplacian of its brightness in 0..255, at `SEEN` pixels.
        image: RGB pixels, uint8 `(H, W, 3)`, at most `TALLEST` high.
    """

    frame: int
    time: float
    box: tuple[float, float, float, float]
    hidden: float
    sharpness: float
    image: np.ndarray

    @property
    def rank(self) -> tuple[int, float]:
        """What makes one crop better than another: little is hidden, then sharpness."""
        return -int(self.hidden * STEPS), self.sharpness


@dataclass(eq=False)
class Track:
    """A track and its clip.

    Attributes:
        track: its number within the camera.
        first, last: numbers of its first and last frame.
        start, end: their times.
        count: how many frames show it.
        crops: its clip by time; empty if all its boxes are narrower than two pixels.
    """

    track: int
    first: int
    last: int
    start: float
    end: float
    count: int = 0
    width: int = 1  # frames of this track that share one crop
    kept: dict[int, Crop] = field(default_factory=dict)  # by the place of their stretch

    @property
    def crops(self) -> list[Crop]:
        return [self.kept[place] for place in sorted(self.kept)]


class Clips:
    """Collects the clips of all tracks of a camera.

    The frames of a track are divided into stretches of equal length, at most `most` of them, and of each its best crop
    is kept. When a track grows beyond them, two and two become one. So memory depends on how many people are there at
    a time, not on how long they stay, and a track of more than `most` frames has more than half of `most` crops.

    Args:
        most: how many crops a clip has at most.
        patience: seconds without a detection after which a track is over, as `Tracker` has it.
    """

    def __init__(self, most: int = 8, patience: float = 1.0):
        check_number("patience", patience, 0)
        self.most, self.patience = at_least_one(most=most), patience
        self._tracks: dict[int, Track] = {}

    def add(self, frame: Frame, detections: Detections, tracks: np.ndarray) -> None:
        """Adds a frame: its detections and the numbers of their tracks `(N,)`, -1 for none."""
        hidden = hidden_shares(detections.boxes, frame.image.shape)
        for row in np.flatnonzero(tracks >= 0):
            track = int(tracks[row])
            found = self._tracks.get(track)
            if found is None:
                found = self._tracks[track] = Track(track, frame.number, frame.number, frame.time, frame.time)
            place = found.count // found.width
            if place == self.most:
                found.width *= 2
                found.kept, before = {}, found.kept
                for earlier in sorted(before):
                    _keep(found, earlier // 2, before[earlier])
                place = found.count // found.width
            found.last, found.end, found.count = frame.number, frame.time, found.count + 1
            crop = _crop(frame, detections.boxes[row], float(hidden[row]), found.kept.get(place))
            if crop:
                _keep(found, place, crop)

    def ended(self, now: float | None = None) -> list[Track]:
        """Hands over the tracks that are over at a time, or all, in the order in which they began."""
        over = [each for each in self._tracks.values() if now is None or now - each.end > self.patience]
        for each in over:
            del self._tracks[each.track]
        return over


def _keep(track, place, crop):
    """Keeps a crop if it is better than the one that has its place."""
    if place not in track.kept or crop.rank > track.kept[place].rank:
        track.kept[place] = crop


def _crop(frame, box, hidden, best):
    """The crop of a box, None if there is nothing to see or more is hidden than in the `best` one."""
    left, top = (int(side) for side in np.floor(box[:2]))
    right, bottom = (int(side) for side in np.ceil(box[2:]))
    pixels = frame.image[max(top, 0) : bottom, max(left, 0) : right]
    if min(pixels.shape[:2]) < 2 or (best and -int(hidden * STEPS) < best.rank[0]):
        return None
    crop = Crop(frame.number, frame.time, tuple(map(float, box)), hidden, sharpness(pixels), pixels)
    if best and crop.rank <= best.rank:
        return None
    height, width = pixels.shape[:2]
    if height > TALLEST:
        size = max(2, round(width * TALLEST / height)), TALLEST
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    else:
        pixels = pixels.copy()  # not a view of the whole picture
    return Crop(crop.frame, crop.time, crop.box, crop.hidden, crop.sharpness, pixels)


def hidden_shares(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The share of each box `(N, 4)` that is hidden, `(N,)` in 0..1: covered by boxes whose lower edge is lower, so
    that they are nearer to the camera, and `CUT` more where the border of the picture `(H, W, ...)` cuts it."""
    boxes = np.asarray(boxes, "float64")
    rows, columns = ((np.arange(count) + 0.5) / count for count in GRID)
    down = boxes[:, 1:2] + (boxes[:, 3:] - boxes[:, 1:2]) * rows  # (N, rows)
    across = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * columns  # (N, columns)
    left, top, right, bottom = (side[:, None] for side in boxes.T)
    # By box, other box, and row or column.
    inside_down = (down[:, None] > top) & (down[:, None] < bottom)
    inside_across = (across[:, None] > left) & (across[:, None] < right)
    nearer = boxes[None, :, 3] > boxes[:, None, 3]
    covered = (inside_down[..., :, None] & inside_across[..., None, :] & nearer[..., None, None]).any(axis=1)
    height, width = shape[:2]
    ends = boxes[:, :2].min(axis=1) < BORDER
    ends |= (boxes[:, 2] > width - BORDER) | (boxes[:, 3] > height - BORDER)
    return np.minimum(covered.mean(axis=(1, 2)) + CUT * ends, 1.0)


def sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian of the brightness of RGB pixels `(H, W, 3)`, at one size, so that a large picture is
    sharper than a small one that says less."""
    grey = Image.fromarray(pixels).convert("L").resize(SEEN[::-1], Image.Resampling.BILINEAR)
    grey = np.asarray(grey, "int32")
    middle = grey[1:-1, 1:-1]
    return float(np.var(4 * middle - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]))
