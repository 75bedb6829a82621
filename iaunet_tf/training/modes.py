"""What the training command does with a run: train, go on, evaluate."""

import datetime
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.inference.keras_files import load_model
from iaunet_tf.training.config import Config, parse
from iaunet_tf.training.loop import train
from iaunet_tf.training.run import Run
from iaunet_tf.training.strategies import is_chief
from iaunet_tf.training.task import make_task


def train_anew(config: Config, run: Run) -> dict[str, float]:
    """Trains and evaluates; returns the metrics."""
    task = make_task(config, "train")
    return task.evaluate(train(config, run, task), run)


def resume(config: Config, run: Run) -> dict[str, float]:
    """Goes on with a run; returns the metrics."""
    task = make_task(config, "resume")
    return task.evaluate(train(config, run, task, resume=True), run)


def evaluate_again(config: Config, run: Run) -> dict[str, float]:
    """Evaluates the final model of a run; returns the metrics.

    With other keys than the run's the result goes to a folder of its own: `run_dir`, if that is another, else one in
    the run's folder.
    """
    model = load_model(run.path)
    stored = parse(["--config", str(run.config)])[0]
    task = make_task(config, "evaluate")
    if config == stored:
        return task.evaluate(model, run)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    own = Run(run.path / "evaluations" / now if config.run_dir == stored.run_dir else Path(config.run_dir))
    if own.path.exists():
        raise InputError(f"{own.path}: exists; choose another --run_dir")
    if is_chief():
        own.begin(config)
    return task.evaluate(model, own)
