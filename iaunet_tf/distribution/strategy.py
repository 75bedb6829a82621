"""Distribution strategies: one device, several GPUs of a host, or several hosts."""

import os
from collections.abc import Callable

import keras
import tensorflow as tf

from iaunet_tf.distribution.cluster import find_cluster
from iaunet_tf.errors import InputError
from iaunet_tf.terminal import quietly


def make_strategy(name: str, patience: float = 300) -> tf.distribute.Strategy:
    """Creates the strategy that `train.strategy` names.

    On several hosts it waits for the others; after `patience` seconds the process exits.
    """
    cluster = find_cluster() if name in ("auto", "multi_worker") else None
    if name == "multi_worker" and cluster is None:
        raise InputError(
            "train.strategy multi_worker requires the addresses of the workers: set TF_CONFIG, or start with srun"
        )
    if cluster:
        cluster.check_port()
        # TensorFlow accepts this form, without a separate chief job, for clusters derived from Slurm, too.
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
    """Whether this process writes files and prints messages; on a single host it always does."""
    return tf.distribute.get_strategy().extended.should_checkpoint


def num_workers() -> int:
    """How many processes train together, one on each host."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    return len(resolver.cluster_spec().as_dict().get("worker", [0])) if resolver else 1


def synchronize_batch_norms(model: keras.Model) -> None:
    """Makes all batch norms of a model, including those nested in layers, use the batch statistics of all replicas."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def statistics_averager(model: keras.Model) -> Callable[[], None]:
    """Creates a function that averages the moving statistics of batch norms over all replicas.

    Each replica updates these statistics with its own share of the batches. Create and call the function in the scope
    of the strategy, on all workers.
    """
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
