"""What `train_keras.py` does."""

import contextlib
import io
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
        Stopped: SIGTERM came; the state is saved.
    """
    config, options = parse(arguments)
    # TensorFlow, seconds of it, once the command line is known to be right.
    with quietly():
        import tensorflow as tf
    from iaunet_tf.training import modes
    from iaunet_tf.training.cross_validation import cross_validate
    from iaunet_tf.training.strategies import is_chief, make_strategy

    run, mode = _choose(config, options)
    work = getattr(modes, mode)
    # Before anything else of TensorFlow: several hosts have to find each other first.
    strategy = make_strategy(config.train.strategy, config.train.patience)
    try:
        with strategy.scope(), contextlib.ExitStack() as silence:
            if not is_chief():
                silence.enter_context(contextlib.redirect_stdout(io.StringIO()))
            if config.data.split == "all":
                cross_validate(config, run, mode)
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


def _choose(config: Config, options) -> tuple[Run, str]:
    """The run's folder, and what to do: a function of `modes`."""
    if options.evaluate:
        return Run(Path(options.evaluate)), "evaluate_again"
    if options.resume:
        return Run(Path(options.resume)), "resume"
    if config.on_existing == "resume" and config.run_dir and Path(config.run_dir).is_dir():
        run = Run(Path(config.run_dir))
        return run, "resume" if run.last.is_file() or run.previous.is_file() else "train_anew"
    return Run.new(config), "train_anew"
