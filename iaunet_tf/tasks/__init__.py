"""What can be trained: the data, the network, the objective and the evaluation of each task."""

from iaunet_tf.config.common import Config
from iaunet_tf.tasks.task import Task


def make_task(config: Config, purpose: str) -> Task:
    """Makes the task of a configuration; its data are read and checked.

    Args:
        config: the whole configuration.
        purpose: `"train"`, which checks the weights to start from first; `"resume"`, which has no use for them; or
            `"evaluate"`, which does not load training data.

    Raises:
        InputError: the data, the weights to start from, or the configuration are wrong.
    """
    # Only the task that is wanted is imported.
    if config.task == "classification":
        from iaunet_tf.tasks.classification import Classification

        return Classification(config, purpose)
    from iaunet_tf.tasks.reid import ReIdentification

    return ReIdentification(config, purpose)
