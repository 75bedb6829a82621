"""What a page says of a tracklet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iaunet_tf.video.doubt import DOUBTFUL, doubt, reasons
from iaunet_tf.video.links import pictures_of
from iaunet_tf.video.times import is_date
from iaunet_tf.video.tracklets import Tracklet

SHOWN = 4  # pictures of a tracklet


@dataclass(frozen=True, eq=False)
class Card:
    """A tracklet on a page: its number there, its doubt and why, numbers of frames and addresses of pictures, and the
    address of the annotated video where it begins."""

    number: int
    tracklet: Tracklet
    doubt: float
    why: list[str]
    pictures: list[tuple[int, str]]
    watch: str | None

    @property
    def doubtful(self) -> bool:
        return self.doubt >= DOUBTFUL

    @property
    def rank(self) -> tuple:
        """The most doubtful first; the rest by name, camera and time, whatever order they came in."""
        each = self.tracklet
        return -self.doubt, each.identity or "", each.camera, each.start, each.track


def card_of(number: int, tracklet: Tracklet, folder: Path, threshold: float, videos: Mapping[str, str]) -> Card:
    """The card of a tracklet, for a page in `folder`, with the addresses of annotated videos by camera."""
    watch = videos.get(tracklet.camera)
    if watch and not is_date(tracklet.start):  # a date does not say where in the video it is
        watch += f"#t={max(tracklet.start, 0):.2f}"
    about = doubt(tracklet, threshold), reasons(tracklet, threshold)
    return Card(number, tracklet, *about, pictures_of(tracklet.crops, folder, SHOWN), watch)
