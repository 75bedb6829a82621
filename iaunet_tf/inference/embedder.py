"""One interface to trained and exported networks."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iaunet_tf.inference.inputs import Picture, as_list, picture_pixels
from iaunet_tf.inference.runtimes import open_network
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from iaunet_tf.terminal import show_progress
from iaunet_tf.vectors import unit_length

if TYPE_CHECKING:
    import keras


class Embedder:
    """Embeds images or clips of people with a trained or exported network.

    Images are preprocessed as the metadata in the file specifies.

    Args:
        path: an `.onnx`, `.tflite` or `.keras` file, the folder of a SavedModel, a folder of SavedModel versions (the
            newest is used), the folder of a run, or an iaunet-tf network in memory.
        batch_size: number of images or clips per batch.
        device: `"cuda"`, `"cpu"`, or `"auto"` to use CUDA if available.

    Raises:
        InputError: the file does not exist or has an unknown format, or its runtime is not installed.
        ValueError: `batch_size` is less than 1.

    Example:

    >>> embed = Embedder("iaunet.onnx")
    >>> embed(["a.jpg", "b.jpg"]).shape
    (2, 2048)
    """

    def __init__(self, path: "str | Path | keras.Model", batch_size: int = 32, device: str = "auto"):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; received {batch_size}")
        self._network = open_network(path, device)
        self.metadata = self._network.metadata
        self.batch_size = batch_size

    def __call__(self, pictures: Iterable[Picture] | Picture, progress: bool = False) -> np.ndarray:
        """Embeds images or clips: float32 `(N, D)`, each of unit length.

        Args:
            pictures: image files, encoded images as bytes, PIL images or RGB arrays `(H, W, 3)` in 0..255, of any
                size. For a video network, clips: each a list of images or an array `(T, H, W, 3)`. A single image or
                clip need not be in a list.
            progress: show the progress if standard error is a terminal.

        Raises:
            InputError: an image cannot be read, the list is empty, or a clip was passed to an image network.
        """
        items = as_list(pictures, self.metadata.video)
        embeddings = np.empty((len(items), self.metadata.embedding), "float32")
        done = 0
        for rows in self._batches(items):
            embeddings[rows] = unit_length(self._network.embed(self.prepare([items[row] for row in rows])))
            done += len(rows)
            if progress:
                show_progress("embedding", done, len(items))
        return embeddings

    def _batches(self, items):
        """Yields the row numbers of each batch; a batch has clips of one length."""
        lengths = [len(item) for item in items] if self.metadata.video else [1] * len(items)
        for length in sorted(set(lengths)):
            rows = [row for row, own in enumerate(lengths) if own == length]
            yield from (rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))

    def prepare(self, items: list) -> np.ndarray:
        """Preprocesses images, or clips of one length, into the network's input."""
        size = (self.metadata.height, self.metadata.width)
        if self.metadata.video:
            pixels = np.stack([np.stack([picture_pixels(frame, size) for frame in clip]) for clip in items])
        else:
            pixels = np.stack([picture_pixels(picture, size) for picture in items])
        if self.metadata.layout == "tracker":
            pixels = (pixels.astype("float32") / 255 - IMAGENET_MEAN) / IMAGENET_STD
            return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), "float32")
        if self.metadata.dtype == "uint8" and pixels.dtype != np.uint8:
            pixels = np.clip(pixels.round(), 0, 255)
        return pixels.astype(self.metadata.dtype)
