"""Networks in files, each run by its own runtime: `embed(pixels) -> embeddings`, and the metadata."""

from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.metadata import KEY, Metadata


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


class KerasNetwork:
    """A `.keras` file, or the folder of a run."""

    def __init__(self, path: Path, device: str = "auto"):
        del device  # Keras' backend chooses
        from iaunet_tf.exporting.network import describe, load_network

        model = load_network(path)
        self.metadata = describe(model, path)
        self._model = model

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels` as the metadata says."""
        embeddings = np.array(self._model(pixels, training=False)["embedding"], "float32")
        return embeddings / np.maximum(np.linalg.norm(embeddings, axis=-1, keepdims=True), 1e-12)


def open_network(path: str | Path, device: str = "auto") -> OnnxNetwork | KerasNetwork:
    """Opens a network by the kind of its file.

    Raises:
        InputError: there is no such file, it is of no known kind, or its runtime is missing.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".onnx":
        return OnnxNetwork(path, device)
    if path.suffix == ".keras" or (path / "model.keras").is_file() or (path / "config.yaml").is_file():
        return KerasNetwork(path, device)
    raise InputError(f"{path}: is neither .onnx nor .keras nor the folder of a run")
