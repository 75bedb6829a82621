"""OpenVINO takes the place of ONNX Runtime where it is wanted, or faster and nearly the same."""

import numpy as np
import onnx
import pytest
from inference.others import WEIGHTS_BESIDE

from iaunet_tf import Embedder
from iaunet_tf.errors import InputError
from iaunet_tf.inference import onnx_runtimes

openvino = pytest.importorskip("openvino")
PICTURES = list(np.random.default_rng(0).integers(0, 256, (5, 64, 32, 3)).astype("uint8"))
CLIPS = [PICTURES[:2], PICTURES[2:4]]


@pytest.mark.parametrize(("name", "items"), [("image/image.onnx", PICTURES), ("clips/clips.onnx", CLIPS)])
def test_openvino_on_request(exports, name, items):
    ours, theirs = (Embedder(exports / name, runtime=runtime) for runtime in ("onnxruntime", "openvino"))
    assert ours.runtime == "ONNX Runtime" and theirs.runtime.startswith("OpenVINO, ")
    assert ours.fed.endswith("runs in ONNX Runtime") and theirs.fed.endswith(theirs.runtime)
    assert (ours(items) * theirs(items)).sum(axis=1).min() > 0.99


@pytest.fixture
def other(monkeypatch):
    """Makes OpenVINO's results those of ONNX Runtime, changed by a function, and its precision another one."""

    def stand_in(change, precision="bfloat16"):
        class Other:
            def __init__(self, file):
                self.file, self.precision, self.runtime = file, precision, f"OpenVINO, {precision}"

            def run(self, *arguments):
                return change(self.file.run(*arguments))

        monkeypatch.setattr(onnx_runtimes, "OnnxInOpenVino", Other)

    return stand_in


def turned(vectors, cosine):
    """Vectors at an angle to these, in a direction that is the same for all."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    away = np.tile(np.random.default_rng(1).normal(size=vectors.shape[1]), (len(unit), 1))
    away -= (away * unit).sum(axis=1, keepdims=True) * unit
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    return (cosine * unit + np.sqrt(1 - cosine**2) * away).astype("float32")


@pytest.mark.parametrize(
    ("change", "precision", "taken"),
    [
        (lambda vectors: vectors, "bfloat16", True),
        (lambda vectors: turned(vectors, 0.9999), "bfloat16", True),
        (lambda vectors: turned(vectors, 0.9995), "bfloat16", False),
        (lambda vectors: vectors, "float32", False),  # as fast as ONNX Runtime, then
        (lambda vectors: vectors * np.nan, "bfloat16", False),
        (lambda vectors: vectors * 0, "bfloat16", False),
        (lambda vectors: vectors[:1], "bfloat16", False),
    ],
)
@pytest.mark.parametrize("name", ["image/image.onnx", "clips/clips.onnx"])
def test_auto_takes_what_is_nearly_the_same(exports, other, name, change, precision, taken):
    other(change, precision)
    embed = Embedder(exports / name)
    assert embed.runtime == (f"OpenVINO, {precision}" if taken else "ONNX Runtime")
    if not taken:
        assert Embedder(exports / name, runtime="openvino").runtime.startswith("OpenVINO")


def test_networks_of_others_run_in_onnx_runtime_unless_asked(tmp_path):
    from inference.others import write_onnx

    stated = {"colour": "rgb", "scale": "none"}
    file = write_onnx(tmp_path / "a.onnx")
    assert Embedder(file, input=stated).runtime == "ONNX Runtime"
    ours, theirs = (Embedder(file, input=stated, runtime=runtime) for runtime in ("auto", "openvino"))
    assert (ours(PICTURES) * theirs(PICTURES)).sum(axis=1).min() > 0.99


@pytest.mark.skipif(not WEIGHTS_BESIDE, reason="an older ONNX Runtime, the last for Python 3.10")
def test_openvino_is_not_given_weights_in_other_files(exports, tmp_path):
    model = onnx.load(exports / "image" / "image.onnx")
    onnx.save(model, tmp_path / "a.onnx", save_as_external_data=True, location="a.onnx.data")
    assert Embedder(tmp_path / "a.onnx").runtime == "ONNX Runtime"
    with pytest.raises(InputError, match="no network with weights in other files"):
        Embedder(tmp_path / "a.onnx", runtime="openvino")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("image/image.onnx", {"runtime": "theirs"}, "runtime must be one of auto, onnxruntime, openvino"),
        ("images.keras", {"runtime": "openvino"}, "images.keras: runtime openvino is for .onnx files"),
        ("lite/lite.tflite", {"runtime": "openvino"}, "lite.tflite: runtime openvino is for .onnx files"),
    ],
)
def test_mistakes_are_one_line(exports, name, options, message):
    with pytest.raises(InputError, match=message):
        Embedder(exports / name, **options)
