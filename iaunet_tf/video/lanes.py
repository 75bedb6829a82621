"""A time line with a lane for each camera."""

from collections.abc import Iterable
from typing import NamedTuple

from iaunet_tf.video.cards import Card
from iaunet_tf.video.times import is_date, text_of


class Bar(NamedTuple):
    """A tracklet on a time line: where it begins and how long it is, in percent of the line."""

    card: Card
    left: float
    width: float


class TimeLine(NamedTuple):
    """Lanes by camera, and the times at the begin and the end."""

    lanes: dict[str, list[Bar]]
    first: str
    last: str


def time_lines(cards: Iterable[Card]) -> list[TimeLine]:
    """A time line of tracklets that have dates, and another of those whose times count from the begin of their video,
    which cannot be compared with dates; only those that there are."""
    found = []
    cards = sorted(cards, key=lambda card: (card.tracklet.start, card.tracklet.end))
    for dated in (True, False):
        chosen = [card for card in cards if is_date(card.tracklet.start) == dated]
        if not chosen:
            continue
        first, last = chosen[0].tracklet.start, max(card.tracklet.end for card in chosen)
        span = last - first
        lanes: dict[str, list[Bar]] = {camera: [] for camera in sorted({card.tracklet.camera for card in chosen})}
        for card in chosen:
            each = card.tracklet
            left, right = ((100 * (time - first) / span if span > 0 else 50) for time in (each.start, each.end))
            lanes[each.camera].append(Bar(card, left, max(right - left, 0)))
        found.append(TimeLine(lanes, text_of(first), text_of(last)))
    return found
