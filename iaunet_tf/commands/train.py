"""`iaunet train`: trains, resumes and evaluates as a configuration says."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from iaunet_tf.commands.arguments import Parser, with_underscores
from iaunet_tf.commands.evaluate import evaluate_run
from iaunet_tf.commands.session import train_run, work_on
from iaunet_tf.config.parsing import parse
from iaunet_tf.config.stored import absolute, read_run
from iaunet_tf.errors import InputError
from iaunet_tf.run import Run
from iaunet_tf.training.resumption import check_same, dependencies


def main(arguments: Sequence[str]) -> None:
    """Trains and evaluates a new run, continues one (`--resume`), or evaluates one again (`--evaluate`)."""
    options = Parser("train", add_help=False)
    options.add_argument("--resume")
    options.add_argument("--evaluate")
    given, rest = options.parse_known_args([with_underscores(word) for word in arguments])
    if given.resume is not None and given.evaluate is not None:
        raise InputError("--resume and --evaluate exclude each other")
    for name, folder in vars(given).items():
        if folder == "":  # as of a variable that is not set
            raise InputError(f"--{name} needs the folder of a run; received nothing")
    if given.evaluate is not None:
        evaluate_run(Path(given.evaluate), rest)
        return
    if given.resume is not None:
        _resume(Run(Path(given.resume)), rest)
        return
    _train(parse(rest))


def train(keys: Mapping[str, object], config: str | Path | None = None) -> Path:
    """Trains and evaluates a new run as `iaunet train` does, and returns its folder.

    Args:
        keys: values by the dotted names that `iaunet train --help` lists.
        config: YAML file with other keys; those that neither names have the defaults of that list.

    Raises:
        InputError: what the command would print, such as a key that does not exist.

    Example:

    >>> train({"data.name": "own", "data.root": "people", "run_dir": "runs/own", "train.epochs": 30})
    PosixPath('runs/own')
    """
    given = {key: value if isinstance(value, str | os.PathLike) else json.dumps(value) for key, value in keys.items()}
    files = [] if config is None else [f"--config={config}"]
    return _train(parse([*files, *(f"--{key}={value}" for key, value in given.items())], default=None))


def _train(config):
    config = absolute(config)
    run = Run(Path(config.run_dir or ""))
    if config.on_existing == "resume" and config.run_dir and run.contents():
        if not run.fold(0).path.is_dir():
            run.require()
        return work_on(config, run, train_run)
    return work_on(config, None, train_run)


def _resume(run, keys):
    config, stored = read_run(run.path, keys)
    if config.run_dir != stored.run_dir:
        raise InputError("run_dir has no effect with --resume; leave it out")
    check_same(dependencies(config), dependencies(stored), run.path, say=lambda line: None)
    if not run.begun and getattr(config.data, "fold", 0) != "all":
        raise InputError(f"{run.path}: contains no checkpoint to resume from; train again, in another --run_dir")
    work_on(config, run, train_run)
