"""Checkpoints with the complete state of training, written atomically."""

import json
import math
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.run import Run

STATE = "iaunet_tf.json"  # file name in the .keras archive


@dataclass
class State:
    """State of a run besides the variables of the network and the optimizer.

    The seeds of sampling and augmentation are derived from epoch and step.
    """

    epoch: int = 0  # of the next step
    step: int = 0  # the next one in its epoch
    sums: dict[str, float] = field(default_factory=dict)  # of metrics over steps, so far
    best: float = -math.inf  # score
    loss_scale: dict[str, float] = field(default_factory=dict)  # empty without one


def save(model: keras.Model, path: Path, state: State, previous: Path | None = None) -> None:
    """Saves a compiled model and the state; an older file is first renamed to `previous`."""
    with replacing(path) as temporary:
        save_outside(model, temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(STATE, json.dumps(asdict(state)))
        if previous and path.is_file():
            os.replace(path, previous)


def save_outside(model: keras.Model, path: Path) -> None:
    """Saves a model in another thread, and so outside the scope of the strategy.

    In the scope, Keras would create variables while saving and wait for the other hosts to do the same.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(model.save, path).result()


def restore(model: keras.Model, run: Run) -> State:
    """Restores a compiled model from a run's last checkpoint, or the one before if that is damaged.

    Returns the state of the run. A checkpoint of another network is an `InputError`.
    """
    paths = [path for path in (run.last, run.previous) if path.is_file()]
    if not paths:
        raise InputError(f"{run.path}: contains no checkpoint to resume from ({run.last.name} is missing)")
    failures = []
    for path in paths:
        try:
            saved, state = _load(path)
        except Exception as error:  # zipfile, json, h5py and Keras raise various exceptions for damaged files
            failures.append(f"{path}: damaged or not an iaunet-tf checkpoint ({' '.join(str(error).split())[:200]})")
            continue
        if failures:
            print(f"{failures[0]}; resuming from the previous one")
        _take(model, saved, path)
        return state
    raise InputError(failures[0])


def _load(path):
    with zipfile.ZipFile(path) as archive:
        state = State(**json.loads(archive.read(STATE)))
    saved = keras.models.load_model(path)
    if saved.optimizer is None:
        raise ValueError("it has no optimizer")
    return saved, state


def _take(model, saved, path):
    ours, theirs = ([(v.path, tuple(v.shape)) for v in m.variables] for m in (model, saved))
    if ours != theirs:
        name, difference = next(
            ((a[0], f"{a[1]} here, {b[1]} in the file") for a, b in zip(ours, theirs, strict=False) if a != b),
            ("the network", f"{len(ours)} variables here, {len(theirs)} in the file"),
        )
        raise InputError(f"{path}: checkpoint of another network or data set ({name}: {difference})")
    model.set_weights(saved.get_weights())
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
