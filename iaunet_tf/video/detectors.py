"""Networks that find people in a frame, of the SSD kind, in OpenVINO and ONNX files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.inference.foreign import image_input
from iaunet_tf.inference.inputs import as_input, picture_pixels
from iaunet_tf.inference.onnx_files import OnnxFile
from iaunet_tf.inference.openvino_files import OpenVinoFile
from iaunet_tf.inference.stated import Input, read_input
from iaunet_tf.video.detections import DetectionFile, Detections, as_detections
from iaunet_tf.video.frames import Frame

FORMATS = {".xml": OpenVinoFile, ".onnx": OnnxFile}
TABLES = (".txt", ".csv", ".tsv")
USUAL = {"colour": "bgr", "scale": "none"}  # of Intel's detectors, and of Caffe's, where the kind comes from
VALUES = 7  # of a detection: image, label, score, left, top, right and bottom, the latter four in 0..1
PERSON = 1
Detect = Callable[[Frame], Detections]


class Detector:
    """A network of the SSD kind, with one output `(1, 1, N, 7)`: a callable from `Frame` to `Detections`.

    Args:
        path: an `.xml` file of OpenVINO, with its `.bin` beside it, or an `.onnx` file.
        threshold: the score in 0..1 from which on a detection counts.
        label: the class of people, None if all classes count.
        input: what its file does not declare of its input, as `Embedder` takes it; BGR in 0..255 unless stated.
        device: `"auto"`, `"cpu"` or, for `.onnx`, `"cuda"`.

    Attributes:
        path: the file.
        size: height and width of what the network sees; frames are resized to it.

    Raises:
        InputError: the file cannot be read or holds no such network, or an argument is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        threshold: float = 0.5,
        *,
        label: int | None = PERSON,
        input: Mapping | Input | None = None,
        device: str = "auto",
    ):
        check_number("threshold", threshold, 0, 1)
        self.path, self.threshold, self.label = Path(path), threshold, label
        if self.path.suffix not in FORMATS:
            raise InputError(f"{path}: detectors are .xml files of OpenVINO, or .onnx files")
        if not self.path.is_file():
            raise InputError(f"{path}: no such file")
        stated = input if isinstance(input, Input) else read_input(self.path, {**USUAL, **(input or {})})[0]
        self._file = FORMATS[self.path.suffix](self.path, device)
        self._input, kind, batch, layout, self.size = image_input(self._file, stated)
        if batch not in (None, 1):
            raise InputError(f"{path}: takes {batch} images at a time; a detector is given one")
        self._form = SimpleNamespace(
            scale=stated.scale,
            colour=stated.colour,
            channels_first=layout != "image",
            dtype="uint8" if kind == "uint8" else "float32",
        )
        self._kind, self._interpolation = kind, stated.interpolation
        fitting = [name for name, (shape, _) in self._file.outputs.items() if shape and shape[-1] == VALUES]
        if len(fitting) != 1:
            shapes = ", ".join(f"{name:.40} {shape}" for name, (shape, _) in self._file.outputs.items())
            raise InputError(f"{path}: returns {shapes:.200}, not (1, 1, N, 7) as detectors of the SSD kind do")
        self._output = fitting[0]

    def __call__(self, frame: Frame) -> Detections:
        pixels = picture_pixels(frame.image, self.size, self._interpolation)
        pixels = as_input(pixels[None], self._form).astype(self._kind, copy=False)
        try:
            found = self._file.run(self._input, pixels, self._output)
        except MemoryError:
            raise
        except Exception as error:  # runtimes raise various exceptions of their own
            raise InputError(f"{self.path}: fails on frame {frame.number} ({reason_of(error)})") from None
        if found.size % VALUES or found.shape[-1:] != (VALUES,):
            raise InputError(f"{self.path}: returns {found.shape}, not (1, 1, N, 7)")
        found = found.reshape(-1, VALUES).astype("float64")
        ends = np.flatnonzero(found[:, 0] < 0)  # image -1 after the last detection
        found = found[: ends[0]] if len(ends) else found
        if not np.isfinite(found).all():
            raise InputError(f"{self.path}: returns NaN or infinity for frame {frame.number}; the file is damaged")
        counts = found[:, 2] >= self.threshold
        if self.label is not None:
            counts &= found[:, 1] == self.label
        boxes, scores = found[counts, 3:], found[counts, 2]
        proper = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        height, width = frame.image.shape[:2]
        boxes = boxes[proper] * (width, height, width, height)
        return as_detections(np.hstack([boxes, scores[proper, None]]), frame, str(self.path))


def open_detector(source: str | Path | Callable, threshold: float = 0.5) -> Detect:
    """What finds people in frames: a callable from `Frame` to `Detections`.

    Args:
        source: a file of detections (`DetectionFile`), a network (`Detector`), or a callable that takes a `Frame` and
            returns what `as_detections` takes.
        threshold: for a network, the score from which on a detection counts.

    Raises:
        InputError: it is nothing of these, or cannot be read.
    """
    if callable(source):
        name = getattr(source, "__name__", type(source).__name__)
        return lambda frame: as_detections(source(frame), frame, name)
    path = Path(source)
    if path.suffix in FORMATS:
        return Detector(path, threshold)
    if path.suffix.lower() in TABLES:
        return DetectionFile(path)
    raise InputError(
        f"{source}: detections are in {', '.join(TABLES)} files, or made by a detector in an .xml file of OpenVINO or "
        "an .onnx file"
    )
