"""Which cameras are hard to search from which."""

from collections import defaultdict

import numpy as np

from iaunet_tf.evaluation.embeddings import Ids
from iaunet_tf.evaluation.ranking import average_precision, match_ranks

# Where every image has a camera of its own there is nothing to see.
MOST_CAMERAS = 64


class CameraPairs:
    """Searches for the queries of each camera among the gallery entries of each other camera alone.

    The result has a dictionary for each pair of cameras in which a query has a match:
    `query_camera`, `gallery_camera`, `queries` with a match, `mAP` and `rank-1` in 0..1. It is
    empty with more than 64 cameras.
    """

    def __init__(self, query: Ids, gallery: Ids):
        self.query = query
        self.cameras, counts = np.unique(gallery.camids, return_counts=True)
        self.active = len(np.union1d(query.camids, self.cameras)) <= MOST_CAMERAS
        # The gallery sorted by camera: a camera's entries stand together, in the gallery's order.
        self.order = np.argsort(gallery.camids, kind="stable")
        self.place = np.argsort(self.order)
        self.bounds = np.append(0, np.cumsum(counts))
        self.found: dict[tuple, list[tuple[float, bool]]] = defaultdict(list)

    def add(self, query: int, similarities: np.ndarray, matches: np.ndarray) -> None:
        if not self.active or not len(matches):
            return
        similarities, matches = similarities[self.order], np.sort(self.place[matches])
        here, of = self.query.camids[query], np.searchsorted(self.bounds, matches, side="right") - 1
        for camera in np.unique(of):
            start, end = self.bounds[camera : camera + 2]
            ranks = match_ranks(similarities[start:end], matches[of == camera] - start)
            self.found[here, self.cameras[camera]].append((average_precision(ranks), ranks[0] == 1))

    def result(self) -> list[dict]:
        return [
            {
                "query_camera": here.item(),  # a number or text
                "gallery_camera": there.item(),
                "queries": len(values),
                "mAP": float(np.mean([precision for precision, _ in values])),
                "rank-1": float(np.mean([hit for _, hit in values])),
            }
            for (here, there), values in sorted(self.found.items())
        ]
