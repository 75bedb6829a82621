"""OpenVINO's files, `.xml` with the weights in `.bin`, without TensorFlow and Keras."""

import threading
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of

KINDS = {"f32": "float32", "f16": "float16", "u8": "uint8"}
LARGEST = 64 << 20  # bytes of the description; that of a network of 900 layers has half a MiB
_cores: list = []
_opening = threading.Lock()


class OpenVinoFile:
    """Runs an `.xml` file on the CPU; for the attributes see `iaunet_tf.inference.runtimes`."""

    metadata = None  # iaunet-tf writes no such files

    def __init__(self, path: Path, device: str = "auto"):
        try:
            import openvino
        except ImportError:
            raise InputError(f"{path}: requires OpenVINO: pip install openvino") from None
        if device == "cuda":
            raise InputError(f"{path}: OpenVINO does not support CUDA; use device auto or cpu")
        weights = path.with_suffix(".bin")
        if not weights.is_file():
            raise InputError(f"{path}: its weights, {weights.name}, are not beside it")
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        # OpenVINO would read any format that it knows, among them ONNX with weights from any file.
        if len(text) > LARGEST or not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<net")):
            raise InputError(f"{path}: not the description of a network in OpenVINO's XML")
        core = _core(openvino)
        try:
            model = core.read_model(text, weights.read_bytes())
            compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            self._request = compiled.create_infer_request()
            self._places = {_name(port, place): place for place, port in enumerate(compiled.inputs)}
            self._ports = {_name(port, place): port for place, port in enumerate(compiled.outputs)}
            self.inputs, self.outputs = (
                {_name(port, place): (_shape(port), _kind(port)) for place, port in enumerate(ports)}
                for ports in (compiled.inputs, compiled.outputs)
            )
        except Exception as error:  # OpenVINO raises RuntimeError with paths of its own sources first
            reason = reason_of(error, 2000).rpartition("cpp:")[2].partition(": ")[2] or reason_of(error)
            raise InputError(f"{path}: not a readable OpenVINO file ({reason[:160]})") from None
        self.path, self.files = path, [path, weights]
        self._lock = threading.Lock()  # a request runs on several cores, but for one thread

    def run(self, name: str, pixels: np.ndarray, output: str) -> np.ndarray:
        with self._lock:
            return np.array(self._request.infer({self._places[name]: pixels})[self._ports[output]])


def _core(openvino):
    """One for the whole process, which is never freed.

    OpenVINO gives a thread that uses a core a stack for signal handlers, frees that with the core, and of several cores
    may leave a freed one in use: the next signal, such as Ctrl-C, then ends the process by a segmentation fault.
    """
    with _opening:
        if not _cores:
            _cores.append(openvino.Core())
        return _cores[0]


def _name(port, place):
    return min(port.names) if port.names else f"number {place + 1}"


def _shape(port):
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(axis.get_length() if axis.is_static else None for axis in port.partial_shape)


def _kind(port):
    kind = port.element_type.get_type_name()
    return KINDS.get(kind, kind)
