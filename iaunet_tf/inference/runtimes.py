"""Networks in files: each has its `path`, the `files` that it was read from, its `runtime`, `metadata`, and `embed` of
pixels prepared accordingly, for many threads.

ONNX, LiteRT and OpenVINO files hold networks of iaunet-tf or of others. What runs one has its `path` and `files`, the
`runtime`, the `metadata` of iaunet-tf or None, `inputs` and `outputs` by name, each a shape, in which None is any
length, and a data type, and `run(name of the input, pixels, name of the output)`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.inference.foreign import ForeignNetwork
from iaunet_tf.inference.inputs import in_pieces
from iaunet_tf.inference.litert_files import LiteRtFile
from iaunet_tf.inference.onnx_files import OnnxFile
from iaunet_tf.inference.onnx_runtimes import choose_runtime
from iaunet_tf.inference.openvino_files import OpenVinoFile
from iaunet_tf.inference.operations import check_operations
from iaunet_tf.inference.stated import Input, refuse_input
from iaunet_tf.metadata import FILE, LARGEST, Metadata
from iaunet_tf.terminal import quietly
from iaunet_tf.weights.hub import fetch_network, is_on_hub
from iaunet_tf.weights.pretrained import PRETRAINED, is_published
from iaunet_tf.wording import did_you_mean


class OwnNetwork:
    """A network of iaunet-tf in a file that says what its input is."""

    def __init__(self, file: "NetworkFile", metadata: Metadata, runtime: str):
        self.path, self.files, self.metadata = file.path, file.files, metadata
        self.metadata.check(file.path, file.inputs, file.outputs)
        self.file = choose_runtime(file, runtime)
        self.runtime = self.file.runtime
        ((shape, _),) = file.inputs.values()
        self._batch = shape[0]

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return in_pieces(lambda piece: self.file.run(self.metadata.input, piece, "embedding"), pixels, self._batch)


class SavedModelNetwork:
    """Runs a SavedModel from its folder, or the newest version in a folder of versions."""

    runtime = "TensorFlow"

    def __init__(self, path: Path, device: str = "auto"):
        folder = _newest(path)
        file = folder / "assets.extra" / FILE
        if not file.is_file():
            raise InputError(f"{path}: was not exported by iaunet-tf (it has no assets.extra/{FILE})")
        with file.open("rb") as content:
            self.metadata = Metadata.from_json(content.read(LARGEST + 1), file, "metadata")
        with needed(str(path)), quietly():
            import tensorflow as tf
        if device == "cuda" and not tf.config.list_physical_devices("GPU"):
            raise InputError("TensorFlow does not find a GPU: pip install tensorflow[and-cuda]")
        check_operations(folder / "saved_model.pb")
        self._device = "CPU" if device == "cpu" else None
        self._errors = tf.errors.OpError
        try:
            with tf.device(self._device):
                self._model = tf.saved_model.load(str(folder))
            function = self._model.signatures["serving_default"]
            inputs, outputs = (
                {name: (spec.shape.as_list(), spec.dtype.name) for name, spec in specs.items()}
                for specs in (function.structured_input_signature[1], function.structured_outputs)
            )
        except Exception as error:  # TensorFlow's loader raises various exceptions for damaged files
            raise InputError(f"{path}: not a readable SavedModel ({reason_of(error)})") from None
        self.metadata.check(path, inputs, outputs)
        self.path, self.files = folder, sorted(file for file in folder.rglob("*") if file.is_file())

    def embed(self, pixels: np.ndarray, signature: str = "serving_default") -> np.ndarray:
        """Embeds prepared pixels, or the inputs of another signature."""
        import tensorflow as tf

        function = self._model.signatures[signature]
        (name,) = function.structured_input_signature[1]
        try:
            with tf.device(self._device):
                return function(**{name: tf.constant(pixels)})["embedding"].numpy()
        except self._errors as error:
            raise InputError(f"signature {signature} failed: {reason_of(error, 200)}") from None


class KerasNetwork:
    """Runs an iaunet-tf network in Keras, from memory, a `.keras` file or the folder of a run."""

    runtime = "Keras"

    def __init__(self, source, device: str = "auto"):
        with needed(str(source)), quietly():
            from iaunet_tf.inference.keras_files import check_network, compiled, describe, load_network, network_file
        if device == "cuda" and not _keras_has_gpu():
            raise InputError("Keras does not find a GPU; use device auto or cpu, or pip install tensorflow[and-cuda]")
        path = isinstance(source, str | Path)
        model = load_network(source) if path else check_network(source, getattr(source, "name", source))
        self.metadata = describe(model, source if path else model.name)
        self.path = network_file(source) if path else None
        self.files = [self.path] if self.path else []
        self._model, self._run = model, compiled(model)

    @property
    def weights(self) -> list[np.ndarray]:
        """All present weights, in the network's order."""
        return self._model.get_weights()

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return np.array(self._run(pixels), "float32")


