"""Is the input of a network of others what its user states? Wrong colours and scales give embeddings, too.

On a sample of people, embeddings of the same person in two cameras are compared with those of different people. The gap
between the means of their cosines, in standard deviations of the latter, tells more than the mAP: in twelve comparisons
it was the largest for the right input, or within 4 % of it, while mAP often preferred a wrong one (docs/internals.md).
"""

import numpy as np

from iaunet_tf.data.dataset import has_match
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.evaluator import TestSet
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.alike import hardly_differ
from iaunet_tf.inference.stated import CHOICES

PAIRS = 30  # images of queries, and of the gallery, that are looked at
FEWEST = 20  # pairs of one person
BETTER = 1.15  # times the gap, from where another input is better: in 9 of 1,800 random samples it was not
LEAST = 0.3  # and by so much at least


def doubts(embedder: Embedder, test: TestSet) -> list[str]:
    """What speaks against the stated input of a network of others, a line each, on a sample of a test set.

    The sample is embedded under all other orders of colours and scales as well.
    """
    parts = [*zip((test.query, test.gallery), _sample(test), strict=True)]
    pids, camids = ([getattr(part.subset, ids)[rows] for part, rows in parts] for ids in ("pids", "camids"))
    different = pids[0][:, None] != pids[1]
    same = ~different & (camids[0][:, None] != camids[1])
    if same.sum() < FEWEST or not different.any():
        return []
    pixels = [list(part.read(part.subset.starts[rows])[0]) for part, rows in parts]

    def gap(network):
        cosines = np.matmul(network(pixels[0]), network(pixels[1]).T)
        spread = cosines[different].std() or np.inf
        return (cosines[same].mean() - cosines[different].mean()) / spread, np.median(cosines[different])

    own, median = gap(embedder)
    found = [line] if (line := hardly_differ("different people", median)) else []
    best, changes = own, {}
    for change in _others(embedder.metadata):
        try:
            other, _ = gap(embedder.otherwise(**change))
        except InputError:  # infinite numbers and the like under a wrong input
            continue
        if other > best:
            best, changes = other, change
    if best > max(own * BETTER, own + LEAST):
        keys = " ".join(f"--input.{key} {value}" for key, value in changes.items())
        found.append(
            f"with {keys} a sample of {sum(map(len, pixels))} images tells people apart better: the same and different "
            f"people are {best:.1f} standard deviations apart, with the stated input {own:.1f}; is it right?"
        )
    return found


def _others(metadata):
    """Changes of the colours, of the scale, and of both."""
    for colour in CHOICES["colour"]:
        for scale in CHOICES["scale"] if metadata.dtype == "float32" else ("none",):
            change = {"colour": colour, "scale": scale}
            change = {key: value for key, value in change.items() if value != getattr(metadata, key)}
            if change:
                yield change


def _sample(test):
    """Places of queries that have matches, spread over the people, and of some of their matches."""
    query, gallery = test.query.subset, test.gallery.subset
    rows = np.flatnonzero(has_match(query, gallery))
    rows = rows[np.linspace(0, len(rows) - 1, min(PAIRS, len(rows))).round().astype(int)]
    each, matches = -(-PAIRS // len(rows)), set()
    for row in rows:
        own = np.flatnonzero((gallery.pids == query.pids[row]) & (gallery.camids != query.camids[row]))
        matches.update(own[np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int)].tolist())
    return rows, np.array(sorted(matches))
