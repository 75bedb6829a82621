"""Checkpoints with the complete state of training, written atomically."""

import json
import math
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras

from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.files import replacing
from iaunet_tf.run import Run
from iaunet_tf.training.resumption import check_same, dependencies

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
    depends: dict[str, object] = field(default_factory=dict)  # what training depends on; empty in older versions

    def __post_init__(self):
        """Refuses what training cannot have left behind."""
        counts = [self.epoch, self.step, self.loss_scale.get("finite_steps", 0)]
        numbers = [*self.sums.values(), *self.loss_scale.values(), *([] if self.best == -math.inf else [self.best])]
        if (
            any(type(count) is not int or count < 0 for count in counts)
            or any(not isinstance(number, int | float) or not math.isfinite(number) for number in numbers)
            or self.loss_scale.keys() not in (set(), {"value", "finite_steps"})
            or self.loss_scale.get("value", 1) <= 0
            or ("loss" in self.sums) != (self.step > 0)
            or not isinstance(self.depends, dict)
        ):
            raise ValueError("its state is out of range")


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


def read_state(path: Path) -> State:
    """The state in a checkpoint; various exceptions for what is none."""
    with zipfile.ZipFile(path) as archive:
        return State(**json.loads(archive.read(STATE)))


def check_resumable(config: Config, run: Run) -> None:
    """Before long work, compares a configuration with what a run's newest readable checkpoint depends on."""
    for path in (run.last, run.previous):
        try:
            state = read_state(path)
        except Exception:  # `restore` says why
            continue
        check_same(dependencies(config), state.depends, run.path)
        if state.epoch > config.train.epochs or (state.step and state.epoch == config.train.epochs):
            raise InputError(
                f"{path}: has trained for {state.epoch} epochs and {state.step} steps, more than train.epochs "
                f"{config.train.epochs}; raise that"
            )
        return


def restore(model: keras.Model, run: Run) -> State:
    """Restores a compiled model from a run's last checkpoint, or the one before if that is damaged.

    Returns the state of the run. A checkpoint of another network is an `InputError`.
    """
    failures = []
    for path in (path for path in (run.last, run.previous) if path.is_file()):
        try:
            state, saved = read_state(path), keras.models.load_model(path)
            if saved.optimizer is None:
                raise ValueError("it has no optimizer")
        except Exception as error:  # zipfile, json, h5py and Keras raise various exceptions for damaged files
            failures.append(f"{path}: damaged or not an iaunet-tf checkpoint ({reason_of(error, 200)})")
            continue
        if failures:
            print(f"{failures[0]}; resuming from the previous one")
        _take(model, saved, path)
        return state
    raise InputError(f"{failures[0]}; train again in another --run_dir")


def _take(model, saved, path):
    def shapes(model):
        optimizer = [("the optimizer", tuple(variable.shape)) for variable in model.optimizer.variables]
        return [(variable.path, tuple(variable.shape)) for variable in model.variables] + optimizer

    ours, theirs = shapes(model), shapes(saved)
    if ours != theirs:
        name, difference = next(
            ((a[0], f"{a[1]} here, {b[1]} in the file") for a, b in zip(ours, theirs, strict=False) if a != b),
            ("the network", f"{len(ours)} variables here, {len(theirs)} in the file"),
        )
        raise InputError(f"{path}: checkpoint of another network or data set ({name}: {difference})")
    model.set_weights(saved.get_weights())
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
