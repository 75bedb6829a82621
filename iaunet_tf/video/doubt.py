"""How doubtful it is who a tracklet shows, and why."""

from iaunet_tf.video.tracklets import Tracklet

DOUBTFUL = 0.8  # from which on somebody should have a look: a fifth of the threshold, or less, decided


def doubt(tracklet: Tracklet, threshold: float) -> float:
    """How doubtful the identity of a tracklet is, from 0 to 1.

    It is 1 less the smallest margin by which the decision could have been another, in thresholds: by how much the
    nearest other tracklet, or entry of the gallery, of that person is nearer than the threshold; by how much it is
    nearer than anybody else; and for a new identity, by how much anybody else is beyond the threshold. So it is 0 if
    all margins are a threshold or more, and 1 if one is nothing or less than that. It is 1 as well for a tracklet
    that could not be compared, as none of its pictures could be used.
    """
    if _unseen(tracklet):
        return 1.0
    margins = [margin for margin, _ in _margins(tracklet, threshold)]
    return max(0.0, min(1.0, 1 - min(margins, default=1.0)))


def reasons(tracklet: Tracklet, threshold: float) -> list[str]:
    """Why a tracklet is doubtful, in words, what weighs most first; nothing if it is not."""
    if _unseen(tracklet):
        return ["none of its pictures could be used"]
    close = sorted(pair for pair in _margins(tracklet, threshold) if 1 - pair[0] >= DOUBTFUL)
    return [words for _, words in close]


def short(name: str, most: int = 60) -> str:
    """A name that does not fill the page, however long it is."""
    return name if len(name) <= most else f"{name[:most]}…"


def _unseen(tracklet):
    compared = tracklet.distance is not None or tracklet.rival_distance is not None
    return tracklet.identity is None or (tracklet.embedding is None and not compared)


def _margins(tracklet, threshold):
    """By how much, in thresholds, each decision could have been another, and that in words."""
    own, other = tracklet.distance, tracklet.rival_distance
    rival = "somebody else" if tracklet.rival is None else short(tracklet.rival)
    unit = threshold or 1.0
    if own is not None:
        where = "just within" if own < threshold else "beyond"
        yield (threshold - own) / unit, f"its distance of {own:.3f} is {where} the threshold of {threshold:.3f}"
    if other is None:
        return
    if own is not None:
        how = "nearly as near" if other > own else "as near" if other == own else "nearer"
        yield (other - own) / unit, f"{rival} is {how}: {other:.3f}, and its own identity {own:.3f}"
    if not tracklet.known:
        where = "only just beyond" if other >= threshold else "within"
        words = f"it is somebody new, but {rival} is at {other:.3f}, {where} the threshold of {threshold:.3f}"
        yield (other - threshold) / unit, words
