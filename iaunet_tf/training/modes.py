"""What the training command does with a run: train, go on, evaluate."""

from iaunet_tf.inference.keras_files import load_model
from iaunet_tf.training.config import Config
from iaunet_tf.training.loop import train
from iaunet_tf.training.run import Run
from iaunet_tf.training.task import make_task


def train_anew(config: Config, run: Run) -> dict[str, float]:
    """Trains and evaluates; returns the metrics."""
    task = make_task(config, anew=True)
    return task.evaluate(train(config, run, task), run)


def resume(config: Config, run: Run) -> dict[str, float]:
    """Goes on with a run; returns the metrics."""
    task = make_task(config, anew=False)
    return task.evaluate(train(config, run, task, resume=True), run)


def evaluate_again(config: Config, run: Run) -> dict[str, float]:
    """Evaluates the final model of a run; returns the metrics."""
    model = load_model(run.path)
    return make_task(config, anew=False).evaluate(model, run)
