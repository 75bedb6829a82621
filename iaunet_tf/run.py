"""The folder of a run: the names of its files, and nothing else."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """Paths inside a run's folder.

    config.yaml: every key of the configuration
    history.csv: a line for each epoch
    tensorboard/: the same for TensorBoard
    checkpoints/last.keras: the newest state, with the optimizer's, from which `--resume` continues
    checkpoints/previous.keras: the one before
    checkpoints/best.keras: the state of the best mAP (top-1), with `--eval.every`
    model.keras: the trained network
    metrics.json: its evaluation
    cmc.png, roc.png, cameras.csv, embeddings/: of re-identification
    confusion.csv, confusion.png: of classification
    evaluations/: evaluations with other keys, a folder each
    fold-0/, fold-1/, ...: cross-validation, a run's folder each
    report/: of `iaunet report`
    """

    path: Path

    def fold(self, number: int) -> "Run":
        """The run of one fold; older versions called it a split."""
        old = self.path / f"split-{number}"
        return Run(old if old.is_dir() else self.path / f"fold-{number}")

    config = property(lambda self: self.path / "config.yaml")
    history = property(lambda self: self.path / "history.csv")
    tensorboard = property(lambda self: self.path / "tensorboard")
    last = property(lambda self: self.path / "checkpoints" / "last.keras")
    previous = property(lambda self: self.path / "checkpoints" / "previous.keras")
    best = property(lambda self: self.path / "checkpoints" / "best.keras")
    model = property(lambda self: self.path / "model.keras")
    metrics = property(lambda self: self.path / "metrics.json")
    cmc = property(lambda self: self.path / "cmc.png")
    roc = property(lambda self: self.path / "roc.png")
    cameras = property(lambda self: self.path / "cameras.csv")
    embeddings = property(lambda self: self.path / "embeddings")
    confusion = property(lambda self: self.path / "confusion.csv")
    evaluations = property(lambda self: self.path / "evaluations")
    report = property(lambda self: self.path / "report")
