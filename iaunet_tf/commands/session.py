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
from iaunet_tf.config.files import read_file
from iaunet_tf.data.readers.table import READERS
from iaunet_tf.data.selection import check_input
from iaunet_tf.errors import InputError
from iaunet_tf.files import intact, write_json
from iaunet_tf.run import Run, claim
from iaunet_tf.terminal import quietly

# What to do with a configuration, the run to write, and the run to read, the same but for some evaluations; returns
# metrics.
Work = Callable[[Config, Run, Run], dict[str, float]]


def work_on(config: Config, run: Run | None, work: Work, source: Run | None = None) -> Path:
    """Does some work with a run, or each of its folds, on the configuration's devices and hosts; returns its folder.

    Where `run` is None, a new one is made: in `config.run_dir`, or with a name that tells the time, an evaluation of
    `source` inside of that.
    """
    new, named = run is None, config.run_dir
    if run is None:
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        run = Run(Path(named or (source.evaluations / now if source else f"runs/{config.name}-{now}")))
        if named:
            run.require_new()
    # TensorFlow, seconds of it, once the command line is known to be right.
    with quietly():
        import tensorflow as tf
    from iaunet_tf.distribution.strategy import is_chief, make_strategy

    # Before anything else of TensorFlow: several hosts have to find each other first.
    strategy = make_strategy(config.train.strategy, config.train.patience)
    try:
        with strategy.scope(), contextlib.ExitStack() as stack:
            if is_chief():
                run = stack.enter_context(claim(run, new, numbered=new and not named))
            else:
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            if new:
                config.run_dir = str(run.path)
            if config.task == "reid" and config.data.fold == "all":
                cross_validate(config, run, source or run, work)
            else:
                work(config, run, source or run)
            return run.path
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


def train_run(config: Config, run: Run, source: Run) -> dict[str, float]:
    """Trains a run, or continues it from its last checkpoint, and evaluates it."""
    from iaunet_tf.cards.writing import describe_run
    from iaunet_tf.distribution.strategy import is_chief
    from iaunet_tf.tasks import make_task
    from iaunet_tf.training.checkpoints import check_resumable
    from iaunet_tf.training.loggers import check_logger
    from iaunet_tf.training.loop import train

    check_logger(config.train.logger)
    begun = run.begun
    if begun:
        check_resumable(config, run)
    task = make_task(config, "resume" if begun else "train")
    model = train(config, run, task, resume=begun)
    metrics = task.evaluate(model, run, run.model)
    if is_chief():
        describe_run(run, model, task.data_rows())
    return metrics


def evaluate_again(config: Config, run: Run, source: Run) -> dict[str, float]:
    """Evaluates the final model of the run `source`; with other keys than its own, another `run` gets the result."""
    from iaunet_tf.cards.writing import describe_run
    from iaunet_tf.distribution.strategy import is_chief
    from iaunet_tf.inference.keras_files import describe, load_network, network_file
    from iaunet_tf.tasks import make_task
    from iaunet_tf.training.loop import begin

    model = load_network(source.path)
    metadata = describe(model, source.path)
    if config.task == "reid":
        config.data.interpolation = config.data.interpolation or metadata.interpolation
    check_input(metadata, source.path, config.data)
    task = make_task(config, "evaluate")
    if run != source and is_chief():
        begin(run, config)
    metrics = task.evaluate(model, run, network_file(source.path))
    if run == source and is_chief():
        describe_run(run, model, task.data_rows())
    return metrics


def cross_validate(config: Config, run: Run, source: Run, work: Work) -> None:
    """Works on `run/fold-0`, `run/fold-1` and so on; writes and prints the mean and the standard deviation.

    Training that was stopped continues with the fold that it stopped in; finished folds are not repeated.
    """
    from iaunet_tf.distribution.strategy import is_chief
    from iaunet_tf.training.checkpoints import check_resumable
    from iaunet_tf.training.loop import begin

    metrics, folds, training = [], READERS[config.data.name].folds, work is train_run
    for number in range(folds if training else 0):
        if run.fold(number).begun:
            check_resumable(_of_fold(config, run, number), run.fold(number))
    if is_chief() and (training or run != source):
        begin(run, config)
    for number in range(folds):
        own = run.fold(number)
        print(f"\n--- fold {number} of {folds}: {own.path}")
        if training and (known := _finished(own, config.train.epochs)):
            metrics.append(known)
            continue
        with claim(own) if is_chief() else contextlib.nullcontext():
            if training and is_chief():
                own.metrics.unlink(missing_ok=True)  # of fewer epochs, or damaged
            metrics.append(work(_of_fold(config, run, number), own, source.fold(number)))
    print(f"\nmean and standard deviation of {folds} folds")
    summary = {}
    for name in metrics[0]:
        values = [each[name] for each in metrics]
        mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
        summary[name] = {"mean": mean, "std": std, "folds": values}
        print(f"{name:>14} {100 * mean:6.2f} ± {100 * std:.2f}")
    if is_chief():
        write_json(run.metrics, {config.name: summary})
    print(run.metrics)


def _finished(fold, epochs):
    """The first ranking's metrics if the fold has been trained for at least `epochs` and evaluated, else None."""

    def read():
        stored = next(iter(json.loads(fold.metrics.read_text()).values()))
        trained = read_file(fold.config)["train.epochs"] >= epochs
        return {key: value for key, value in stored.items() if isinstance(value, float)} if trained else None

    return intact(read, fold.metrics)


def _of_fold(config, run, number):
    return replace(config, data=replace(config.data, fold=number), run_dir=str(run.fold(number).path))
