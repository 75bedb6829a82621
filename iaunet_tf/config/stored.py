"""The configuration of a run, as it is stored and with other keys."""

import os
from collections.abc import Sequence
from pathlib import Path

from iaunet_tf.config.common import Config
from iaunet_tf.config.parsing import parse
from iaunet_tf.errors import InputError
from iaunet_tf.weights.pretrained import PRETRAINED


def stored_config(folder: str | Path) -> Config:
    """The configuration of a run as it is stored, with absolute paths; its data need not be there."""
    return absolute(parse([], str(folder)))


def read_run(folder: str | Path, keys: Sequence[str] = (), needs_data: bool = True) -> tuple[Config, Config]:
    """Reads the configuration of a run with keys of a command line, and as it is stored, both with absolute paths;
    `needs_data` looks whether its data set is there.

    Raises:
        InputError: the folder is not a run, its data set is gone, or the keys belong to another task or fold.
    """
    stored, config = (absolute(parse(words, str(folder))) for words in ([], keys))
    data = config.data
    if needs_data and data.root == stored.data.root and not Path(data.root).exists():
        raise InputError(f"{data.root}: no such folder; {folder} was trained on it: set --data.root to where it is now")
    theirs = getattr(stored.data, "fold", 0)
    if data.name == stored.data.name and getattr(data, "fold", 0) != theirs:
        one = f", or take the run of one fold, such as {folder}/fold-0" if theirs == "all" else ""
        raise InputError(f"{folder}: was trained with data.fold {theirs}, and no other fits it; leave it out{one}")
    return config, stored


def absolute(config: Config) -> Config:
    """Makes the paths of a configuration absolute, so that it holds in any folder."""
    data, model = config.data, config.model
    data.root = _absolute(data.root)
    if model.weights and model.weights not in PRETRAINED:
        model.weights = _absolute(model.weights)
    if config.task == "reid":
        for key in ("more", "test"):
            parts = (entry.partition("=") for entry in getattr(data, key))
            setattr(data, key, [name + equals + _absolute(root) for name, equals, root in parts])
        if config.loss.teacher and os.path.exists(config.loss.teacher):  # it may be the name of a published network
            config.loss.teacher = _absolute(config.loss.teacher)
        config.eval.ensemble = [_absolute(source) for source in config.eval.ensemble]
    return config


def _absolute(path):
    return os.path.abspath(os.path.expanduser(path))
