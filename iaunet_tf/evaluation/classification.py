"""Classification metrics: top-1 and top-5 accuracy and the confusion matrix."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from iaunet_tf.files import printable, replacing


@dataclass(frozen=True)
class ClassificationResult:
    """Logits `(N, K)` of a classifier, true labels `(N,)` in 0..K-1, names of the `K` classes."""

    logits: np.ndarray
    labels: np.ndarray
    classes: list[str]

    def top(self, k: int) -> float:
        """Computes the fraction of images whose class is among the `k` highest logits; ties count against it."""
        own = np.take_along_axis(self.logits, self.labels[:, None], axis=1)
        return float(((self.logits >= own).sum(axis=1) <= k).mean())

    def metrics(self) -> dict[str, float]:
        """Returns the top-1 and top-5 accuracy in 0..1."""
        return {"top-1": self.top(1), "top-5": self.top(5)}

    @cached_property
    def confusion(self) -> np.ndarray:
        """Confusion matrix, int `(K, K)`: rows are true classes, columns are predicted classes."""
        counts = np.zeros((len(self.classes),) * 2, int)
        np.add.at(counts, (self.labels, self.logits.argmax(axis=1)), 1)
        return counts

    def __str__(self) -> str:
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        lines = [f"top-1 {100 * self.top(1):6.2f}   top-5 {100 * self.top(5):6.2f}   on {len(self.labels)} images"]
        for place in np.argsort(-wrong, axis=None, kind="stable")[:3]:
            true, guess = np.unravel_index(place, wrong.shape)
            if wrong[true, guess]:
                of = self.confusion[true].sum()
                lines.append(f"{wrong[true, guess]} of {of} {self.classes[true]} predicted as {self.classes[guess]}")
        return "\n".join(lines)

    def write_confusion(self, path: str | Path) -> None:
        """Writes the confusion matrix as a CSV file, and as a PNG file next to it."""
        from matplotlib.figure import Figure

        path, classes = Path(path), [*map(printable, self.classes)]
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["true \\ predicted", *classes])
            writer.writerows([name, *row] for name, row in zip(classes, self.confusion.tolist(), strict=True))
        count = len(self.classes)
        side = min(4 + 0.25 * count, 24)
        figure = Figure(figsize=(side + 1, side), layout="constrained")
        axes = figure.subplots()
        shares = self.confusion / np.maximum(self.confusion.sum(axis=1, keepdims=True), 1)
        picture = axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(picture, label="fraction of the true class [%]")
        axes.set(xlabel="predicted", ylabel="true")
        if count <= 60:
            axes.set_xticks(range(count), classes, rotation=90)
            axes.set_yticks(range(count), classes)
        with replacing(path.with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=120)
