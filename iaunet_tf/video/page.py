"""The page of a run of `iaunet identify`: who was where, when, and where somebody should have a look."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader

from iaunet_tf.files import printable, replacing
from iaunet_tf.video.cards import Card, card_of
from iaunet_tf.video.colours import Colour, colours_of
from iaunet_tf.video.doubt import DOUBTFUL, short
from iaunet_tf.video.lanes import TimeLine, time_lines
from iaunet_tf.video.links import link_to
from iaunet_tf.video.times import is_date, text_of
from iaunet_tf.video.tracklets import Tracklet

TABLE = "tracklets.csv"
COLUMNS = (
    *("camera", "track", "first", "last", "start", "end", "boxes", "identity", "known"),
    *("distance", "rival", "rival_distance", "doubt"),
)
DECIMALS = {"start": 6, "end": 6, "distance": 6, "rival_distance": 6, "doubt": 3}
LISTED = 100  # doubtful tracklets at the top of the page
OPENED = 20  # people who are unfolded
TOGETHER = 50  # tracklets of a person that are not folded


@dataclass(frozen=True, eq=False)
class Person:
    """What the page says of an identity; `name` is None for the tracklets without one."""

    number: int
    name: str | None
    colour: Colour | None
    cards: list[Card]
    lines: list[TimeLine]


def write_page(
    tracklets: Sequence[Tracklet],
    path: str | Path,
    threshold: float,
    title: str = "Who was where, when?",
    videos: Mapping[str, str | Path | None] | None = None,
    colours: Mapping[str, Colour] | None = None,
    notes: Iterable[str] = (),
) -> None:
    """Writes the page of a run, and beside it `tracklets.csv` with the same figures.

    The page shows every identity with its tracklets by camera and time: the most doubtful identities first, and of
    each the doubtful tracklets first. Pictures that lie in the folder of the page, or below it, are linked; small
    copies of others are in the page. It needs nothing else and runs no scripts.

    Args:
        tracklets: of all videos.
        path: the page, such as `out/index.html`.
        threshold: the cosine distance from which on it is somebody else.
        title: of the page.
        videos: the annotated video of each camera, None where there is none; cameras of tracklets need not be in it.
        colours: of people, as in the videos; `colours_of` all names if not given.
        notes: what else is to be read at the top, a paragraph each.
    """
    path = Path(path)
    cameras = dict.fromkeys(each.camera for each in tracklets) | dict(videos or {})
    links = {camera: link_to(video, path.parent) for camera, video in cameras.items() if video is not None}
    cards = [card_of(number, each, path.parent, threshold, links) for number, each in enumerate(tracklets, 1)]
    names = {each.identity for each in tracklets if each.identity is not None}
    people = _people(cards, colours_of(names) | dict(colours or {}))
    faces = {person.name: [(card, card.pictures[0][1]) for card in person.cards if card.pictures] for person in people}

    def face(name, besides):
        """A picture of somebody, from another tracklet than the one in question, a certain one if there is."""
        return next((address for card, address in reversed(faces.get(name, ())) if card is not besides), None)

    doubtful = [card for card in cards if card.doubtful and card.tracklet.identity is not None]
    environment = Environment(loader=PackageLoader("iaunet_tf.video", "."), autoescape=True)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"text_of": text_of, "short": short}
    parts = environment.get_template("page.html").generate(
        title=title,
        notes=notes,
        table=TABLE,
        threshold=threshold,
        cameras=[(camera, links.get(camera), _of(camera, tracklets)) for camera in sorted(cameras)],
        tracklets=tracklets,
        dated=any(is_date(each.start) for each in tracklets),
        undated=any(not is_date(each.start) for each in tracklets),
        known={each.identity for each in tracklets if each.known} - {None},
        people=people,
        face=face,
        numbers={person.name: person.number for person in people},
        doubtful=sorted(doubtful, key=lambda card: card.rank),
        listed=LISTED,
        opened=OPENED,
        together=TOGETHER,
        limit=DOUBTFUL,
    )
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(parts)
    _write_table(cards, path.with_name(TABLE))


def _people(cards, colours):
    """Everybody, the most doubtful first, tracklets without an identity last."""
    found = {}
    for card in sorted(cards, key=lambda card: card.rank):
        found.setdefault(card.tracklet.identity, []).append(card)
    nobody = found.pop(None, None)
    if nobody:
        found[None] = nobody
    people = []
    for number, (name, own) in enumerate(found.items(), 1):
        own.sort(key=lambda card: (-card.doubt if card.doubtful else 0, card.tracklet.start, card.tracklet.camera))
        people.append(Person(number, name, colours.get(name), own, time_lines(own)))
    return people


def _of(camera, tracklets):
    """Tracklets of a camera, how many people they show, and their first and last time."""
    own = [each for each in tracklets if each.camera == camera]
    if not own:
        return 0, 0, None, None
    people = {each.identity for each in own} - {None}
    return len(own), len(people), min(each.start for each in own), max(each.end for each in own)


def _write_table(cards, path):
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for card in sorted(cards, key=lambda card: (card.tracklet.camera, card.tracklet.track)):
            values = [card.doubt if name == "doubt" else getattr(card.tracklet, name) for name in COLUMNS]
            writer.writerow(map(_cell, COLUMNS, values))


def _cell(name, value):
    if value is None:
        return ""
    if name == "known":
        return str(bool(value)).lower()
    return f"{value:.{DECIMALS[name]}f}" if name in DECIMALS else printable(value)
