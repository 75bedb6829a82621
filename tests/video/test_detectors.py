"""Detectors of the SSD kind, and what else finds people."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from inference.others import write_onnx
from onnx import TensorProto, helper, numpy_helper

from iaunet_tf.errors import InputError
from iaunet_tf.video.detections import DetectionFile, Detections
from iaunet_tf.video.detectors import Detector, open_detector
from iaunet_tf.video.frames import Frame, frames

pytest.importorskip("onnxruntime")
SHARED = Path(__file__).parents[3] / "shared"
REAL, VIDEO = SHARED / "networks" / "pedestrian-detection-adas-0002.xml", SHARED / "data/video/people-detection.264"
SIZE = 24, 48
# Image, label, score and box of what the network below finds; the first three scores are added to.
ROWS = [
    [0, 1, 0, 0.1, 0.2, 0.3, 0.4],
    [0, 1, 0, 0.5, 0.5, 1.2, 0.9],
    [0, 1, 0, 0.0, 0.0, 0.1, 0.5],
    [0, 2, 0.9, 0.6, 0.1, 0.9, 0.9],
    [0, 1, 0.8, 0.9, 0.1, 0.6, 0.9],
    [0, 1, 0.7, 1.1, 0.1, 1.6, 0.9],
    [-1, 0, 0, 0, 0, 0, 0],
    [0, 1, 0.99, 0, 0, 1, 1],
]


def write_ssd(path, rows=ROWS, shape=(1, 3, *SIZE), kind="float32", axes=(2, 3), output=None):
    """A network whose first three scores are the means of its input's three channels over 255."""
    rows = np.array(rows, "float32")
    share = np.zeros((3, rows.size), "float32")
    share[range(3), [2, 9, 16]] = 1 / 255
    nodes = [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["real"], ["means"], axes=list(axes), keepdims=0),
        helper.make_node("MatMul", ["means", "share"], ["added"]),
        helper.make_node("Reshape", ["added", "form"], ["scores"]),
        helper.make_node("Add", ["scores", "rows"], ["found"]),
    ]
    form = output or (1, 1, *rows.shape)
    tensors = [
        numpy_helper.from_array(share, "share"),
        numpy_helper.from_array(np.array(form), "form"),
        numpy_helper.from_array(rows.reshape(form), "rows"),
    ]
    return write_onnx(path, shape, kind, None, {"found": form}, nodes, tensors)


def write_ssd_openvino(path):
    openvino = pytest.importorskip("openvino")
    model = openvino.convert_model(str(write_ssd(path.with_suffix(".onnx"))))
    openvino.save_model(model, str(path), compress_to_fp16=False)
    return path


def frame(colour=(51, 204, 153), size=(100, 200)):
    return Frame(1, 0.0, np.full((*size, 3), colour, "uint8"))


def refused(work, *words):
    with pytest.raises(InputError) as caught:
        work()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 500 and all(word in text for word in words), text


@pytest.mark.parametrize("kind", ["openvino", "onnx", "bytes", "channels last"])
def test_boxes_scores_and_colours(tmp_path, kind):
    if kind == "openvino":
        path = write_ssd_openvino(tmp_path / "a.xml")
    elif kind == "channels last":
        path = write_ssd(tmp_path / "a.onnx", shape=(1, *SIZE, 3), axes=(1, 2))
    else:
        path = write_ssd(tmp_path / "a.onnx", kind="uint8" if kind == "bytes" else "float32")
    detect = Detector(path)
    assert detect.size == SIZE
    found = detect(frame())  # blue 0.6, green 0.8, red 0.2
    np.testing.assert_allclose(found.boxes, [[20, 20, 60, 40], [100, 50, 200, 90]], atol=1e-3)
    np.testing.assert_allclose(found.scores, [0.6, 0.8], atol=1e-6)
    rgb = Detector(path, 0.1, input={"colour": "rgb"})(frame())
    np.testing.assert_allclose(rgb.scores, [0.2, 0.8, 0.6], atol=1e-6)
    np.testing.assert_allclose(rgb.boxes[2], [0, 0, 20, 50], atol=1e-3)
    every = Detector(path, 0.61, label=None)(frame())
    np.testing.assert_allclose(every.scores, [0.8, 0.9], atol=1e-6)
    assert len(Detector(path)(frame((9, 9, 9)))) == 0
    if kind != "bytes":
        small = Detector(path, 0, input={"scale": "255"})(frame())
        np.testing.assert_allclose(small.scores[:3], np.array([0.6, 0.8, 0.2]) / 255, atol=1e-6)


