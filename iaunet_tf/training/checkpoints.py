"""Checkpoints: the state of a training run, network and optimizer, after whole epochs."""

import math

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.training.run import Run


class Checkpoints(keras.callbacks.Callback):
    """Saves the newest and the best state at the end of every epoch, each written whole or not at all.

    Args:
        run: where to.
        score: name of the metric that the best state has most of.
        best: its best value so far.
    """

    def __init__(self, run: Run, score: str, best: float = -math.inf):
        super().__init__()
        self.run = run
        self.score = score
        self.best = best

    def on_epoch_end(self, epoch, logs=None):
        score = (logs or {}).get(self.score, math.nan)
        if score > self.best:
            self.best = score
            self._save(self.run.best)
        self._save(self.run.last)

    def _save(self, path):
        with replacing(path) as temporary:
            self.model.save(temporary)


def restore(model: keras.Model, run: Run) -> None:
    """Puts the run's last checkpoint, optimizer included, into a compiled model.

    Raises:
        InputError: there is none, it is damaged, or it is of another network.
    """
    if not run.last.is_file():
        raise InputError(f"{run.path}: holds no checkpoint to go on from ({run.last.name} is missing)")
    try:
        saved = keras.models.load_model(run.last)
    except Exception as error:  # whatever zipfile, h5py or Keras make of a damaged file
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{run.last}: is damaged or no checkpoint of iaunet-tf ({reason})") from None
    ours, theirs = ([(v.path, tuple(v.shape)) for v in m.variables] for m in (model, saved))
    if ours != theirs or saved.optimizer is None:
        name, difference = next(
            ((a[0], f"{a[1]} here, {b[1]} there") for a, b in zip(ours, theirs, strict=False) if a != b),
            ("the network", f"{len(ours)} variables here, {len(theirs)} there"),
        )
        raise InputError(f"{run.last}: is the checkpoint of another network or data set ({name}: {difference})")
    model.set_weights(saved.get_weights())
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
