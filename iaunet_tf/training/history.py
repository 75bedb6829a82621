"""The history of a run as CSV."""

import keras

from iaunet_tf.training.run import Run


class History(keras.callbacks.CSVLogger):
    """`CSVLogger` with columns for metrics that come with some epochs only.

    Args:
        run: where to.
        validation: names of those metrics; an epoch without them gets `NA`.
        append: go on with the file that is there.
    """

    def __init__(self, run: Run, validation: list[str], append: bool):
        super().__init__(run.history, append=append)
        self.validation = validation

    def on_epoch_end(self, epoch, logs=None):
        if not self.keys:
            self.keys = [name for name in logs if name not in self.validation] + self.validation
        super().on_epoch_end(epoch, logs)
