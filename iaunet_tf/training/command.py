"""What `train_keras.py` does."""

import re
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.quiet import quietly
from iaunet_tf.training.config import Config, parse
from iaunet_tf.training.run import Run


def run_command(arguments: list[str] | None = None) -> None:
    """Trains, resumes or evaluates as the command line says.

    Raises:
        InputError: for whatever the user can mend.
    """
    config, modes = parse(arguments)
    # TensorFlow, seconds of it, once the command line is known to be right.
    with quietly():
        import tensorflow as tf
    from iaunet_tf.training.cross_validation import cross_validate

    if modes.evaluate:
        run, work = Run(Path(modes.evaluate)), evaluate_again
    elif modes.resume:
        run, work = Run(Path(modes.resume)), resume
    else:
        run, work = Run.new(config), train_anew
    try:
        if config.data.split == "all":
            cross_validate(config, run, work)
        else:
            work(config, run)
    except tf.errors.OpError as error:
        # An unreadable file in the midst of training passes through TensorFlow's threads.
        ours = re.search(r"InputError: (.*)", str(error))
        if not ours:
            raise
        raise InputError(ours[1]) from None


def train_anew(config: Config, run: Run) -> dict[str, float]:
    """Trains and evaluates; returns the metrics."""
    return _train(config, run, resume=False)


def resume(config: Config, run: Run) -> dict[str, float]:
    """Goes on with a run; returns the metrics."""
    return _train(config, run, resume=True)


def evaluate_again(config: Config, run: Run) -> dict[str, float]:
    """Evaluates the final model of a run; returns the metrics."""
    import keras

    from iaunet_tf.training.task import make_task

    if not run.model.is_file():
        raise InputError(f"{run.path}: holds no final model; finish it by --resume {run.path}")
    return make_task(config, anew=False).evaluate(keras.models.load_model(run.model), run)


def _train(config, run, resume):
    from iaunet_tf.training.loop import train
    from iaunet_tf.training.task import make_task

    task = make_task(config, anew=not resume)
    return task.evaluate(train(config, run, task, resume), run)
