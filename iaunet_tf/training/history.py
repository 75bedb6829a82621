"""The history of a run as CSV."""

import keras

from iaunet_tf.training.run import Run


class History(keras.callbacks.CSVLogger):
    """`CSVLogger` with its columns known beforehand, because some metrics come with some epochs only.

    Args:
        run: where to.
        columns: names of the metrics; an epoch without one gets `NA`.
        append: go on with the file that is there.
    """

    def __init__(self, run: Run, columns: list[str], append: bool):
        super().__init__(run.history, append=append)
        self.columns = columns

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.keys = self.columns
