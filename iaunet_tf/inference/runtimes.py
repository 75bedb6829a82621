"""Networks in files, each run by its own runtime: `embed(pixels) -> embeddings`, and the metadata."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.metadata import FILE, KEY, Metadata
from iaunet_tf.terminal import quietly


class OnnxNetwork:
    """An `.onnx` file in ONNX Runtime; neither TensorFlow nor Keras is imported."""

    def __init__(self, path: Path, device: str = "auto"):
        try:
            import onnxruntime
        except ImportError:
            raise InputError(
                f"{path}: needs ONNX Runtime: pip install onnxruntime (or onnxruntime-gpu, never both)"
            ) from None
        available = onnxruntime.get_available_providers()
        cuda = "CUDAExecutionProvider"
        if device == "cuda" and cuda not in available:
            raise InputError("this ONNX Runtime has no CUDA: pip install onnxruntime-gpu instead of onnxruntime")
        wanted = [cuda] if cuda in available and device != "cpu" else []
        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=[*wanted, "CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own, of several kinds
            raise InputError(f"{path}: no readable ONNX file ({' '.join(str(error).split())[:160]})") from None
        properties = self._session.get_modelmeta().custom_metadata_map
        if KEY not in properties:
            raise InputError(f"{path}: is not exported by iaunet-tf (it has no metadata {KEY})")
        self.metadata = Metadata.from_json(properties[KEY], path)
        self._input = self._session.get_inputs()[0].name

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` as the metadata says."""
        return self._session.run(["embedding"], {self._input: pixels})[0]


class LiteRtNetwork:
    """A `.tflite` file in LiteRT; neither TensorFlow nor Keras is imported."""

    def __init__(self, path: Path, device: str = "auto"):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise InputError(f"{path}: needs LiteRT: pip install ai-edge-litert") from None
        if device == "cuda":
            raise InputError(f"{path}: LiteRT has no CUDA; leave the device to auto")
        try:
            with zipfile.ZipFile(path) as archive:
                metadata = archive.read(FILE).decode()
        except (zipfile.BadZipFile, KeyError):
            raise InputError(f"{path}: is not exported by iaunet-tf (it holds no {FILE})") from None
        self.metadata = Metadata.from_json(metadata, path)
        try:
            self._interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path}: no readable LiteRT file ({' '.join(str(error).split())[:160]})") from None
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] = ()

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` as the metadata says."""
        if pixels.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, pixels.shape)
            with quietly():
                self._interpreter.allocate_tensors()
            self._shape = pixels.shape
        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)


class SavedModelNetwork:
    """The folder of a SavedModel, or one that holds its versions, of which the newest is taken."""

    def __init__(self, path: Path, device: str = "auto"):
        folder = _newest(path)
        file = folder / "assets.extra" / FILE
        if not file.is_file():
            raise InputError(f"{path}: is not exported by iaunet-tf (it has no assets.extra/{FILE})")
        try:
            metadata = json.loads(file.read_text())["metadata"]
        except (ValueError, KeyError):
            raise InputError(f"{file}: damaged; export the network again") from None
        self.metadata = Metadata.from_json(json.dumps(metadata), file)
        try:
            with quietly():
                import tensorflow as tf
        except ImportError:
            raise InputError(f"{path}: needs TensorFlow: pip install tensorflow") from None
        if device == "cuda" and not tf.config.list_physical_devices("GPU"):
            raise InputError("this TensorFlow sees no GPU: pip install tensorflow[and-cuda]")
        self._device = tf.device("CPU" if device == "cpu" else None)
        self._errors = tf.errors.OpError
        try:
            with self._device:
                self._model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, self._errors) as error:
            raise InputError(f"{path}: no readable SavedModel ({' '.join(str(error).split())[:160]})") from None

    def embed(self, pixels: np.ndarray, signature: str = "serving_default") -> np.ndarray:
        """`pixels` as the metadata says, or what else the signature takes."""
        import tensorflow as tf

        function = self._model.signatures[signature]
        (name,) = function.structured_input_signature[1]
        try:
            with self._device:
                return function(**{name: tf.constant(pixels)})["embedding"].numpy()
        except self._errors as error:
            raise InputError(f"signature {signature} failed: {' '.join(str(error).split())[:200]}") from None


class KerasNetwork:
    """A network of iaunet-tf, in memory, in a `.keras` file or in the folder of a run."""

    def __init__(self, source, device: str = "auto"):
        del device  # Keras' backend chooses
        try:
            with quietly():
                from iaunet_tf.inference.keras_files import describe, load_network
        except ImportError:
            raise InputError(f"{source}: needs TensorFlow and Keras: pip install tensorflow keras") from None
        path = isinstance(source, str | Path)
        self._model = load_network(source) if path else source
        self.metadata = describe(self._model, source if path else self._model.name)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` as the metadata says."""
        return np.array(self._model(pixels, training=False)["embedding"], "float32")


Network = OnnxNetwork | LiteRtNetwork | SavedModelNetwork | KerasNetwork


def open_network(source, device: str = "auto") -> Network:
    """Opens a network by the kind of its file, or takes a Keras model.

    Raises:
        InputError: there is no such file, it is of no known kind, or its runtime is missing.
    """
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
    """The folder of the newest version, or `path` if it holds none."""
    return max(versions(path), key=lambda child: int(child.name), default=path)


def versions(folder: Path) -> list[Path]:
    """The versions of a served model: folders that are called by a number."""
    return [child for child in folder.iterdir() if child.name.isdigit()]
