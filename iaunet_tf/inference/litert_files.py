"""LiteRT files, without TensorFlow and Keras."""

import contextlib
import threading
import zipfile
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.metadata import FILE, LARGEST, Metadata
from iaunet_tf.terminal import quietly
from iaunet_tf.threads import cores


class LiteRtFile:
    """Runs a `.tflite` file; for the attributes see `iaunet_tf.inference.runtimes`.

    Pixels and embeddings of a network in 8 bits are float32 here as well.
    """

    runtime = "LiteRT"

    def __init__(self, path: Path, device: str = "auto"):
        with needed(str(path)):
            from ai_edge_litert.interpreter import Interpreter
        if device == "cuda":
            raise InputError(f"{path}: LiteRT does not support CUDA; use device auto or cpu")
        self.path, self.files = path, [path]
        self.metadata = _metadata(path)
        # Tensors have names of the converter's making; in ours there is one of each.
        own = (self.metadata.input, "embedding") if self.metadata else (None, None)
        try:
            with quietly():
                # From bytes: of a mapped file that somebody writes anew, the process would die.
                self._interpreter = Interpreter(model_content=path.read_bytes(), num_threads=cores())
                self._interpreter.allocate_tensors()  # operations that LiteRT does not have are noticed here
            self._inputs = _by_name(self._interpreter.get_input_details(), own[0])
            self._outputs = _by_name(self._interpreter.get_output_details(), own[1])
        except (ValueError, RuntimeError) as error:  # names that are not Unicode are a ValueError
            raise InputError(f"{path}: not a readable LiteRT file ({reason_of(error)})") from None
        self.inputs, self.outputs = (
            {name: (_shape(each), _kind(each)) for name, each in tensors.items()}
            for tensors in (self._inputs, self._outputs)
        )
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()  # an interpreter runs on several cores, but for one thread

    def run(self, name: str, pixels: np.ndarray, output: str) -> np.ndarray:
        given, returned = self._inputs[name], self._outputs[output]
        with self._lock:
            if pixels.shape != self._shapes.get(name):
                self._interpreter.resize_tensor_input(given["index"], pixels.shape)
                with quietly():
                    self._interpreter.allocate_tensors()
                self._shapes[name] = pixels.shape
            self._interpreter.set_tensor(given["index"], _quantised(pixels, given))
            self._interpreter.invoke()
            result = self._interpreter.get_tensor(returned["index"])
        scale, zero = returned["quantization"]
        return (result.astype("float32") - zero) * scale if _in_8_bits(returned) else result


def _metadata(path):
    """The metadata that our exporter puts into a zip archive at the end of a file; None if there is none."""
    text = None
    # The zip file's exceptions are various for what is damaged, or no zip file.
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive, archive.open(FILE) as file:
        text = file.read(LARGEST + 1)
    return None if text is None else Metadata.from_json(text, path)


def _by_name(details, only):
    """What LiteRT tells of tensors, by their names; a single one is called `only` if that is given."""
    names = [only] if only and len(details) == 1 else [each["name"] for each in details]
    return dict(zip(names, details, strict=True))


def _shape(tensor):
    return tuple(axis if axis > 0 else None for axis in tensor["shape_signature"].tolist())


def _kind(tensor):
    return "float32" if _in_8_bits(tensor) else np.dtype(tensor["dtype"]).name


def _in_8_bits(tensor):
    """Whether a tensor stands for real numbers, by a scale and a zero."""
    return np.dtype(tensor["dtype"]).name in ("int8", "uint8") and tensor["quantization"][0] > 0


def _quantised(pixels, tensor):
    if not _in_8_bits(tensor):
        return pixels
    (scale, zero), limits = tensor["quantization"], np.iinfo(tensor["dtype"])
    return np.clip(np.round(pixels / scale + zero), limits.min, limits.max).astype(tensor["dtype"])
