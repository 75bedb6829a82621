"""Training history as a CSV file."""

import csv
from pathlib import Path

import keras

from iaunet_tf.files import replacing
from iaunet_tf.run import Run


class History(keras.callbacks.CSVLogger):
    """A `CSVLogger` with metrics, named by `validation`, that are `NA` in some epochs."""

    def __init__(self, run: Run, validation: list[str], append: bool):
        super().__init__(run.history, append=append)
        self.validation = validation

    def on_epoch_end(self, epoch, logs=None):
        if not self.keys:
            self.keys = [name for name in logs if name not in self.validation] + self.validation
        super().on_epoch_end(epoch, logs)


def rewind(path: Path, epochs: int) -> None:
    """Keeps a history's first `epochs` epochs."""
    if not path.is_file():
        return
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    kept = rows[:1] + [row for row in rows[1:] if row and int(row[0]) < epochs]
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(kept)
