"""What the training loop needs to know of a task."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf.data.sampling import Share
from iaunet_tf.files import fingerprint
from iaunet_tf.run import Run


class Task(ABC):
    """Data, network, objective and evaluation of a run. A new one has read and checked its data.

    `objective` makes, of the outputs and the batch of one replica, what to minimise and values to
    log with it. Every value is a mean, so that the mean over replicas is that of the global batch.
    """

    unit: str = "images"  # what batches consist of, for people to read
    steps: int  # batches of an epoch
    group_size: int = 1  # examples of a batch that must stay together on one replica
    validation: tuple[str, ...]  # what `validator` measures; the first chooses the best
    objective: Callable[[dict, dict], tuple[tf.Tensor, dict]]

    @abstractmethod
    def training_data(self) -> str:
        """What it trains on, by `describe_data`; a run is resumed only if that is still the same."""

    @abstractmethod
    def data_rows(self) -> list[dict]:
        """What it trains on and is judged by, for people to read: for each subset its `name`, the data `sets` that it
        is of, and counts."""

    @abstractmethod
    def build_model(self, weights: str | None = None) -> keras.Model:
        """Builds a new network, from a file of weights if one is named."""

    @abstractmethod
    def batches(self, epoch: int, share: Share) -> tf.data.Dataset:
        """A worker's share of an epoch's batches, dictionaries for `augment`, those of one replica at a time; a pure
        function of seed and epoch."""

    @abstractmethod
    def validator(self, model: keras.Model) -> Callable[[], dict[str, float]]:
        """A function that measures the network's present state: `validation` to values."""

    @abstractmethod
    def evaluate(self, model: keras.Model, run: Run, network: Path) -> dict[str, float]:
        """Judges the final network, whose file is `network`: prints a table, writes `metrics.json` and plots, and
        returns the metrics."""


def describe_data(files: Iterable[tuple[str, int]], labels: np.ndarray, others: np.ndarray, unit: str) -> str:
    """One line that changes when entries do: by the name and the size of a file of each, its label, and `others`.

    Folders and times do not matter: data may be moved.
    """
    found = fingerprint([*files, labels.tolist(), others.tolist()])
    return f"{len(labels)} {unit} of {len(np.unique(labels))} labels, {found}"
