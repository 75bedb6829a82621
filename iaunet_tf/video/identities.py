"""Who is seen in tracklets: people whom a gallery knows, or new ones."""

from collections.abc import Collection, Sequence
from itertools import count

import numpy as np
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from iaunet_tf.gallery import Gallery
from iaunet_tf.video.tracklets import Tracklet

FAR = 1e9  # a distance that no average makes small again
NEAREST = 100  # entries of a gallery that each tracklet is compared with
UNSEEN = 2.0  # the cosine distance to people of whom no entry is among them


def identify(
    tracklets: Sequence[Tracklet],
    threshold: float,
    gallery: Gallery | None = None,
    apart: Collection[frozenset[str]] | None = (),
    name: str = "person",
) -> None:
    """Says who is seen in tracklets: sets their `identity`, `known`, `distance`, `rival` and `rival_distance`.

    Tracklets, and the people of a gallery, are clustered by average linkage of cosine distances: two become one
    person if the average distance between them is below the threshold, the nearest first. Nobody is in two places at
    once: tracklets that overlap in time in one camera, or in two cameras that are apart, are never one person, nor are
    two people of the gallery. The order of tracklets does not matter.

    Args:
        threshold: cosine distance, such as `Embedder.threshold` gives.
        gallery: the people who are known already; it is not changed.
        apart: pairs of cameras that see no place in common; None for all pairs.
        name: new people are called by it, with a number that the gallery does not have yet.
    """
    seen = sorted((each for each in tracklets if each.embedding is not None), key=_order)
    for each in tracklets:
        each.identity = each.distance = each.rival = each.rival_distance = None
        each.known = False
    if not seen:
        return
    vectors = np.stack([each.embedding for each in seen if each.embedding is not None]).astype("float64")
    people, to_people = _to_people(vectors, gallery)
    number = len(seen)
    distances = np.full((number + len(people),) * 2, FAR)  # two people of the gallery are not one
    distances[:number, :number] = np.clip(1 - vectors @ vectors.T, 0, 2)
    distances[:number, number:], distances[number:, :number] = to_people, to_people.T
    distances[:number, :number][_impossible(seen, apart)] = FAR
    np.fill_diagonal(distances, 0)
    labels = np.zeros(1, int)
    if len(distances) > 1:
        tree = average(squareform(distances, checks=False))
        labels = fcluster(tree, np.nextafter(threshold, 0), "distance")
    identities = dict(zip(labels[number:], people, strict=True))
    new = _new_names(name, gallery)
    for each, label in zip(seen, labels, strict=False):
        each.known = label in labels[number:]
        if label not in identities:
            identities[label] = next(new)
        each.identity = identities[label]
    _measure(seen, distances, labels, identities)


def _order(tracklet):
    return tracklet.start, tracklet.camera, tracklet.track


def _to_people(vectors, gallery):
    """People of the gallery who are near some tracklet, and how far each is from their nearest entry, `(N, P)`."""
    found = gallery.search(vectors.astype("float32"), NEAREST) if gallery is not None and len(gallery) else []
    near = [{} for _ in vectors]
    for own, hits in zip(near, found, strict=False):
        for hit in hits:
            if hit.entry.identity is not None:
                own.setdefault(hit.entry.identity, hit.distance)  # hits are sorted
    people = sorted({identity for own in near for identity in own})
    distances = [[own.get(identity, UNSEEN) for identity in people] for own in near]
    return people, np.array(distances).reshape(len(vectors), len(people))


def _impossible(seen, apart):
    """Which pairs of tracklets show two people, `(N, N)`: at the same time in one camera, or in two that are apart."""
    starts, ends = (np.array([getattr(each, key) for each in seen]) for key in ("start", "end"))
    together = (starts[:, None] <= ends) & (starts <= ends[:, None])
    cameras = sorted({each.camera for each in seen})
    places = np.array([cameras.index(each.camera) for each in seen])
    exclusive = np.eye(len(cameras), dtype=bool)
    for one, first in enumerate(cameras):
        for other, second in enumerate(cameras):
            exclusive[one, other] |= apart is None or frozenset((first, second)) in apart
    return together & exclusive[places[:, None], places]


def _new_names(name, gallery):
    """Names of people whom the gallery does not have."""
    for start in count(1, NEAREST):
        block = [f"{name} {number}" for number in range(start, start + NEAREST)]
        taken = set() if gallery is None else {entry.identity for entry in gallery.entries(identities=block)}
        yield from (each for each in block if each not in taken)


def _measure(seen, distances, labels, identities):
    """Sets how far each tracklet is from its own person and from the nearest other one."""
    possible = np.where(distances >= FAR, np.inf, distances)
    np.fill_diagonal(possible, np.inf)
    for row, each in enumerate(seen):
        own = labels == labels[row]
        nearest = possible[row][own].min(initial=np.inf)
        each.distance = float(nearest) if np.isfinite(nearest) else None
        others = np.where(own, np.inf, possible[row])
        place = int(others.argmin())
        # An identity of which no entry was near has no distance worth telling.
        if others[place] < UNSEEN:
            each.rival, each.rival_distance = identities[labels[place]], float(others[place])
