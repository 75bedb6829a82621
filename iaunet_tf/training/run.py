"""The folder of a run.

config.yaml            every key of the configuration
history.csv            one line an epoch
tensorboard/           the same for TensorBoard
checkpoints/last.keras     the newest state, with the optimizer's: what --resume goes on from
checkpoints/previous.keras the one before
checkpoints/best.keras     the state of the best mAP (top-1), with --eval.every
model.keras            the trained network
metrics.json           its evaluation
cmc.png, roc.png, cameras.csv, embeddings/   of re-identification
confusion.csv, .png    of classification
evaluations/           of --evaluate with other keys, a folder each
report/                of python -m iaunet_tf.report
"""

import csv
import datetime
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.training.config import Config, save_config


@dataclass(frozen=True)
class Run:
    """Paths of a run folder."""

    path: Path

    @classmethod
    def new(cls, config: Config) -> "Run":
        """Chooses the folder of a new run; `begin` makes it.

        Raises:
            InputError: the folder exists.
        """
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        run = cls(Path(config.run_dir or f"runs/{config.name}-{now}"))
        if run.path.exists():
            raise InputError(f"{run.path}: exists; go on with it by --resume {run.path}, or choose another --run_dir")
        config.run_dir = str(run.path)
        return run

    def begin(self, config: Config) -> None:
        """Makes the folder, if it is not there, and stores the configuration."""
        self.path.mkdir(parents=True, exist_ok=True)
        save_config(config, self.config)

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last.keras"

    @property
    def previous(self) -> Path:
        return self.path / "checkpoints" / "previous.keras"

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best.keras"

    @property
    def model(self) -> Path:
        return self.path / "model.keras"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def cmc(self) -> Path:
        return self.path / "cmc.png"

    @property
    def roc(self) -> Path:
        return self.path / "roc.png"

    @property
    def cameras(self) -> Path:
        return self.path / "cameras.csv"

    @property
    def embeddings(self) -> Path:
        return self.path / "embeddings"

    @property
    def confusion(self) -> Path:
        return self.path / "confusion.csv"

    def rewind_history(self, epochs: int) -> None:
        """Keeps the history's first `epochs` epochs."""
        if not self.history.is_file():
            return
        with self.history.open(newline="") as file:
            rows = list(csv.reader(file))
        kept = rows[:1] + [row for row in rows[1:] if row and int(row[0]) < epochs]
        with replacing(self.history) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows(kept)

    def tidy(self) -> None:
        """Removes what a killed process was writing."""
        folders = self.path, self.last.parent, self.embeddings
        for path in [path for folder in folders for path in folder.glob(".*")]:
            if re.match(r"\.\d+-", path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
