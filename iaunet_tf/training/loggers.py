"""Services that a run's history goes to as well, by their own Keras callbacks."""

import importlib
from dataclasses import asdict

import keras

from iaunet_tf.config.common import Config
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.files import fingerprint
from iaunet_tf.run import Run

PROJECT = "iaunet-tf"  # what the service files runs under


def check_logger(name: str | None) -> None:
    """Before long work, makes sure that the service's package is there."""
    if name is None:
        return
    with needed(f"train.logger {name}"):
        importlib.import_module({"wandb": "wandb.integration.keras", "mlflow": "mlflow.keras"}[name])


def make_loggers(config: Config, run: Run) -> list[keras.callbacks.Callback]:
    """The callbacks of `train.logger`. Where the service is, and who one is there, its own settings say, such as
    `WANDB_MODE` or `MLFLOW_TRACKING_URI`."""
    name = config.train.logger
    if name is None:
        return []
    try:
        return {"wandb": _wandb, "mlflow": _mlflow}[name](config, run)
    except Exception as error:  # of the service's own kinds
        raise InputError(f"train.logger {name}: {reason_of(error, 300)}; mend its settings, or leave it out") from None


def _wandb(config, run):
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    # A run that is continued goes on there, too.
    identity = fingerprint([str(run.path.absolute())])
    wandb.init(project=PROJECT, name=run.path.name, id=identity, resume="allow", config=asdict(config))
    return [WandbMetricsLogger(), keras.callbacks.LambdaCallback(on_train_end=lambda logs: wandb.finish())]


def _mlflow(config, run):
    import mlflow
    from mlflow.keras import MlflowCallback

    mlflow.set_experiment(PROJECT)
    mlflow.start_run(run_name=run.path.name)
    values = {key: value for key, value in asdict(config).items() if not isinstance(value, dict)}
    for section in asdict(config):
        if section not in values:
            values |= {f"{section}.{key}": value for key, value in asdict(config)[section].items()}
    mlflow.log_params(values)
    return [MlflowCallback(), keras.callbacks.LambdaCallback(on_train_end=lambda logs: mlflow.end_run())]
