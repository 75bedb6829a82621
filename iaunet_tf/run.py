"""The folder of a run: the names of its files, and nothing else."""

from dataclasses import dataclass
from pathlib import Path


def _file(name):
    return property(lambda run: run.path / name)


@dataclass(frozen=True)
class Run:
    """Paths inside a run's folder; each fold of a cross-validation has such a folder of its own."""

    path: Path

    config = _file("config.yaml")  # every key of the configuration
    history = _file("history.csv")  # a line for each epoch
    tensorboard = _file("tensorboard")  # the same for TensorBoard
    last = _file("checkpoints/last.keras")  # the newest state with the optimizer's, for `--resume`
    previous = _file("checkpoints/previous.keras")  # the one before
    best = _file("checkpoints/best.keras")  # of the best mAP (top-1), with `--eval.every`
    model = _file("model.keras")  # the trained network
    metrics = _file("metrics.json")  # its evaluation
    cmc = _file("cmc.png")  # this and the next three: of re-identification
    roc = _file("roc.png")
    cameras = _file("cameras.csv")
    embeddings = _file("embeddings")
    confusion = _file("confusion.csv")  # of classification, with confusion.png
    evaluations = _file("evaluations")  # evaluations with other keys, a folder each
    report = _file("report")  # of `iaunet report`

    def fold(self, number: int) -> "Run":
        """The run of one fold; older versions called it a split."""
        old = self.path / f"split-{number}"
        return Run(old if old.is_dir() else self.path / f"fold-{number}")
