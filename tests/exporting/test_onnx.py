import json

import numpy as np
import pytest
from exporting.networks import embeddings, network

from iaunet_tf.errors import InputError
from iaunet_tf.exporting.command import main_onnx
from iaunet_tf.exporting.network import for_inference, load_network
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.exporting.verification import Limits, compare, verify
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

PIXELS = np.random.default_rng(1).integers(0, 256, (5, 64, 32, 3)).astype("float32")


def run(path, pixels):
    """Straight through ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session, session.run(None, {session.get_inputs()[0].name: pixels})[0]


@pytest.mark.parametrize("block", ["iau", "ia", None])
def test_network_for_inference_is_the_same_without_batch_norms_behind_convolutions(block):
    model = network(block=block)
    copy = for_inference(model)
    np.testing.assert_allclose(embeddings(copy, PIXELS), embeddings(model, PIXELS), atol=1e-4)
    assert len(copy.layers) == len(model.layers) - 53
    bare = for_inference(model, preprocessing=False)
    normalised = ((PIXELS / 255 - IMAGENET_MEAN) / IMAGENET_STD).astype("float32")
    np.testing.assert_allclose(embeddings(bare, normalised), embeddings(model, PIXELS), atol=1e-4)


@pytest.mark.parametrize("name", ["image", "bytes", "tracker"])
def test_image_network(exports, name):
    pixels, size, dtype = PIXELS, [64, 32, 3], "float"
    if name == "bytes":
        pixels, dtype = PIXELS.astype("uint8"), "uint8"
    if name == "tracker":
        pixels = ((PIXELS / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(0, 3, 1, 2).astype("float32")
        size = [3, 64, 32]
    out = exports / name / f"{name}.onnx"
    session, got = run(out, pixels)
    np.testing.assert_allclose(got, embeddings(load_network(exports / "images.keras"), PIXELS), atol=1e-4)
    (put,), (gives,) = session.get_inputs(), session.get_outputs()
    assert (put.name, put.shape, put.type) == ("images", ["batch", *size], f"tensor({dtype})")
    assert (gives.name, gives.shape) == ("embedding", ["batch", 512])
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["iaunet_tf"])["layout"] == ("tracker" if name == "tracker" else "image")
    assert properties["colour_order"] == "RGB"
    report = json.loads(out.with_suffix(".json").read_text())
    assert report["comparison"]["max_difference"] < 1e-4 and report["comparison"]["pictures"] == 16
    assert sorted(path.name for path in out.parent.iterdir()) == [f"{name}.json", f"{name}.onnx"]
    assert onnx.load(out).opset_import[0].version >= 17


def test_video_network_takes_any_number_of_frames(exports):
    model = load_network(exports / "clips.keras")
    for frames in (1, 3, 4):
        clips = np.random.default_rng(frames).uniform(0, 255, (2, frames, 64, 32, 3)).astype("float32")
        session, got = run(exports / "clips" / "clips.onnx", clips)
        np.testing.assert_allclose(got, embeddings(model, clips), atol=1e-4)
    assert session.get_inputs()[0].shape == ["batch", "frames", 64, 32, 3]
    assert session.get_inputs()[0].name == "clips"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.keras", "--out", "a.onnx"], "gone.keras: no such file"),
        (["{exports}/images.keras", "--out", "a.pb"], "ends in .onnx"),
        (["{exports}/clips.keras", "--out", "a.onnx", "--layout", "tracker"], "this is a video network"),
        (["{exports}/images.keras", "--out", "a.onnx", "--samples", "gone"], "no such folder of sample pictures"),
        (["{exports}", "--out", "a.onnx"], "holds no final model"),
        (["broken.keras", "--out", "a.onnx"], "broken.keras: damaged"),
        (["other.keras", "--out", "a.onnx"], "is not a network of iaunet-tf"),
        (["{exports}/images.keras", "--out", "file/a.onnx"], "error: "),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(exports, arguments, message, tmp_path, monkeypatch, capsys):
    import keras

    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    (tmp_path / "file").write_bytes(b"")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save("other.keras")
    before = sorted(tmp_path.iterdir())
    assert main_onnx([argument.format(exports=exports) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_export_that_is_off_is_refused(exports, tmp_path):
    other = network(block=None)
    other.save(tmp_path / "other.keras")
    pictures = [picture.astype("uint8") for picture in PIXELS]
    with pytest.raises(InputError, match=r"differs from Keras by .* where 0\.0001 \(0\.9999\) is allowed"):
        verify(exports / "images.keras", tmp_path / "other.keras", pictures, Limits())


def test_int8_convolutions(exports, tmp_path, capsys):
    out = tmp_path / "a.onnx"
    assert main_onnx([str(exports / "images.keras"), "--out", str(out), "--precision", "int8"]) == 1
    assert "--calibrate FOLDER, pictures to calibrate with, go together" in capsys.readouterr().err
    out.write_bytes((exports / "image" / "image.onnx").read_bytes())
    to_int8(out, PIXELS)
    proto = onnx.load(out)
    types = {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 4}
    assert sum(node.op_type == "Conv" for node in proto.graph.node) == 53 and types == {onnx.TensorProto.INT8}
    session, got = run(out, PIXELS)
    ours = embeddings(load_network(exports / "images.keras"), PIXELS)
    assert (got * ours).sum(axis=1).min() > 0.95
    assert "iaunet_tf" in session.get_modelmeta().custom_metadata_map


def test_comparison_by_hand():
    ours = np.array([[1.0, 0], [0.8, 0.6], [0, 1]])
    theirs = np.array([[1.0, 0], [0.6, 0.8], [0, 1]])
    comparison = compare(ours, theirs)
    assert comparison.max_difference == pytest.approx(0.2)
    assert comparison.min_cosine == pytest.approx(0.96)
    assert comparison.same_nearest == pytest.approx(2 / 3)  # the second's nearest changes
