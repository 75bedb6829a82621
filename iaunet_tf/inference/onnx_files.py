"""ONNX files in ONNX Runtime, without TensorFlow and Keras."""

import os
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.metadata import KEY, Metadata
from iaunet_tf.threads import limit
from iaunet_tf.wording import either

CUDA = "CUDAExecutionProvider"


class OnnxFile:
    """Runs an `.onnx` file; for the attributes see `iaunet_tf.inference.runtimes`. `on_cpu`: whether on no GPU."""

    runtime = "ONNX Runtime"

    def __init__(self, path: Path, device: str = "auto"):
        with needed(str(path)):
            import onnxruntime
        available = onnxruntime.get_available_providers()
        if device == "cuda" and CUDA not in available:
            raise InputError("ONNX Runtime has no CUDA support: pip install onnxruntime-gpu instead of onnxruntime")
        providers = [*([CUDA] if CUDA in available and device != "cpu" else []), "CPUExecutionProvider"]
        content = path.read_bytes()
        if b"_ORT_MEM_ADDR_" in content:  # a tensor at an address in memory, which older versions read
            raise InputError(f"{path}: refused: its weights are not in the file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = limit() or 0  # 0 is all
        options.log_severity_level = 4  # errors are raised, and need not be printed as well
        # Tensors may be in other files, by names that the file chooses. From bytes, ONNX Runtime looks for them in the
        # current folder, or in one that is set here: there is none. What lies beside the file by the names that
        # exporters give, and only that, is handed over in memory.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        names = f"{path.name}.data", f"{path.name}_data", f"{path.stem}.data"
        beside = [path.with_name(name) for name in names if path.with_name(name).is_file()]
        beside = [file for file in beside if file.stat().st_size]
        weights = [np.memmap(file, "uint8", "r") for file in beside]
        if beside and not hasattr(options, "add_external_initializers_from_files_in_memory"):
            raise InputError(
                f"{path}: has {beside[0].name} beside it, which takes a newer onnxruntime, on Python 3.11 or later"
            )
        if beside:
            options.add_external_initializers_from_files_in_memory(
                [file.name for file in beside], weights, [each.nbytes for each in weights]
            )
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers)
        except Exception as error:  # ONNX Runtime raises various exceptions of its own
            reason = reason_of(error)
            if "xternal" in str(error):
                reason = f"of weights in other files, only {either(names)} beside it is read; {reason}"
            raise InputError(f"{path}: not a readable ONNX file ({reason})") from None
        self.path, self.files = path, [path, *beside]
        self.on_cpu = CUDA not in self._session.get_providers()
        try:
            properties = self._session.get_modelmeta().custom_metadata_map
            self.inputs, self.outputs = (
                {tensor.name: (_shape(tensor), _kind(tensor)) for tensor in tensors}
                for tensors in (self._session.get_inputs(), self._session.get_outputs())
            )
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a readable ONNX file (a name in it is not Unicode)") from None
        self.metadata = Metadata.from_json(properties[KEY], path) if KEY in properties else None

    def run(self, name: str, pixels: np.ndarray, output: str) -> np.ndarray:
        return np.asarray(self._session.run([output], {name: pixels})[0])


def _shape(tensor):
    return tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in tensor.shape)


def _kind(tensor):
    kind = tensor.type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32"}.get(kind, kind)
