"""Where training runs: one device, the GPUs of a host, several hosts."""

import os
from collections.abc import Callable

import keras
import tensorflow as tf

from iaunet_tf.distribution.cluster import find_cluster
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import quietly


def make_strategy(name: str, patience: float = 300) -> tf.distribute.Strategy:
    """The `tf.distribute` strategy of a configuration; on several hosts waits for the others.

    Args:
        name: `train.strategy`.
        patience: seconds to wait for the other workers; then the process ends with a message.

    Raises:
        InputError: there is no cluster for `multi_worker`, `TF_CONFIG` is malformed, or this worker's port is in use.
    """
    cluster = find_cluster() if name in ("auto", "multi_worker") else None
    if name == "multi_worker" and cluster is None:
        raise InputError(
            "train.strategy multi_worker needs the addresses of the workers: set TF_CONFIG, or start by srun"
        )
    if cluster:
        cluster.check_port()
        # In this form, without a chief's own job, TensorFlow takes what was derived from Slurm as well.
        os.environ["TF_CONFIG"] = cluster.tf_config()
        if cluster.index == 0:
            print(f"waiting for {len(cluster.addresses) - 1} more workers", flush=True)
        with cluster.patience(patience), quietly():
            return tf.distribute.MultiWorkerMirroredStrategy()
    with quietly():
        gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def is_chief() -> bool:
    """Whether this process writes files and talks to the user; without several hosts it does."""
    return tf.distribute.get_strategy().extended.should_checkpoint


def synchronize_batch_norms(model: keras.Model) -> None:
    """Lets a model's batch norms, those inside its layers too, take the statistics of all replicas from now on."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def statistics_averager(model: keras.Model) -> Callable[[], None]:
    """A function that gives all replicas the mean of their batch norms' moving statistics, which each has of its own
    share of the batches. Make and call it inside the strategy's scope, on all workers."""
    strategy = tf.distribute.get_strategy()
    statistics = [v.value for v in model.non_trainable_variables if keras.backend.is_float_dtype(v.dtype)]
    if strategy.num_replicas_in_sync == 1 or not statistics:
        return lambda: None

    def on_replica():
        context = tf.distribute.get_replica_context()
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(value) for value in statistics])
        for variable, mean in zip(statistics, means, strict=True):
            variable.assign(mean)

    return tf.function(lambda: strategy.run(on_replica))
