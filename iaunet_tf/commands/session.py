"""What training and evaluation have in common: devices, hosts, folds, and what to do with a run."""

import contextlib
import datetime
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from iaunet_tf.config.common import Config
from iaunet_tf.config.parsing import parse
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.errors import InputError
from iaunet_tf.files import write_json
from iaunet_tf.run import Run
from iaunet_tf.terminal import quietly

# What to do with a run; returns its metrics.
Work = Callable[[Config, Run], dict[str, float]]


def work_on(config: Config, run: Run, work: Work) -> None:
    """Does some work with a run, or each of its folds, on the configuration's devices and hosts."""
    # TensorFlow, seconds of it, once the command line is known to be right.
    with quietly():
        import tensorflow as tf
    from iaunet_tf.distribution.strategy import is_chief, make_strategy

    # Before anything else of TensorFlow: several hosts have to find each other first.
    strategy = make_strategy(config.train.strategy, config.train.patience)
    try:
        with strategy.scope(), contextlib.ExitStack() as silence:
            if not is_chief():
                silence.enter_context(contextlib.redirect_stdout(io.StringIO()))
            if config.task == "reid" and config.data.fold == "all":
                cross_validate(config, run, work)
            else:
                work(config, run)
    except tf.errors.OpError as error:
        # An unreadable file in the midst of training passes through TensorFlow's threads.
        ours = re.search(r"InputError: (.*)", str(error))
        if ours:
            raise InputError(ours[1]) from None
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            reason = " ".join(str(error.message).split())[:160]
            again = f"start all workers again, with --resume {run.path}"
            raise InputError(f"a worker is lost ({reason}); {again}") from None
        raise


def train_anew(config: Config, run: Run, purpose: str = "train") -> dict[str, float]:
    """Trains and evaluates."""
    from iaunet_tf.tasks import make_task
    from iaunet_tf.training.loop import train

    task = make_task(config, purpose)
    return task.evaluate(train(config, run, task, resume=purpose == "resume"), run)


def resume(config: Config, run: Run) -> dict[str, float]:
    """Continues a run, and evaluates it."""
    return train_anew(config, run, "resume")


def evaluate_again(config: Config, run: Run) -> dict[str, float]:
    """Evaluates the final model of a run.

    With other keys than the run's, the result goes to a folder of its own: `run_dir`, if that is another one, else one
    in the run's folder.
    """
    from iaunet_tf.distribution.strategy import is_chief
    from iaunet_tf.inference.keras_files import load_model
    from iaunet_tf.tasks import make_task
    from iaunet_tf.training.loop import begin

    model = load_model(run.path)
    stored = parse([], str(run.path))
    task = make_task(config, "evaluate")
    if config == stored:
        return task.evaluate(model, run)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    own = Run(run.evaluations / now if config.run_dir == stored.run_dir else Path(config.run_dir))
    if own.path.exists():
        raise InputError(f"{own.path}: exists; choose another --run_dir")
    if is_chief():
        begin(own, config)
    return task.evaluate(model, own)


def new_run(config: Config) -> Run:
    """Chooses the folder of a new run, which must not exist yet; training makes it."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    run = Run(Path(config.run_dir or f"runs/{config.name}-{now}"))
    if run.path.exists():
        raise InputError(f"{run.path}: exists; continue it with --resume {run.path}, or choose another --run_dir")
    config.run_dir = str(run.path)
    return run


def cross_validate(config: Config, run: Run, work: Work) -> None:
    """Works on `run/fold-0`, `run/fold-1` and so on; writes and prints the mean and the standard deviation.

    A resumed run continues with the fold that it stopped in; finished folds are not repeated.
    """
    from iaunet_tf.training.loop import begin

    metrics, folds = [], READERS[config.data.name].folds
    for number in range(folds):
        own = run.fold(number)
        print(f"\n--- fold {number} of {folds}: {own.path}")
        own_config = replace(config, data=replace(config.data, fold=number), run_dir=str(own.path))
        if work is not evaluate_again and own.metrics.is_file():
            stored = json.loads(own.metrics.read_text())[config.name]
            metrics.append({key: value for key, value in stored.items() if isinstance(value, float)})
            continue
        begun = work is not resume or own.last.is_file()
        metrics.append((work if begun else train_anew)(own_config, own))
        # After the first fold, so that what cannot start leaves no folder.
        begin(run, config)
    print(f"\nmean and standard deviation of {folds} folds")
    summary = {}
    for name in metrics[0]:
        values = [each[name] for each in metrics]
        mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
        summary[name] = {"mean": mean, "std": std, "folds": values}
        print(f"{name:>14} {100 * mean:6.2f} ± {100 * std:.2f}")
    write_json(run.metrics, {config.name: summary})
    print(run.metrics)
