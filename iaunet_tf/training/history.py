"""Training history as a CSV file."""

import contextlib
import csv
import os
from pathlib import Path

import keras

from iaunet_tf.files import replacing
from iaunet_tf.run import Run

MISSING = ("NA", "")  # of a metric that an epoch does not have


class History(keras.callbacks.CSVLogger):
    """A `CSVLogger` with metrics, named by `validation`, that are `NA` in some epochs, or in all that there were before
    a run was continued with them."""

    def __init__(self, run: Run, validation: list[str], append: bool):
        super().__init__(run.history, append=append)
        self.validation = validation
        rows = read_history(run.history) if append else []
        self.columns = rows[0][1:] if rows else []
        new = [name for name in validation if name not in self.columns]
        if rows and new:
            self.columns += new
            _write(run.history, [rows[0] + new, *(row + ["NA"] * len(new) for row in rows[1:])])

    def on_epoch_end(self, epoch, logs=None):
        if not self.keys:
            own = [name for name in logs if name not in self.validation] + self.validation
            self.keys = self.columns or own
        try:
            super().on_epoch_end(epoch, logs)
        except OSError as error:
            error.filename = self.filename
            raise


def read_history(path: Path) -> list[list[str]]:
    """Columns and whole rows of a history, by epoch. Torn and damaged rows are left out; nothing is left of a file that
    is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    header, *rows = [line.split(",") for line in lines] or [[""]]
    if header[0] != "epoch" or len(header) < 2:
        return []
    by_epoch = {}
    for row in rows:
        with contextlib.suppress(ValueError):
            epoch, *_ = int(row[0]), *(float(value) for value in row if value not in MISSING)
            if len(row) == len(header):
                by_epoch[epoch] = row
    return [header, *(by_epoch[epoch] for epoch in sorted(by_epoch))]


def rewind(path: Path, epochs: int) -> None:
    """Keeps a history's first `epochs` epochs. A file that lacks some is damaged, and is kept beside the new one."""
    if not path.exists():
        if epochs:
            print(f"{path}: is gone; it begins anew after {epochs} epochs")
        return
    rows = read_history(path)
    kept = rows[:1] + [row for row in rows[1:] if int(row[0]) < epochs]
    missing = epochs - len(kept[1:])
    if missing:
        aside = path.with_name(f"damaged-{path.name}")
        os.replace(path, aside)
        print(f"{path}: lacks {missing} of {epochs} epochs; what it was is {aside}")
    _write(path, kept)


def _write(path, rows):
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
