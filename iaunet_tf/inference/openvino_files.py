"""Networks in OpenVINO, without TensorFlow and Keras: its own files, `.xml` with the weights in `.bin`, and ONNX."""

import threading
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.inference.onnx_files import OnnxFile
from iaunet_tf.threads import limit

KINDS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "u8": "uint8"}
LARGEST = 64 << 20  # bytes of the description; that of a network of 900 layers has half a MiB
_cores: list = []
_opening = threading.Lock()


class OpenVinoFile:
    """Runs an `.xml` file on the CPU; for the attributes see `iaunet_tf.inference.runtimes`."""

    metadata = None  # iaunet-tf writes no such files
    runtime = "OpenVINO, float32"

    def __init__(self, path: Path, device: str = "auto"):
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
        compiled = _Compiled(path, text, weights.read_bytes(), {"INFERENCE_PRECISION_HINT": "f32"})
        self.inputs, self.outputs, self.run = compiled.inputs, compiled.outputs, compiled.run
        self.path, self.files = path, [path, weights]


class OnnxInOpenVino:
    """Runs an `.onnx` file on the CPU, in the precision that OpenVINO prefers there: bfloat16 on processors that have
    it. `file` is the same one in ONNX Runtime, which says what its inputs and outputs are.

    Raises:
        InputError: OpenVINO is not installed, or cannot run the network.
    """

    def __init__(self, file: OnnxFile):
        self.path, self.files, self.metadata = file.path, file.files, file.metadata
        self.inputs, self.outputs = file.inputs, file.outputs
        content = file.path.read_bytes()
        if len(file.files) > 1 or b"location" in content:  # without which no tensor can be in another file
            raise InputError(f"{file.path}: OpenVINO is given no network with weights in other files")
        compiled = _Compiled(file.path, content, b"", {})
        self.run, self.precision = compiled.run, compiled.precision
        self.runtime = f"OpenVINO, {self.precision}"


class _Compiled:
    """What OpenVINO makes of a network; one for many threads."""

    def __init__(self, path, content, weights, options):
        with needed(str(path)):
            import openvino
        core = _core(openvino)
        if limit():
            options = {**options, "INFERENCE_NUM_THREADS": limit()}
        try:
            compiled = core.compile_model(core.read_model(content, weights), "CPU", options)
            self._request = compiled.create_infer_request()
            self._places = {_name(port, place): place for place, port in enumerate(compiled.inputs)}
            self._ports = {_name(port, place): port for place, port in enumerate(compiled.outputs)}
            self.inputs, self.outputs = (
                {_name(port, place): (_shape(port), _kind(port)) for place, port in enumerate(ports)}
                for ports in (compiled.inputs, compiled.outputs)
            )
            precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            self.precision = KINDS.get(precision, precision)
        except Exception as error:  # OpenVINO raises RuntimeError with paths of its own sources first
            reason = reason_of(error, 2000).rpartition("cpp:")[2].partition(": ")[2] or reason_of(error)
            raise InputError(f"{path}: not readable by OpenVINO ({reason[:160]})") from None
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
