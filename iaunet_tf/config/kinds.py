"""What keys take: types of numbers, and how messages and the help call every type."""

import math
from types import NoneType
from typing import TYPE_CHECKING, get_args, get_origin

import yaml
from jsonargparse.typing import restricted_number_type

from iaunet_tf.wording import either


def _whole(low: int, high: int) -> type:
    return restricted_number_type(f"a whole number from {low} to {high}", int, [(">=", low), ("<=", high)])


def _real(name: str, *limits: tuple[str, float]) -> type:
    return restricted_number_type(name, float, [*limits, ("<", math.inf)])


# Their names are what they take, in words.
if TYPE_CHECKING:
    Count = PositiveCount = Depth = Seed = Side = Padding = int
    Amount = PositiveAmount = Share = PositiveShare = Decay = WidthFactor = float
else:
    Count, PositiveCount = _whole(0, 1_000_000), _whole(1, 1_000_000)
    Depth = _whole(1, 100)
    Seed = _whole(0, 2**32 - 1)
    Side = _whole(16, 4096)
    Padding = _whole(0, 256)
    Amount = _real("a number from 0 up", (">=", 0))
    PositiveAmount = _real("a number above 0", (">", 0))
    Share = _real("a number from 0 to 1", (">=", 0), ("<=", 1))
    PositiveShare = _real("a number above 0, up to 1", (">", 0), ("<=", 1))
    Decay = _real("a number from 0 to below 1", (">=", 0), ("<", 1))
    WidthFactor = _real("a number above 0, up to 8", (">", 0), ("<=", 8))


def expected(kind: type) -> str:
    """What a key of this type takes."""
    return either(_words(kind))


def _words(kind):
    simple = {bool: ["true", "false"], str: ["text"], NoneType: ["null"]}
    if kind in simple:
        return simple[kind]
    if get_origin(kind) is list:
        return [f"a list [{expected(get_args(kind)[0])}, ...]"]
    if get_args(kind):  # of a union, or a literal
        return [word for each in get_args(kind) for word in ([each] if isinstance(each, str) else _words(each))]
    return [kind.__name__]


def is_blank(value: object, kind: type) -> bool:
    """Whether a value is null where that means nothing, or a text of no use."""
    if value is None:
        return NoneType not in get_args(kind)
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and (not text.strip() or "\0" in text) for text in texts)


def is_unquoted(value: object, kind: type) -> bool:
    """Whether YAML read a text as something else: `3`, `true`, `2024-01-01`."""
    return "text" in _words(kind) and not isinstance(value, str | list | dict | None)


def shown(value: object) -> str:
    """A value in a message, on one line."""
    text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n")
    return " ".join(text.split())[:80] or "nothing"
