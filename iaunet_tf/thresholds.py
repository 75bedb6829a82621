"""Distances below which two images are called one person, and how often that is right."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from iaunet_tf.errors import InputError
from iaunet_tf.wording import either


@dataclass(frozen=True)
class Threshold:
    """A distance, below which two images are called one person, or a query is called a person of the gallery.

    Attributes:
        false_rate: how often that may be wrong, 0..1: the false positive rate of pairs of two people, or the false
            identification rate of queries whose person is not in the gallery.
        distance: the threshold.
        true_rate: how often it is right, 0..1: the true positive rate of pairs of one person, or the share of queries
            that find their person first and below the threshold.
        false_interval, true_interval: where both rates are to be expected on as many other people, in 95 % of cases.
    """

    false_rate: float
    distance: float
    true_rate: float
    false_interval: tuple[float, float]
    true_interval: tuple[float, float]


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of a network, and on which data they were measured.

    Attributes:
        data: the data in words.
        metric: `"cosine"` or `"euclidean"`, which distances are meant.
        pairs: for the question whether two images show the same person, by rising false positive rate.
        open_set: for the question whether the person of a query is in a gallery, and who it is. They hold for galleries
            about as large as the one they were measured on.
    """

    data: str
    metric: str
    pairs: tuple[Threshold, ...]
    open_set: tuple[Threshold, ...] = ()

    def distance(self, false_rate: float, kind: str = "pairs") -> float:
        """The threshold of `"pairs"`, or of an `"open_set"`, for one of the false rates that were measured.

        Raises:
            InputError: it is not among them.
        """
        measured = {each.false_rate: each.distance for each in getattr(self, kind)}
        if false_rate not in measured:
            there = either([f"{rate:g}" for rate in measured]) if measured else "none: there were too few people"
            raise InputError(f"no threshold was measured for a rate of {false_rate}; on {self.data}, {there}")
        return measured[false_rate]

    def to_dict(self) -> dict:
        """The thresholds as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Any) -> "Thresholds":
        """What `to_dict` has returned, from a file that may hold anything.

        Raises:
            InputError: it is something else.
        """
        try:
            pairs, open_set = (tuple(map(_threshold, content[key])) for key in ("pairs", "open_set"))
            data, metric = content["data"], content["metric"]
            if type(data) is type(metric) is str:
                return cls(data[:200], metric, pairs, open_set)
        except (TypeError, LookupError, ValueError):
            pass
        raise InputError("the thresholds are damaged")


def _threshold(content):
    values = {entry.name: content[entry.name] for entry in fields(Threshold)}
    for name, value in values.items():
        numbers = value if name.endswith("interval") else [value]
        if len(numbers) != 1 + name.endswith("interval"):
            raise ValueError(name)
        if any(type(each) not in (int, float) or not math.isfinite(each) or each < 0 for each in numbers):
            raise ValueError(name)
        values[name] = tuple(map(float, numbers)) if name.endswith("interval") else float(value)
    return Threshold(**values)
