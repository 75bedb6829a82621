"""What `train_keras.py` does."""

import contextlib
import os
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.training.config import parse
from iaunet_tf.training.run import Run


def run_command(arguments: list[str] | None = None) -> None:
    """Trains, resumes or evaluates as the command line says.

    Raises:
        InputError: for whatever the user can mend.
    """
    config, modes = parse(arguments)
    # TensorFlow, seconds of it, once the command line is known to be right.
    with _quiet_import():
        import keras
    from iaunet_tf.training.evaluate import evaluate
    from iaunet_tf.training.inputs import load_data
    from iaunet_tf.training.loop import train

    if modes.evaluate:
        run = Run(Path(modes.evaluate))
        if not run.model.is_file():
            raise InputError(f"{run.path}: holds no final model; finish it by --resume {run.path}")
        model = keras.models.load_model(run.model)
        evaluate(config, run, model, load_data(config.data))
        return
    run = Run(Path(modes.resume)) if modes.resume else Run.new(config)
    data = load_data(config.data)
    model = train(config, run, data, resume=bool(modes.resume))
    evaluate(config, run, model, data)


@contextlib.contextmanager
def _quiet_import():
    """Keeps from the terminal what TensorFlow's C++ writes while it is imported, which no setting stops; Python's
    own errors come through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
