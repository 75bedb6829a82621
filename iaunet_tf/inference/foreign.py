"""Networks that others have written, fed as their files declare and their users state."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.inference.inputs import as_input, in_pieces
from iaunet_tf.inference.stated import Input, in_words, read_input
from iaunet_tf.metadata import LARGEST_BATCH, Metadata
from iaunet_tf.wording import did_you_mean, either

KINDS = ("float32", "float16", "uint8")  # of pixels
AXES = {"tracker": (1, 2, 3), "image": (3, 1, 2)}  # those of colours, height and width, by layout


class ForeignNetwork:
    """A network of others, in one of the files of `iaunet_tf.inference.runtimes`.

    Args:
        file: what runs it.
        given: what is stated of its input, see `iaunet_tf.inference.stated.read_input`.

    Raises:
        InputError: its input is not images alone, nothing declares their size, or what is stated contradicts the file;
            it is not clear which output is the embedding; or it fails on a grey image.
    """

    def __init__(self, file: Any, given: Mapping | Input | None):
        self.file, self.path, self.files, self.runtime = file, file.path, file.files, file.runtime
        stated, self.origin = read_input(file.path, given)
        self._input, self._kind, self._batch, self._layout, size = image_input(file, stated)
        self._output = _embedding_output(file, stated)
        metadata = self._describe(stated, size, 1)
        # What a file declares of its embedding may be nothing, or wrong.
        grey = np.full((1, *size, 3), 128, "uint8")
        found = in_pieces(self._run, as_input(grey, metadata), self._batch)
        self.metadata = self._describe(stated, size, found.shape[1])
        self.stated = replace(stated, size=size, output=self._output)

    def _describe(self, stated, size, embedding):
        """The metadata of the network, if its embeddings have `embedding` dimensions."""
        try:
            return Metadata(
                name=self.path.stem,
                version="",  # of iaunet-tf
                source=self.path.name,
                video=False,
                height=size[0],
                width=size[1],
                layout=self._layout,
                dtype="uint8" if self._kind == "uint8" else "float32",
                embedding=embedding,
                unit_length=False,
                interpolation=stated.interpolation,
                colour=stated.colour,
                scale=stated.scale,
            )
        except InputError as error:
            raise InputError(f"{self.path}: {error}") from None

    @property
    def doubt(self) -> str:
        """The end of a message about embeddings that cannot be used."""
        return f"; the file is damaged, or its input is not the one that is stated ({in_words(self.metadata)})"

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        embeddings = in_pieces(self._run, pixels, self._batch)
        bad = np.count_nonzero(~np.isfinite(embeddings).all(axis=1))
        if bad:
            raise InputError(f"{self.path}: returns NaN or infinity for {bad} of {len(pixels)} images{self.doubt}")
        return embeddings

    def _run(self, pixels):
        try:
            output = self.file.run(self._input, pixels.astype(self._kind, copy=False), self._output)
        except MemoryError:
            raise
        except Exception as error:  # runtimes raise various exceptions of their own
            remedy = "; try a batch size of 1" if len(pixels) > 1 and not self._batch else ""
            count = f"{len(pixels)} image{'s' * (len(pixels) > 1)}"
            raise InputError(f"{self.path}: fails on {count} ({reason_of(error)}){remedy}") from None
        if output.ndim < 2 or len(output) != len(pixels) or output.size != len(output) * max(output.shape[1:]):
            raise InputError(
                f"{self.path}: {self._output} is {output.shape} for {len(pixels)} image{'s' * (len(pixels) > 1)}, "
                "not an embedding (batch, D)"
            )
        return output.reshape(len(output), -1)


def image_input(file: Any, stated: Input) -> tuple[str, str, int | None, str, tuple[int, int]]:
    """Name, data type, fixed batch or None, layout and size of the only input of a network in one of the files of
    `iaunet_tf.inference.runtimes`.

    Raises:
        InputError: its input is not images alone, nothing declares their size, or what is stated contradicts the file.
    """
    if len(file.inputs) != 1:
        names = f" ({', '.join(file.inputs):.80})" if file.inputs else ""
        raise InputError(f"{file.path}: takes {len(file.inputs) or 'no'} inputs{names}, not images alone")
    ((name, (shape, kind)),) = file.inputs.items()
    if kind not in KINDS:
        raise InputError(f"{file.path}: takes {kind}, not pixels, which are {either(KINDS)}")
    if len(shape) == 5:
        raise InputError(f"{file.path}: takes clips {shape}; networks of others are run on single images")
    fitting = (layout for layout, (colours, *_) in AXES.items() if len(shape) == 4 and shape[colours] == 3)
    layout = next(fitting, None)
    if layout is None:
        wanted = "(batch, 3, height, width) or (batch, height, width, 3)"
        raise InputError(f"{file.path}: its input {name!s:.40} is {shape}, not images {wanted}")
    batch, declared = shape[0], [shape[axis] for axis in AXES[layout][1:]]
    if batch is not None and batch > LARGEST_BATCH:
        raise InputError(f"{file.path}: takes {batch} images at a time; at most {LARGEST_BATCH} can be given")
    height, width = (own or given for own, given in zip(declared, stated.size or (None, None), strict=True))
    if height is None or width is None:
        raise InputError(f"{file.path}: does not declare the size of its images; state input.size, such as 256x128")
    if stated.size is not None and stated.size != (height, width):
        ours = "x".join(map(str, stated.size))
        raise InputError(f"{file.path}: takes {height}x{width} pixels, not {ours}; leave input.size out")
    return name, kind, batch, layout, (int(height), int(width))


def _embedding_output(file, stated):
    """Name of the output that is the embedding: the stated one, the only one, or the only one of such a shape."""
    names = list(file.outputs)
    if stated.output is not None:
        if stated.output not in names:
            hint = did_you_mean(stated.output, names) or f"; it has {', '.join(names):.80}"
            raise InputError(f"{file.path}: has no output {stated.output:.40}{hint}")
        return stated.output
    fitting = [
        name
        for name, (shape, kind) in file.outputs.items()
        if kind.startswith("float") and len(shape) > 1 and sum(axis != 1 for axis in shape[1:]) <= 1
    ]
    if 1 not in (len(names), len(fitting)):
        raise InputError(
            f"{file.path}: returns {', '.join(names):.120}; state which is the embedding by input.output, such as "
            f"{(fitting or names or [''])[0]:.40}"
        )
    return names[0] if len(names) == 1 else fitting[0]
