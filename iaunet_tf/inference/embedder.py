"""One interface to trained and exported networks."""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iaunet_tf.arguments import at_least_one, check_choice
from iaunet_tf.errors import InputError
from iaunet_tf.inference.inputs import Picture, as_input, as_list, clip_pixels, in_places, picture_pixels
from iaunet_tf.inference.measured import digests_of, read_thresholds
from iaunet_tf.inference.onnx_runtimes import RUNTIMES
from iaunet_tf.inference.runtimes import open_network
from iaunet_tf.inference.stated import Input, in_words
from iaunet_tf.metadata import Metadata
from iaunet_tf.terminal import progress as progress_bar
from iaunet_tf.threads import ahead
from iaunet_tf.thresholds import Thresholds
from iaunet_tf.vectors import as_vectors, unit_length

if TYPE_CHECKING:
    import keras

DEVICES = ("auto", "cpu", "cuda")
# Of the metadata, what embeddings depend on.
PREPARED = ("video", "height", "width", "layout", "dtype", "embedding", "interpolation", "colour", "scale")
AHEAD = 2  # batches that are decoded while the network embeds one


class Embedder:
    """Embeds images or clips of people with a trained or exported network.

    Images are preprocessed as the metadata in the file specifies, or for a network of others as it is stated. Several
    threads may call it.

    Args:
        path: the name of a published network (`iaunet weights list`), `"hf://OWNER/NAME"` or `"hf://OWNER/NAME@REVISION"`
            for one that `iaunet push` has put on the Hugging Face hub, an `.onnx`, `.tflite` or `.keras` file, the
            folder of a SavedModel, a folder of SavedModel versions (the newest is used), the folder of a run, or an
            iaunet-tf network in memory; or the `.onnx`, `.tflite` or OpenVINO `.xml` file of a network of others.
        batch_size: number of images or clips per batch.
        device: `"cuda"`, `"cpu"`, or `"auto"` to use CUDA if available.
        input: of a network of others, which does not say it itself: a dictionary of `size`, `colour`, `scale`,
            `interpolation` and `output`, as in `iaunet_tf.inference.stated.Input`. Keys that are left out are those of
            the YAML file beside the network, such as `osnet.yaml`.
        runtime: of an `.onnx` file: `"onnxruntime"`, `"openvino"`, or `"auto"` for OpenVINO on a CPU where it is
            installed, has a faster precision than float32 and keeps the embeddings of iaunet-tf's network within a
            cosine of 0.001, and ONNX Runtime otherwise.

    Attributes:
        runtime: what computes the embeddings, such as `"OpenVINO, bfloat16"`.
        metadata: what the input and the embeddings are.
        stated: the `Input` that holds for a network of others; None for those of iaunet-tf.
        path: the file or folder that the network was read from, None for one in memory.
        files: all files that it was read from.

    Raises:
        InputError: the file does not exist or has an unknown format, its runtime is not installed, it is not a network
            that embeds images, what its input is is stated wrongly or not at all, or an argument is out of range.

    Examples:
        >>> embed = Embedder("iaunet.onnx")
        >>> embed(["a.jpg", "b.jpg"]).shape
        (2, 2048)
        >>> embed = Embedder("osnet.onnx", input={"colour": "rgb", "scale": "imagenet"})
    """

    def __init__(
        self,
        path: "str | Path | keras.Model",
        batch_size: int = 32,
        device: str = "auto",
        input: Mapping[str, object] | Input | None = None,
        runtime: str = "auto",
    ):
        at_least_one(batch_size=batch_size)
        check_choice("device", device, DEVICES)
        check_choice("runtime", runtime, RUNTIMES)
        self._network: Any = open_network(path, device, input, runtime)
        self.runtime = self._network.runtime
        self.metadata: Metadata = self._network.metadata
        self.path: Path | None = self._network.path
        self.files: list[Path] = self._network.files
        self.stated: Input | None = getattr(self._network, "stated", None)
        self._name = Path(path).name if self.path else self.metadata.name
        self.batch_size = int(batch_size)

    def __call__(self, pictures: Iterable[Picture | Iterable[Picture]] | Picture, progress: bool = False) -> np.ndarray:
        """Embeds images or clips: float32 `(N, D)`, each of unit length; `(0, D)` for an empty list.

        Args:
            pictures: image files, encoded images as bytes, PIL images or RGB arrays `(H, W, 3)` in 0..255, uint8 or
                floating point, of any size from 2x2 on. For a video network, clips: each a list of images or an array
                `(T, H, W, 3)`. A single image or clip need not be in a list.
            progress: show a progress bar, in a terminal or a notebook.

        Raises:
            InputError: an image cannot be used, which the message names, or what the network returns for a batch.
        """
        items = as_list(pictures, self.metadata.video)
        embeddings = np.empty((len(items), self.metadata.embedding), "float32")
        batches = self._batches(items)
        decoded = ahead(partial(self._input, items), chain(*batches), AHEAD * self.batch_size)
        with progress_bar("embedding", len(items), progress) as bar, closing(decoded):
            for rows in batches:
                pixels = np.concatenate(list(islice(decoded, len(rows))))
                embeddings[rows] = self._unit_length(self._network.embed(pixels), rows)
                bar.update(len(rows))
        return embeddings

    def otherwise(self, **changes: Any) -> "Embedder":
        """The same network, fed by metadata with some changes."""
        other = copy.copy(self)
        other.metadata = replace(self.metadata, **changes)
        return other

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of all files of the network, by their names from its own place."""
        return digests_of(self.path, self.files) if self.path else {}

    @cached_property
    def thresholds(self) -> Thresholds | None:
        """Cosine distances below which two images are called one person, and on which data they were measured: those
        that `iaunet evaluate` has written beside the network, else those in its metadata; None if there are none."""
        beside = read_thresholds(self.path, self.digests, self.stated) if self.path else None
        return beside or self.metadata.thresholds

    def threshold(self, false_positive_rate: float = 0.01) -> float:
        """The cosine distance below which two images are called one person, so that the given share of pairs of two
        people is called one, too.

        Raises:
            InputError: no threshold was measured for that rate.
        """
        if self.thresholds is None:
            raise InputError(f"{self._name}: no thresholds; iaunet evaluate measures them on data of yours")
        return self.thresholds.distance(false_positive_rate)

    def same(self, first: object, second: object, false_positive_rate: float = 0.01) -> bool | np.ndarray:
        """Whether two images show the same person, by the `threshold`.

        Args:
            first: what a call takes, one picture or a list of them, or embeddings `(D,)` or `(N, D)`.
            second: likewise; lists are compared one by one.

        Returns:
            True or False, for lists an array `(N,)` of them.
        """
        threshold = self.threshold(false_positive_rate)
        ours, theirs = (self._embeddings(each) for each in (first, second))
        if len(ours) != len(theirs):
            raise InputError(f"as many are compared with as many; received {len(ours)} and {len(theirs)}")
        found = 1 - np.einsum("nd,nd->n", ours, theirs) < threshold
        listed = any(isinstance(each, list | tuple) and len(each) == len(found) for each in (first, second))
        return found if listed or getattr(first, "ndim", 1) in (2, 4) else bool(found[0])

    def _embeddings(self, given):
        """Embeddings of length 1, `(N, D)`, of pictures or of embeddings."""
        if getattr(given, "ndim", None) not in (1, 2):
            return self(given)
        vectors = as_vectors(np.atleast_2d(given), "embeddings")
        if vectors.shape[1] != self.metadata.embedding:
            wanted = f"{self.metadata.embedding} dimensions"
            raise InputError(f"embeddings of {self._name} have {wanted}; received {vectors.shape[1]}")
        return unit_length(vectors)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that embeddings depend on, but for the runtime: the network's files, or the weights of one in
        memory, and how images are prepared. Embeddings of two fingerprints cannot be compared."""
        digest = hashlib.sha256()
        if self.files:
            digest.update("".join(sorted(self.digests.values())).encode())  # whatever the files are called
        else:
            for weight in self._network.weights:
                digest.update(f"{weight.shape} {weight.dtype}\n".encode())
                digest.update(weight.tobytes())
        prepared = [getattr(self.metadata, key) for key in PREPARED]
        digest.update(json.dumps([*prepared, self.stated and self.stated.output]).encode())
        return digest.hexdigest()

    @property
    def fed(self) -> str:
        """One line on what the network is fed, who says so, and what computes it."""
        origin = self._network.origin if self.stated else "as its metadata says"
        return f"input of {self._name}: {in_words(self.metadata)} ({origin}); runs in {self.runtime}"

    def _unit_length(self, vectors, rows):
        """The network's output for some rows, checked and brought to length 1."""
        name = f"the network's output from number {rows[0] + 1} on"
        try:
            return unit_length(as_vectors(vectors, name, (len(rows), self.metadata.embedding)), name)
        except InputError as error:
            if not self.stated:
                raise
            raise InputError(f"{self.path}: {error}{self._network.doubt}") from None

    def _batches(self, items):
        """The row numbers of each batch; a batch has clips of one length."""
        lengths = [len(item) for item in items] if self.metadata.video else [1] * len(items)
        alike = ([row for row, own in enumerate(lengths) if own == length] for length in sorted(set(lengths)))
        return [
            rows[start : start + self.batch_size] for rows in alike for start in range(0, len(rows), self.batch_size)
        ]

    def prepare(self, items: list) -> np.ndarray:
        """Preprocesses images, or clips of one length, into the network's input; takes what a call takes."""
        items = as_list(items, self.metadata.video)
        if not items or (self.metadata.video and len({len(item) for item in items}) > 1):
            raise InputError("prepare takes at least one image, or clips of one length")
        return np.concatenate([self._input(items, row) for row in range(len(items))])

    def _input(self, items, row):
        """The network's input for one of the items, a batch of 1."""
        expected = self.metadata
        size = expected.height, expected.width
        what, convert = ("clip", clip_pixels) if expected.video else ("image", picture_pixels)
        (pixels,) = in_places(what, items, lambda item: convert(item, size, expected.interpolation), [row])
        return as_input(pixels[None], expected)
