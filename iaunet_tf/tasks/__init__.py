"""What can be trained: the data, the network, the objective and the evaluation of each task."""

from typing import Any

from iaunet_tf.tasks.task import Task


def make_task(config: Any, purpose: str) -> Task:
    """Makes the task of a configuration; its data are read and checked.

    The purpose is `"train"`, which checks the weights to start from first, `"resume"`, which has
    no use for them, or `"evaluate"`, which does not load training data.
    """
    # Only the task that is wanted is imported.
    if config.task == "classification":
        from iaunet_tf.tasks.classification import Classification as Wanted
    else:
        from iaunet_tf.tasks.reid import ReIdentification as Wanted
    return Wanted(config, purpose)
