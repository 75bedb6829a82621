"""Runtimes for network files: each has `metadata`, and `embed` of pixels prepared accordingly, for many threads."""

import os
import threading
import zipfile
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.inference.operations import check_operations
from iaunet_tf.metadata import FILE, KEY, LARGEST, Metadata
from iaunet_tf.terminal import quietly
from iaunet_tf.weights.pretrained import PRETRAINED, is_published
from iaunet_tf.wording import did_you_mean


class OnnxNetwork:
    """Runs an `.onnx` file in ONNX Runtime, without importing TensorFlow or Keras."""

    def __init__(self, path: Path, device: str = "auto"):
        try:
            import onnxruntime
        except ImportError:
            raise InputError(
                f"{path}: requires ONNX Runtime: pip install onnxruntime (or onnxruntime-gpu, but not both)"
            ) from None
        available = onnxruntime.get_available_providers()
        cuda = "CUDAExecutionProvider"
        if device == "cuda" and cuda not in available:
            raise InputError("ONNX Runtime has no CUDA support: pip install onnxruntime-gpu instead of onnxruntime")
        wanted = [cuda] if cuda in available and device != "cpu" else []
        # From bytes, not from the path: tensors in other files, which could be any on this machine, are then refused.
        content = path.read_bytes()
        if b"_ORT_MEM_ADDR_" in content:  # a tensor at an address in memory, which older versions read
            raise InputError(f"{path}: refused: its weights are not in the file")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, and need not be printed as well
        try:
            self._session = onnxruntime.InferenceSession(content, options, [*wanted, "CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises various exceptions of its own
            raise InputError(f"{path}: not a readable ONNX file ({reason_of(error)})") from None
        properties = self._session.get_modelmeta().custom_metadata_map
        if KEY not in properties:
            raise InputError(f"{path}: was not exported by iaunet-tf (it has no {KEY} metadata)")
        self.metadata = Metadata.from_json(properties[KEY], path)
        kinds = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
        inputs, outputs = (
            {tensor.name: (tensor.shape, kinds.get(tensor.type, tensor.type)) for tensor in tensors}
            for tensors in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.metadata.check(path, inputs, outputs)
        self._input = self.metadata.input

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return self._session.run(["embedding"], {self._input: pixels})[0]


class LiteRtNetwork:
    """Runs a `.tflite` file in LiteRT, without importing TensorFlow or Keras."""

    def __init__(self, path: Path, device: str = "auto"):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise InputError(f"{path}: requires LiteRT: pip install ai-edge-litert") from None
        if device == "cuda":
            raise InputError(f"{path}: LiteRT does not support CUDA; use device auto or cpu")
        try:
            with zipfile.ZipFile(path) as archive, archive.open(FILE) as file:
                metadata = file.read(LARGEST + 1)
        except Exception:  # zipfile raises various exceptions for damaged files
            raise InputError(f"{path}: was not exported by iaunet-tf (it does not contain {FILE})") from None
        self.metadata = Metadata.from_json(metadata, path)
        try:
            with quietly():
                self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
                self._interpreter.allocate_tensors()  # operations that LiteRT does not have are noticed here
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path}: not a readable LiteRT file ({reason_of(error)})") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        # Tensors have names of the converter's making; there is one of each.
        self.metadata.check(path, _declared(self.metadata.input, inputs), _declared("embedding", outputs))
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._shape: tuple[int, ...] = ()
        self._lock = threading.Lock()  # an interpreter runs on several cores, but for one thread

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        with self._lock:
            if pixels.shape != self._shape:
                self._interpreter.resize_tensor_input(self._input, pixels.shape)
                with quietly():
                    self._interpreter.allocate_tensors()
                self._shape = pixels.shape
            self._interpreter.set_tensor(self._input, pixels)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)


class SavedModelNetwork:
    """Runs a SavedModel from its folder, or the newest version in a folder of versions."""

    def __init__(self, path: Path, device: str = "auto"):
        folder = _newest(path)
        file = folder / "assets.extra" / FILE
        if not file.is_file():
            raise InputError(f"{path}: was not exported by iaunet-tf (it has no assets.extra/{FILE})")
        with file.open("rb") as content:
            self.metadata = Metadata.from_json(content.read(LARGEST + 1), file, "metadata")
        try:
            with quietly():
                import tensorflow as tf
        except ImportError:
            raise InputError(f"{path}: requires TensorFlow: pip install tensorflow") from None
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

    def __init__(self, source, device: str = "auto"):
        try:
            with quietly():
                from iaunet_tf.inference.keras_files import check_network, describe, load_network
        except ImportError:
            raise InputError(f"{source}: requires TensorFlow and Keras: pip install tensorflow keras") from None
        if device == "cuda" and not _keras_has_gpu():
            raise InputError("Keras does not find a GPU; use device auto or cpu, or pip install tensorflow[and-cuda]")
        path = isinstance(source, str | Path)
        self._model = load_network(source) if path else check_network(source, getattr(source, "name", source))
        self.metadata = describe(self._model, source if path else self._model.name)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return np.array(self._model(pixels, training=False)["embedding"], "float32")


WEIGHTS = "; weights alone become a network by iaunet weights FILE NETWORK.keras"
REMEDIES = {
    **dict.fromkeys((".pt", ".pth", ".tar", ".safetensors"), WEIGHTS),
    **dict.fromkeys((".h5", ".hdf5"), "; load it in Keras and save the network as .keras"),
    ".pb": "; give the folder that holds saved_model.pb",
}
Network = OnnxNetwork | LiteRtNetwork | SavedModelNetwork | KerasNetwork


def open_network(source, device: str = "auto") -> Network:
    """Opens a file with the runtime for its format, or wraps a Keras model; see `Embedder`."""
    if not isinstance(source, str | Path):
        return KerasNetwork(source, device)
    path = Path(source)
    if is_published(source):
        return KerasNetwork(source, device)
    if not os.path.exists(path):  # which takes names that are too long, too
        raise InputError(f"{path}: no such file{did_you_mean(str(source), PRETRAINED)}")
    suffix = path.suffix if path.is_file() else ""
    if suffix == ".onnx":
        return OnnxNetwork(path, device)
    if suffix == ".tflite":
        return LiteRtNetwork(path, device)
    if suffix == ".keras" or (path / "model.keras").is_file() or (path / "config.yaml").is_file():
        return KerasNetwork(path, device)
    if path.is_dir() and (_newest(path) / "saved_model.pb").is_file():
        return SavedModelNetwork(path, device)
    remedy = REMEDIES.get(path.suffix.lower(), "")
    raise InputError(
        f"{path}: is neither .onnx, .tflite nor .keras, nor the folder of a SavedModel or of a run{remedy}"
    )


def _keras_has_gpu():
    import keras

    return bool(keras.distribution.list_devices("gpu"))


def _declared(name, details):
    """Shape and data type of the only tensor that LiteRT describes, or of all by their own names."""
    names = [name] if len(details) == 1 else [each["name"] for each in details]
    tensors = [(each["shape_signature"].tolist(), np.dtype(each["dtype"]).name) for each in details]
    return dict(zip(names, tensors, strict=True))


def _newest(path):
    """Returns the folder of the newest version, or `path` if it contains no versions."""
    return max(versions(path), key=lambda child: int(child.name), default=path)


def versions(folder: Path) -> list[Path]:
    """Lists the versions of a served model, which are the folders named by a number."""
    return [child for child in folder.iterdir() if child.is_dir() and child.name.isdecimal()]
