"""Training history as a CSV file."""

import keras

from iaunet_tf.training.run import Run


class History(keras.callbacks.CSVLogger):
    """A `CSVLogger` that also supports metrics that are computed only in some epochs.

    Args:
        run: the run whose history to write.
        validation: names of these metrics, which are `NA` in other epochs.
        append: append to an existing file.
    """

    def __init__(self, run: Run, validation: list[str], append: bool):
        super().__init__(run.history, append=append)
        self.validation = validation

    def on_epoch_end(self, epoch, logs=None):
        if not self.keys:
            self.keys = [name for name in logs if name not in self.validation] + self.validation
        super().on_epoch_end(epoch, logs)
