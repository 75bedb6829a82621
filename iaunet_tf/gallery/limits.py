"""From which distance on it is somebody else, where nobody has said it."""

from dataclasses import dataclass

from iaunet_tf.inference import Embedder

RATE = 0.01  # how often that may be wrong, if it was measured


@dataclass(frozen=True)
class Limit:
    """A threshold: the distance, its kind (`"pairs"`, `"open_set"`, or `"given"`), and the false rate that it was
    measured for."""

    distance: float
    kind: str = "given"
    rate: float | None = None


def usual_limit(embed: Embedder, threshold: float | None) -> Limit | None:
    """The threshold of searches that name none: `threshold` if given; else as measured for people who may not be in the
    gallery, or else for pairs, at `RATE` or the lowest rate; None if none was measured."""
    if threshold is not None:
        return Limit(threshold)
    measured = embed.thresholds
    for kind in ("open_set", "pairs"):
        rates = {each.false_rate: each.distance for each in getattr(measured, kind, ())}
        if rates:
            rate = RATE if RATE in rates else min(rates)
            return Limit(rates[rate], kind, rate)
    return None
