"""Checkpoints: all that a step of training depends on, written whole or not at all."""

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

STATE = "iaunet_tf.json"  # in the archive that a .keras file is


@dataclass
class State:
    """Where a run is, beside the variables of network and optimizer.

    Attributes:
        epoch: the next step's, from 0.
        step: the next step's place in its epoch; the seeds of sampling and augmentation follow from both.
        sums: of the values of the epoch's steps so far, for the history.
        best: best score so far.
        loss_scale: of `LossScale`, empty without.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: float = -math.inf
    loss_scale: dict[str, float] = field(default_factory=dict)


def save(model: keras.Model, path: Path, state: State, previous: Path | None = None) -> None:
    """Writes a compiled model and the state as one `.keras` file; what was there before becomes `previous`."""
    with replacing(path) as temporary:
        save_outside(model, temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(STATE, json.dumps(asdict(state)))
        if previous and path.is_file():
            os.replace(path, previous)


def save_outside(model: keras.Model, path: Path) -> None:
    """Saves a model outside of the strategy's scope, in which Keras would create a few variables on the way, and wait
    for the other hosts to do so too. Scopes are of a thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(model.save, path).result()


def restore(model: keras.Model, run: Run) -> State:
    """Puts the run's last checkpoint, or if that is damaged the one before, into a compiled model.

    Raises:
        InputError: there is none, both are damaged, or it is of another network.
    """
    paths = [path for path in (run.last, run.previous) if path.is_file()]
    if not paths:
        raise InputError(f"{run.path}: holds no checkpoint to go on from ({run.last.name} is missing)")
    failures = []
    for path in paths:
        try:
            saved, state = _load(path)
        except Exception as error:  # whatever zipfile, json, h5py or Keras make of a damaged file
            failures.append(f"{path}: is damaged or no checkpoint of iaunet-tf ({' '.join(str(error).split())[:200]})")
            continue
        if failures:
            print(f"{failures[0]}; going on from the one before")
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
            ((a[0], f"{a[1]} here, {b[1]} there") for a, b in zip(ours, theirs, strict=False) if a != b),
            ("the network", f"{len(ours)} variables here, {len(theirs)} there"),
        )
        raise InputError(f"{path}: is the checkpoint of another network or data set ({name}: {difference})")
    model.set_weights(saved.get_weights())
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
