"""What a search asks for, read from the address of a request."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.gallery.entries import check_name, read_time, seconds
from iaunet_tf.gallery.gallery import MOST
from iaunet_tf.gallery.limits import Limit
from iaunet_tf.inference import Embedder
from iaunet_tf.wording import did_you_mean

FURTHEST = 2  # the largest cosine distance
USUAL = 20  # entries that are found if nothing else is asked for
RATES = {"false_positive_rate": "pairs", "false_identification_rate": "open_set"}  # kinds of thresholds
SEARCH = ("k", "cameras", "after", "before", "rerank", "threshold", *RATES)


@dataclass(frozen=True)
class Question:
    """What a search asks for: arguments of `Gallery.search` by name, and the threshold."""

    filters: tuple[tuple[str, object], ...]
    limit: Limit | None


def read_question(given: QueryParams, embed: Embedder, usual: Limit | None) -> Question:
    """What a search asks for.

    Raises:
        InputError: a parameter is unknown, given twice, or out of range.
    """
    check_keys(given, SEARCH, repeated=("cameras",))
    k = _whole(given, "k", 1, USUAL)
    filters = {"k": k, "rerank": _whole(given, "rerank", 0, 0)}
    if filters["rerank"]:
        check_number("rerank", filters["rerank"], k, MOST)
    if "cameras" in given:
        filters["cameras"] = tuple(check_name("camera", name) if name else None for name in given.getlist("cameras"))
    for name in ("after", "before"):
        if name in given:
            filters[name] = _time(name, given[name])
    return Question(tuple(filters.items()), _limit(given, embed, usual))


def check_keys(given: QueryParams, known: Iterable[str], repeated: Iterable[str] = ()) -> None:
    """Refuses parameters that are not known, or given twice."""
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"there is no parameter {name:.80}{hint}")
        if len(given.getlist(name)) > 1 and name not in repeated:
            raise InputError(f"{name} is given twice")


def _limit(given, embed, usual):
    named = [name for name in ("threshold", *RATES) if name in given]
    if len(named) > 1:
        raise InputError(f"{named[0]} and {named[1]} are two ways to say the same; give one")
    if not named:
        return usual
    name = named[0]
    value = _number(name, given[name])
    if name == "threshold":
        check_number(name, value, 0, FURTHEST)
        return Limit(value)
    if embed.thresholds is None:
        raise InputError(f"{name}: the network has no thresholds; give threshold, or measure them by iaunet evaluate")
    return Limit(embed.thresholds.distance(value, RATES[name]), RATES[name], value)


def _whole(given, name, low, usual):
    text = given.get(name)
    if text is None:
        return usual
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text[:80]
    check_number(name, value, low, MOST, whole=True)
    return value


def _number(name, text):
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} must be a number; received {text!r:.80}") from None


def _time(name, text):
    """Seconds since 1970, of such a number or of ISO 8601."""
    try:
        return seconds(name, float(text))
    except ValueError:  # an InputError is one
        pass
    try:
        return seconds(name, read_time(text))
    except (ValueError, OverflowError):
        example = "2026-11-26T13:00:00Z"
        raise InputError(f"{name} must be a time with its zone, such as {example}; received {text!r:.80}") from None
