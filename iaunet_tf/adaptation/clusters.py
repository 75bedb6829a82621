"""Clusters of embeddings, which stand for identities."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from iaunet_tf.arguments import check_choice
from iaunet_tf.data.dataset import Subset
from iaunet_tf.data.decoding import load_image
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation.reranking import jaccard_distances
from iaunet_tf.extras import needed
from iaunet_tf.files import replacing

METHODS = ("dbscan", "hdbscan")
TILE = (96, 48)  # height and width of an image in a picture
NOBODY = -1  # cluster of an image that belongs to none


@dataclass(frozen=True)
class Clustering:
    """How people are told apart.

    Attributes:
        method: `"dbscan"` or `"hdbscan"`.
        distance: of DBSCAN: up to which Jaccard distance of their neighbourhoods two images are neighbours, 0 to 1.
        least: images that make a person.
        neighbours: size of the neighbourhoods, `k1` of re-ranking.
    """

    method: str = "dbscan"
    distance: float = 0.5
    least: int = 4
    neighbours: int = 20

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Clusters embeddings `(N, D)`: int `(N,)` from 0 on, `NOBODY` for images that belong to none."""
        check_choice("method", self.method, METHODS)
        with needed("clustering"):
            from sklearn import cluster
        distances = jaccard_distances(vectors, self.neighbours).astype("float64")
        if self.method == "dbscan":
            found = cluster.DBSCAN(eps=self.distance, min_samples=self.least, metric="precomputed", n_jobs=-1)
        else:
            found = cluster.HDBSCAN(min_cluster_size=self.least, metric="precomputed", copy=False)
        return found.fit_predict(distances)


@dataclass(frozen=True)
class Summary:
    """What one clustering found.

    Attributes:
        people: clusters.
        images: images in them.
        left_out: images that belong to none.
        cameras: cameras that see a cluster, on average.
        camera_gap: mean cosine distance between the mean embeddings of two cameras; 0 for one camera.
        agreement: adjusted Rand index with the clusters of the round before, 1 where they are the same; None at first.
    """

    people: int
    images: int
    left_out: int
    cameras: float
    camera_gap: float
    agreement: float | None

    @classmethod
    def of(cls, labels: np.ndarray, vectors: np.ndarray, camids: np.ndarray, before: np.ndarray | None) -> "Summary":
        """Sums up the clusters `(N,)` of unit embeddings `(N, D)`."""
        inside = labels != NOBODY
        seen = {(label, camera) for label, camera in zip(labels[inside], camids[inside], strict=True)}
        people = int(labels.max()) + 1
        means = np.stack([vectors[camids == camera].mean(axis=0) for camera in np.unique(camids)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        pairs = np.triu_indices(len(means), 1)
        gap = float((1 - means @ means.T)[pairs].mean()) if len(means) > 1 else 0.0
        agreement = None
        if before is not None:
            from sklearn.metrics import adjusted_rand_score

            agreement = float(adjusted_rand_score(before, labels))
        count = int(inside.sum())
        return cls(people, count, len(labels) - count, len(seen) / max(1, people), gap, agreement)

    def __str__(self):
        text = f"{self.people} people of {self.images} images, {self.left_out} left out; "
        text += f"{self.cameras:.1f} cameras each, {self.camera_gap:.3f} apart"
        return text if self.agreement is None else f"{text}; agreement with the round before {self.agreement:.2f}"


def write_clusters(file: Path, subset: Subset, labels: np.ndarray) -> None:
    """Writes the cluster of every image, empty for those in none."""
    with replacing(file) as temporary, temporary.open("w", newline="", errors="surrogateescape") as lines:
        writer = csv.writer(lines)
        writer.writerow(("path", "camera", "person"))
        for entry, label in enumerate(labels):
            row = subset.path(subset.starts[entry]), subset.camids[entry], "" if label == NOBODY else label
            writer.writerow(row)


def read_clusters(file: Path, subset: Subset) -> np.ndarray:
    """The clusters `(N,)` that `write_clusters` wrote; an InputError if they are of other images."""
    with file.open(newline="", errors="surrogateescape") as lines:
        rows = list(csv.DictReader(lines))
    paths = [str(subset.path(start)) for start in subset.starts]
    if [row.get("path") for row in rows] != paths:
        raise InputError(f"{file}: is of other images; choose another --run_dir")
    return np.array([int(row["person"]) if row["person"] else NOBODY for row in rows])


def draw_clusters(file: Path, subset: Subset, labels: np.ndarray, people: int = 12, images: int = 10) -> None:
    """Writes a picture of the largest clusters, a row each, and below them of images that belong to none."""
    height, width = TILE
    sizes = np.bincount(labels[labels != NOBODY])
    shown = [*np.argsort(-sizes, kind="stable")[:people], NOBODY]
    page = np.full((len(shown) * (height + 2), images * (width + 2), 3), 255, "uint8")
    for row, label in enumerate(shown):
        entries = np.flatnonzero(labels == label)
        evenly = np.linspace(0, len(entries) - 1, min(images, len(entries))).astype(int)
        for column, entry in enumerate(entries[evenly]):
            y, x = row * (height + 2), column * (width + 2)
            page[y : y + height, x : x + width] = load_image(subset.path(subset.starts[entry]), TILE)
    with replacing(file) as temporary:
        Image.fromarray(page).save(temporary, "png")


def write_summaries(file: Path, summaries: list[Summary]) -> None:
    """Writes what the rounds found, a row each."""
    with replacing(file) as temporary, temporary.open("w", newline="") as lines:
        rows = [{"round": number, **asdict(each)} for number, each in enumerate(summaries, 1)]
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
