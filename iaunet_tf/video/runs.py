"""A run of `iaunet identify`: from videos to a folder that says who was where, and when."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.files import alone, fingerprint, intact, printable, replacing, state, write_json
from iaunet_tf.gallery import Entry, Gallery
from iaunet_tf.inference import Embedder
from iaunet_tf.terminal import progress
from iaunet_tf.video.annotated import annotate
from iaunet_tf.video.colours import colours_of
from iaunet_tf.video.frames import frames
from iaunet_tf.video.identities import identify
from iaunet_tf.video.page import write_page
from iaunet_tf.video.tracklets import Tracklet
from iaunet_tf.video.tracks_csv import Row, write_tracks
from iaunet_tf.video.watching import Clock, Settings, Video, read_boxes, watch

WORK = "work"  # folder of what an interrupted run goes on from
AT_ONCE = 1000  # tracklets that are added to a gallery at a time


@dataclass(frozen=True)
class Run:
    """What `run` has done.

    Attributes:
        tracklets: of all videos.
        frames: how many frames were worked on now.
        seconds: what each step took now.
    """

    tracklets: list[Tracklet]
    frames: int
    seconds: dict[str, float]


def run(
    videos: Sequence[Video],
    embed: Embedder,
    out: Path,
    threshold: float,
    gallery: Gallery | None = None,
    settings: Settings | None = None,
    apart: Collection[frozenset[str]] | None = (),
    films: bool = True,
) -> Run:
    """Writes to `out` who is seen in videos: `tracks.csv`, `tracklets.csv`, the page `index.html`, crops, and with `films`
    the videos with boxes and names. New people and their tracklets are added to the gallery, if there is one.

    A run that was interrupted goes on, and writes the same as if it had not been.

    Args:
        threshold: the cosine distance below which it is the same person.
        apart: pairs of cameras that see no place in common, None for all, as `identify` takes them.

    Raises:
        InputError: a video, its detections or the gallery cannot be used, two videos are of one camera, or `out` holds
            another run, or something else.
    """
    settings = settings or Settings()
    check_number("threshold", threshold, 0, 2)
    _check_cameras(videos, apart)
    with alone(out):
        _begin(out, _identity(videos, embed, threshold, settings, apart))
        tracklets, clock, count = [], Clock(), 0
        with progress("watching", None) as bar:

            def update(number):
                nonlocal count
                count += number
                bar.update(number)

            for video in videos:
                tracklets += watch(video, embed, out / WORK, settings, clock, update)
        _decide(out, tracklets, threshold, gallery, apart)
        if gallery is not None:
            _add(gallery, videos, tracklets, out)
        write_tracks(out / "tracks.csv", _rows(videos, tracklets, out))
        colours = colours_of({each.identity for each in tracklets if each.identity})
        written = {video.camera: _film(video, tracklets, out, colours) for video in videos} if films else {}
        crops = [(frame, str(out / WORK / file)) for each in tracklets for frame, file in each.crops]
        del crops
        write_page(_with_files(tracklets, out), out / "index.html", threshold, videos=written, colours=colours)
    return Run(tracklets, count, dict(clock.seconds))
