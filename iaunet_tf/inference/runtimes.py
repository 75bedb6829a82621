"""Runtimes for network files: each has `metadata`, and `embed` of pixels prepared accordingly."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.metadata import FILE, KEY, Metadata
from iaunet_tf.terminal import quietly


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
        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=[*wanted, "CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises various exceptions of its own
            raise InputError(f"{path}: not a readable ONNX file ({' '.join(str(error).split())[:160]})") from None
        properties = self._session.get_modelmeta().custom_metadata_map
        if KEY not in properties:
            raise InputError(f"{path}: was not exported by iaunet-tf (it has no {KEY} metadata)")
        self.metadata = Metadata.from_json(properties[KEY], path)
        self._input = self._session.get_inputs()[0].name

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
            with zipfile.ZipFile(path) as archive:
                metadata = archive.read(FILE).decode()
        except (zipfile.BadZipFile, KeyError):
            raise InputError(f"{path}: was not exported by iaunet-tf (it does not contain {FILE})") from None
        self.metadata = Metadata.from_json(metadata, path)
        try:
            self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path}: not a readable LiteRT file ({' '.join(str(error).split())[:160]})") from None
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] = ()

    def embed(self, pixels: np.ndarray) -> np.ndarray:
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
        try:
            metadata = json.loads(file.read_text())["metadata"]
        except (ValueError, KeyError):
            raise InputError(f"{file}: damaged; export the network again") from None
        self.metadata = Metadata.from_json(json.dumps(metadata), file)
        try:
            with quietly():
                import tensorflow as tf
        except ImportError:
            raise InputError(f"{path}: requires TensorFlow: pip install tensorflow") from None
        if device == "cuda" and not tf.config.list_physical_devices("GPU"):
            raise InputError("TensorFlow does not find a GPU: pip install tensorflow[and-cuda]")
        self._device = tf.device("CPU" if device == "cpu" else None)
        self._errors = tf.errors.OpError
        try:
            with self._device:
                self._model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, self._errors) as error:
            raise InputError(f"{path}: not a readable SavedModel ({' '.join(str(error).split())[:160]})") from None

    def embed(self, pixels: np.ndarray, signature: str = "serving_default") -> np.ndarray:
        """Embeds prepared pixels, or the inputs of another signature."""
        import tensorflow as tf

        function = self._model.signatures[signature]
        (name,) = function.structured_input_signature[1]
        try:
            with self._device:
                return function(**{name: tf.constant(pixels)})["embedding"].numpy()
        except self._errors as error:
            raise InputError(f"signature {signature} failed: {' '.join(str(error).split())[:200]}") from None


class KerasNetwork:
    """Runs an iaunet-tf network in Keras, from memory, a `.keras` file or the folder of a run."""

    def __init__(self, source, device: str = "auto"):
        del device  # Keras chooses the device
        try:
            with quietly():
                from iaunet_tf.inference.keras_files import describe, load_network
        except ImportError:
            raise InputError(f"{source}: requires TensorFlow and Keras: pip install tensorflow keras") from None
        path = isinstance(source, str | Path)
        self._model = load_network(source) if path else source
        self.metadata = describe(self._model, source if path else self._model.name)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        return np.array(self._model(pixels, training=False)["embedding"], "float32")


Network = OnnxNetwork | LiteRtNetwork | SavedModelNetwork | KerasNetwork


def open_network(source, device: str = "auto") -> Network:
    """Opens a file with the runtime for its format, or wraps a Keras model; see `Embedder`."""
    if not isinstance(source, str | Path):
        return KerasNetwork(source, device)
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".onnx":
        return OnnxNetwork(path, device)
    if path.suffix == ".tflite":
        return LiteRtNetwork(path, device)
    if path.suffix == ".keras" or (path / "model.keras").is_file() or (path / "config.yaml").is_file():
        return KerasNetwork(path, device)
    if path.is_dir() and (_newest(path) / "saved_model.pb").is_file():
        return SavedModelNetwork(path, device)
    raise InputError(f"{path}: is neither .onnx, .tflite nor .keras, nor the folder of a SavedModel or of a run")


def _newest(path):
    """Returns the folder of the newest version, or `path` if it contains no versions."""
    return max(versions(path), key=lambda child: int(child.name), default=path)


def versions(folder: Path) -> list[Path]:
    """Lists the versions of a served model, which are the folders named by a number."""
    return [child for child in folder.iterdir() if child.name.isdigit()]