def test_what_is_no_detector(tmp_path):
    refused(lambda: Detector(tmp_path / "a.onnx"), "a.onnx: no such file")
    refused(lambda: Detector("a.pt"), ".xml files of OpenVINO, or .onnx files")
    refused(lambda: Detector(write_onnx(tmp_path / "a.onnx")), "features", "not (1, 1, N, 7)")
    refused(lambda: Detector(write_ssd(tmp_path / "b.onnx", shape=(4, 3, *SIZE), axes=(0, 2, 3))), "4 images at a time")
    refused(lambda: Detector(write_ssd(tmp_path / "c.onnx", shape=(1, 3, "h", "w"))), "input.size")
    refused(lambda: Detector(tmp_path / "b.onnx", 1.5), "threshold")
    sized = Detector(tmp_path / "c.onnx", input={"size": "24x48"})
    assert sized.size == SIZE and len(sized(frame())) == 2
    refused(lambda: Detector(tmp_path / "c.onnx", input={"color": "rgb"}), "did you mean colour")
    for value in (np.nan, np.inf):
        bad = Detector(write_ssd(tmp_path / "d.onnx", [*ROWS[:3], [0, 1, 0.9, value, 0, 1, 1]]))
        refused(lambda bad=bad: bad(frame()), "d.onnx: returns NaN or infinity for frame 1")
    (tmp_path / "e.onnx").write_bytes(b"no network")
    refused(lambda: Detector(tmp_path / "e.onnx"), "e.onnx: not a readable ONNX file")
    (tmp_path / "f.xml").write_text("<?xml version='1.0'?><net></net>")
    refused(lambda: Detector(tmp_path / "f.xml"), "f.xml: its weights, f.bin, are not beside it")


def test_whatever_finds_people(tmp_path):
    def boxes(given):
        assert given.image.shape == (100, 200, 3)
        return [[10, 10, 30, 300, 0.75]]

    found = open_detector(boxes)(frame())
    assert isinstance(found, Detections) and found.boxes.tolist() == [[10, 10, 30, 100]] and found.scores == [0.75]
    refused(lambda: open_detector(lambda given: None)(frame()), "frame 1: must return supervision.Detections")
    (tmp_path / "a.txt").write_text("1,-1,10,10,20,20,0.5\n")
    assert isinstance(open_detector(tmp_path / "a.txt"), DetectionFile)
    assert isinstance(open_detector(str(write_ssd(tmp_path / "a.onnx")), 0.9), Detector)
    refused(lambda: open_detector(tmp_path / "a.pt"), "a.pt: detections are in .txt, .csv, .tsv files")


def test_detectors_need_no_tensorflow(tmp_path):
    script = (
        "import sys, iaunet_tf.video.clips, iaunet_tf.video.tracks\n"
        "from iaunet_tf.video.detectors import Detector\n"
        "Detector(sys.argv[1]); assert not {'tensorflow', 'keras', 'av', 'trackers'} & set(sys.modules)"
    )
    path = write_ssd(tmp_path / "a.onnx")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


def test_a_real_detector_on_a_real_video():
    if not (REAL.is_file() and VIDEO.is_file()):
        pytest.skip("the real detector and video are not here")
    for package in ("openvino", "av"):
        pytest.importorskip(package)
    detect, counts = Detector(REAL), []
    assert detect.size == (384, 672)
    for each in frames(VIDEO, say=list):
        if each.number % 20 == 1:
            found = detect(each)
            counts.append(len(found))
            sides = found.boxes[:, 2:] - found.boxes[:, :2]
            assert (sides[:, 1] > 1.2 * sides[:, 0]).all() and (sides[:, 1] > 60).all()  # people who stand or walk
            assert (found.scores >= 0.5).all() and (found.scores <= 1.001).all()
    assert min(counts) == 0 and 3 <= max(counts) <= 5 and np.count_nonzero(counts) >= 15