WEIGHTS = "; weights alone become a network by iaunet weights FILE NETWORK.keras"
REMEDIES = {
    **dict.fromkeys((".pt", ".pth", ".tar", ".safetensors"), WEIGHTS),
    **dict.fromkeys((".h5", ".hdf5"), "; load it in Keras and save the network as .keras"),
    ".pb": "; give the folder that holds saved_model.pb",
    ".bin": "; give the .xml file beside it",
}
FORMATS = {".onnx": OnnxFile, ".tflite": LiteRtFile, ".xml": OpenVinoFile}
NetworkFile = OnnxFile | LiteRtFile | OpenVinoFile
Network = OwnNetwork | ForeignNetwork | SavedModelNetwork | KerasNetwork


def open_network(
    source, device: str = "auto", given: Mapping | Input | None = None, runtime: str = "onnxruntime"
) -> Network:
    """Opens a file with the runtime for its format, or wraps a Keras model; for `given`, what is stated of the input of
    a network of others, and the `runtime` of ONNX files see `Embedder`."""
    if runtime == "openvino" and Path(str(source)).suffix != ".onnx":
        raise InputError(f"{source}: runtime {runtime} is for .onnx files; leave it out")
    if not isinstance(source, str | Path):
        refuse_input(getattr(source, "name", type(source).__name__), given)
        return KerasNetwork(source, device)
    path = Path(source)
    if is_on_hub(source):
        source = path = fetch_network(str(source))
    if is_published(source):
        return KerasNetwork(source, device)
    if not os.path.exists(path):  # which takes names that are too long, too
        raise InputError(f"{path}: no such file{did_you_mean(str(source), PRETRAINED)}")
    suffix = path.suffix if path.is_file() else ""
    if suffix in FORMATS:
        file = FORMATS[suffix](path, device)
        if file.metadata is None:
            return ForeignNetwork(choose_runtime(file, runtime), given)
        refuse_input(path, given)
        return OwnNetwork(file, file.metadata, runtime)
    if suffix == ".keras" or (path / "model.keras").is_file() or (path / "config.yaml").is_file():
        refuse_input(path, given)
        return KerasNetwork(path, device)
    if path.is_dir() and (_newest(path) / "saved_model.pb").is_file():
        refuse_input(path, given)
        return SavedModelNetwork(path, device)
    remedy = REMEDIES.get(path.suffix.lower(), "")
    raise InputError(
        f"{path}: is neither .onnx, .tflite, .xml (of OpenVINO) nor .keras, nor the folder of a SavedModel or of a run"
        + remedy
    )


def _keras_has_gpu():
    import keras

    return bool(keras.distribution.list_devices("gpu"))


def _newest(path):
    """Returns the folder of the newest version, or `path` if it contains no versions."""
    return max(versions(path), key=lambda child: int(child.name), default=path)


def versions(folder: Path) -> list[Path]:
    """Lists the versions of a served model, which are the folders named by a number."""
    return [child for child in folder.iterdir() if child.is_dir() and child.name.isdecimal()]
