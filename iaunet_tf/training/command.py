"""What `train_keras.py` does."""

from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.quiet import quiet_import
from iaunet_tf.training.config import parse
from iaunet_tf.training.run import Run


def run_command(arguments: list[str] | None = None) -> None:
    """Trains, resumes or evaluates as the command line says.

    Raises:
        InputError: for whatever the user can mend.
    """
    config, modes = parse(arguments)
    # TensorFlow, seconds of it, once the command line is known to be right.
    with quiet_import():
        import keras
    from iaunet_tf.training.loop import train
    from iaunet_tf.training.task import make_task

    if modes.evaluate:
        run = Run(Path(modes.evaluate))
        if not run.model.is_file():
            raise InputError(f"{run.path}: holds no final model; finish it by --resume {run.path}")
        model = keras.models.load_model(run.model)
        make_task(config).evaluate(model, run)
        return
    run = Run(Path(modes.resume)) if modes.resume else Run.new(config)
    task = make_task(config)
    model = train(config, run, task, resume=bool(modes.resume))
    task.evaluate(model, run)
