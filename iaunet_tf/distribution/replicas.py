"""Networks over whole splits, shared out over all replicas of the strategy in whose scope they run."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from iaunet_tf.terminal import progress


def on_replicas(forward: Callable[[tf.Tensor], tf.Tensor]) -> Callable:
    """Compiles a function of a batch so that every replica does its share; all get the whole result, in order."""
    strategy = tf.distribute.get_strategy()

    @tf.function(autograph=False, reduce_retracing=True)
    def run(batch):
        return strategy.gather(strategy.run(lambda share: forward(share), (batch,)), axis=0)

    return run


def in_order(
    run: Callable, count: int, batch_size: int, batches: Callable[[np.ndarray, int], tf.data.Dataset], unit: str
) -> Iterator[np.ndarray]:
    """Runs a function of `on_replicas` over all rows of a split and yields its results in order.

    `batch_size` is that of all replicas together; `batches` makes a data set of some rows, in
    batches of a size; `unit` says what a row is, for the progress bar.
    """
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    size = -(-batch_size // replicas)
    rows = np.arange(count)
    if replicas > 1:  # all take part in every batch: the last one repeats its last row
        rows = np.pad(rows, (0, -count % (size * replicas)), mode="edge")

    def of_worker(context):
        workers, worker = context.num_input_pipelines, context.input_pipeline_id
        mine = rows if workers == 1 else rows.reshape(-1, workers, size * replicas // workers)[:, worker].reshape(-1)
        return batches(mine, size)

    done = 0
    with progress(f"evaluating {unit}s", count) as bar:
        for batch in strategy.distribute_datasets_from_function(of_worker):
            results = run(batch).numpy()[: count - done]
            done += len(results)
            bar.update(len(results))
            yield results


def all_replicas(tensor: tf.Tensor) -> tf.Tensor:
    """Inside `strategy.run`, the `(B, ...)` tensors of all replicas as one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensor
    return context.all_gather(tensor, axis=0)
