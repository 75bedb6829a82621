"""A run of `iaunet identify`: from videos to a folder that says who was where, and when."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.files import alone, fingerprint, holds_something, intact, printable, remove_unfinished, state, write_json
from iaunet_tf.gallery import Entry, Gallery
from iaunet_tf.inference import Embedder
from iaunet_tf.terminal import progress
from iaunet_tf.video.annotated import annotate
from iaunet_tf.video.colours import colours_of
from iaunet_tf.video.detectors import Detector, open_detector
from iaunet_tf.video.frames import frames
from iaunet_tf.video.identities import identify
from iaunet_tf.video.live import together
from iaunet_tf.video.page import write_page
from iaunet_tf.video.tracklets import Tracklet
from iaunet_tf.video.tracks_csv import Row, read_tracks, write_tracks
from iaunet_tf.video.watching import WORK, Clock, Settings, Video, boxes_of, watch
from iaunet_tf.wording import without_password

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
    who: Callable[..., None] = identify,
) -> Run:
    """Writes to `out` who is seen in videos: `tracks.csv`, `tracklets.csv`, the page `index.html`, crops, and with
    `films` the videos with boxes and names. New people and their tracklets are added to the gallery, if there is one.

    A run that was interrupted goes on, and writes the same as if it had not been. With another `threshold`, `apart`,
    `who` or a first `gallery`, people are told apart anew, and no video is watched again. Live cameras are watched at
    the same time, each for its `seconds`, until it stops sending, or until Ctrl-C. What comes from an address begins
    anew after an interruption, and no video with boxes is written of it, since it may send something else the next
    time.

    Args:
        threshold: the cosine distance below which it is the same person.
        apart: pairs of cameras that see no place in common, None for all, as `identify` takes them.
        who: says who is seen: takes what `identify` takes, and sets what it sets.

    Raises:
        InputError: a video, its detections or the gallery cannot be used, two videos are of one camera, or `out` holds
            another run, or something else.
    """
    settings = settings or Settings()
    check_number("threshold", threshold, 0, 2)
    _check_cameras(videos, apart)
    detectors = _detectors(videos, settings.score)
    for video in videos:  # what cannot be read is found out before long work
        if video.lasting:
            frames(video.source, rate=video.rate, begin=video.begin).close()
    with alone(out):
        remove_unfinished(*(path for path in out.rglob("*") if path.is_dir()))
        _begin(out, _identity(videos, embed, settings))
        clocks = [Clock() for _ in videos]
        with progress("watching", None) as bar:
            jobs = [
                partial(watch, video, detectors[video.camera], embed, out, settings, clock, bar.update)
                for video, clock in zip(videos, clocks, strict=True)
            ]
            watched = [None if video.live else job() for video, job in zip(videos, jobs, strict=True)]
            seen = iter(together([job for video, job in zip(videos, jobs, strict=True) if video.live]))
        tracklets = [each for own in watched for each in (next(seen) if own is None else own)]
        _decide(out, videos, tracklets, who, threshold, gallery, apart)
        if gallery is not None:
            _add(gallery, videos, tracklets)
        write_tracks(out / "tracks.csv", _rows(videos, tracklets, out))
        colours = colours_of({each.identity for each in tracklets if each.identity})
        filmed = [video for video in videos if films and video.lasting]
        written = {video.camera: _film(video, out, colours) for video in filmed}
        write_page(tracklets, out / "index.html", threshold, videos=written, colours=colours)
    took = sum((clock.seconds for clock in clocks), Counter())
    return Run(tracklets, sum(clock.frames for clock in clocks), dict(took))


def _check_cameras(videos, apart):
    cameras = [video.camera for video in videos]
    for camera in cameras:
        if not camera or camera != Path(camera).name or camera.startswith("."):
            raise InputError(f"camera {camera!r:.80}: a camera's name must be one that a file may have")
        if cameras.count(camera) > 1:
            raise InputError(f"camera {camera} is named twice; join videos of one camera, or run them one by one")
    for camera in set().union(*(apart or ())) - {*cameras}:
        raise InputError(f"there is no camera {camera}; there are {', '.join(cameras)}")


def _detectors(videos, score):
    """What finds people in each video, by its camera; a network is opened once for all."""
    networks, found = {}, {}
    for video in videos:
        name = str(video.detections)
        detect = networks.get(name) or open_detector(video.detections, score)
        if isinstance(detect, Detector):
            networks[name] = detect
        found[video.camera] = detect
    return found


def _identity(videos, embed, settings):
    """What tracklets depend on."""
    return {
        "network": embed.fingerprint,
        "videos": [
            {
                "source": _name(video.source),
                "camera": video.camera,
                "detections": _name(video.detections),
                "begin": video.begin,
                "rate": video.rate,
                "files": fingerprint([_state(video.source), _state(video.detections)]),
            }
            for video in videos
        ],
        "settings": asdict(settings) | {"tracker": _name(settings.tracker)},
    }


def _name(step):
    """What a step is called, the same in every process."""
    return printable(step) if isinstance(step, str | Path) else getattr(step, "__qualname__", type(step).__qualname__)


def _state(source):
    return state(Path(source)) if isinstance(source, str | Path) else None


def _begin(out, identity):
    """Goes on in a folder, or begins in an empty one."""
    file = out / "run.json"
    there = intact(lambda: json.loads(file.read_bytes()), file)
    if there is None:
        if holds_something(out):
            raise InputError(f"{out}: is not empty, and holds no run of iaunet identify; choose another folder")
        write_json(file, identity)
        return
    for key, value in identity.items():
        if there.get(key) != value:
            raise InputError(f"{out}: holds a run with other {key}; choose another folder, or remove this one")


def _decide(out, videos, tracklets, who, threshold, gallery, apart):
    """Says who is seen. It is said once, since a gallery knows more afterwards, and anew if it is asked otherwise."""
    file = out / WORK / "people.json"
    asked = {
        "threshold": threshold,
        "apart": None if apart is None else sorted(sorted(pair) for pair in apart),
        "who": _name(who),
        "gallery": None if gallery is None else [_place(gallery.uri), gallery.collection],
    }
    keys = ("identity", "known", "distance", "rival", "rival_distance")
    found = intact(lambda: json.loads(file.read_bytes()), file)
    if found is None or found["asked"] != asked:
        if found is not None and found["asked"]["gallery"]:
            other = next(key for key in asked if found["asked"][key] != asked[key])
            added = f"its people were added to the gallery {found['asked']['gallery'][0]}"
            raise InputError(f"{out}: holds a run with other {other}, and {added}; choose another folder")
        for video in videos:
            _film_of(out, video).unlink(missing_ok=True)  # it has the old names
        who(tracklets, threshold, gallery, apart)
        write_json(file, {"asked": asked, "people": [[getattr(each, key) for key in keys] for each in tracklets]})
        return
    for each, values in zip(tracklets, found["people"], strict=True):
        for key, value in zip(keys, values, strict=True):
            setattr(each, key, value)


def _add(gallery, videos, tracklets):
    """Adds the tracklets to the gallery, each once however often."""
    sources = {video.camera: video for video in videos}
    seen = [each for each in tracklets if each.embedding is not None]
    for start in range(0, len(seen), AT_ONCE):
        some = seen[start : start + AT_ONCE]
        entries = [_entry(sources[each.camera], each) for each in some]
        gallery.add(entries, np.stack([each.embedding for each in some]))


def _entry(video, tracklet):
    middle, picture = tracklet.crops[len(tracklet.crops) // 2]
    source = _place(video.source)
    return Entry(
        id=hashlib.sha256(json.dumps([source, tracklet.start, tracklet.track, tracklet.first]).encode()).hexdigest(),
        identity=tracklet.identity,
        camera=tracklet.camera,
        time=tracklet.start if video.begin is not None or video.live else None,
        file=source,
        frame=middle - 1,
        tracklet=f"{tracklet.camera} {tracklet.track}",
        thumbnail=os.path.abspath(picture),
    )


def _place(source):
    """Where files are, from everywhere; an address without its password."""
    return os.path.abspath(source) if os.path.exists(source) else without_password(source)


def _rows(videos, tracklets, out) -> Iterator[Row]:
    """Rows of `tracks.csv`."""
    known = {(each.camera, each.track): each for each in tracklets}
    for video in videos:
        for number, time, track, box in boxes_of(out, video):
            of = known[video.camera, track]
            yield Row(video.camera, number, time, track, of.identity, of.distance, *box)


def _film(video, out, colours):
    """The video with boxes and names, written if it is not there."""
    path = _film_of(out, video)
    if not path.is_file():
        with frames(video.source, rate=video.rate, begin=video.begin, say=lambda line: None) as pictures:
            annotate(pictures, read_tracks(out / "tracks.csv", video.camera), path, colours=colours)
    return path


def _film_of(out, video):
    return out / f"{video.camera}.mp4"
