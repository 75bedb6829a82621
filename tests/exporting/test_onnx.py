import json
import shutil

import keras
import numpy as np
import pytest
import yaml
from exporting.networks import embeddings, network
from PIL import Image

from iaunet_tf import Embedder, IAUNet
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.exporting.network import for_inference
from iaunet_tf.exporting.onnx import fix_batch
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.exporting.samples import drawn_images, sample_images
from iaunet_tf.exporting.verification import LIMITS, Limits, compare, verify
from iaunet_tf.inference.keras_files import load_network
from iaunet_tf.preprocessing import IMAGENET_MEAN, IMAGENET_STD

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")

PIXELS = np.random.default_rng(1).integers(0, 256, (5, 64, 32, 3)).astype("float32")


def run(path, pixels):
    """Runs a file directly in ONNX Runtime; returns the session and the output."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session, session.run(None, {session.get_inputs()[0].name: pixels})[0]


@pytest.mark.parametrize("block", ["iau", "ia", None])
def test_network_for_inference_is_the_same_without_batch_norms_behind_convolutions(block):
    model = network(block=block)
    copy = for_inference(model)
    np.testing.assert_allclose(embeddings(copy, PIXELS), embeddings(model, PIXELS), atol=1e-4)
    assert len(copy.layers) == len(model.layers) - 29
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
        # Clips without a near tie in the channel attention, where rounding decides which channel wins.
        clips = np.random.default_rng(30 + frames).uniform(0, 255, (2, frames, 64, 32, 3)).astype("float32")
        session, got = run(exports / "clips" / "clips.onnx", clips)
        np.testing.assert_allclose(got, embeddings(model, clips), atol=1e-5)
    assert session.get_inputs()[0].shape == ["batch", "frames", 64, 32, 3]
    assert session.get_inputs()[0].name == "clips"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.keras", "--out", "a.onnx"], "gone.keras: no such file"),
        (["{exports}/images.keras", "--out", "a.pb"], "must end in .onnx"),
        (["{exports}/clips.keras", "--out", "a.onnx", "--layout", "tracker"], "this is a video network"),
        (
            ["{exports}/images.keras", "--out", "a.onnx", "--layout", "tracker", "--dtype", "uint8"],
            "leave out --dtype uint8",
        ),
        (
            ["{exports}/images.keras", "--out", "a.onnx", "--long_clips", "true"],
            "--long_clips is for networks for clips",
        ),
        (["{exports}/images.keras", "--out", "a.onnx", "--samples", "gone"], "give a folder of sample images"),
        (["{exports}", "--out", "a.onnx"], "is not a run folder"),
        (["broken.keras", "--out", "a.onnx"], "broken.keras: damaged"),
        (["other.keras", "--out", "a.onnx"], "is not an iaunet-tf network"),
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
    assert main(["export", "onnx", *(argument.format(exports=exports) for argument in arguments)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_export_that_is_off_is_refused(exports, tmp_path, monkeypatch, capsys):
    ours, other = (embeddings(model, PIXELS) for model in (network(), network(block=None)))
    with pytest.raises(InputError, match=r"differs from Keras: .* \(allowed: 0\.0001\), .* \(0\.9999\)"):
        verify(ours, other, Limits())
    with pytest.raises(InputError, match="signature encoded returns embeddings that are not finite"):
        verify(ours, np.full_like(ours, np.nan), Limits(), "signature encoded")
    # The command leaves no files behind.
    monkeypatch.setitem(LIMITS, "fp32", Limits(difference=0, cosine=2))
    assert main(["export", "onnx", str(exports / "images.keras"), "--out", str(tmp_path / "a.onnx")]) == 1
    assert "error: the export differs from Keras" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_samples_are_the_runs_queries_if_they_are_there(tmp_path, monkeypatch):
    for folder, name in (("query", "0001_c1s1_000001_00.jpg"), ("bounding_box_test", "0001_c2s1_000001_00.jpg")):
        for person in range(1, 4):
            path = tmp_path / "data" / folder / name.replace("0001_c", f"{person:04}_c")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 40)).save(path)
    shutil.copytree(tmp_path / "data" / "query", tmp_path / "data" / "bounding_box_train")
    run = tmp_path / "run"
    run.mkdir()
    data = {"name": "market1501", "root": str(tmp_path / "data"), "split": 0, "cache_dir": str(tmp_path)}
    (run / "config.yaml").write_text(yaml.safe_dump({"data": data}))
    pictures, origin = sample_images(None, str(run), video=False)
    assert [path.name[:4] for path in pictures] == ["0001", "0002", "0003"] and origin == f"the query set of {run}"
    assert len(sample_images(None, str(run), video=False, count=2)[0]) == 2
    shutil.rmtree(tmp_path / "data")
    pictures, origin = sample_images(None, str(run), video=True)
    assert [len(clip) for clip in pictures] == [4] * 4 and origin == "drawn pedestrians"


@pytest.mark.parametrize("kind", [pytest.param("images", marks=pytest.mark.slow), "clips"])
def test_float16_but_for_the_channel_attention(exports, tmp_path, kind):
    out = tmp_path / "a.onnx"
    assert main(["export", "onnx", str(exports / f"{kind}.keras"), "--out", str(out), "--precision", "fp16"]) == 0
    proto = onnx.load(out)
    kernels = {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 4}
    assert kernels == {onnx.TensorProto.FLOAT16}
    shapes = {value.name: value for value in onnx.shape_inference.infer_shapes(proto).graph.value_info}
    softmaxes = [shapes[node.output[0]].type.tensor_type for node in proto.graph.node if node.op_type == "Softmax"]
    assert len(softmaxes) == 4 and {tensor.elem_type for tensor in softmaxes} == {onnx.TensorProto.FLOAT}
    assert proto.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    model = load_network(exports / f"{kind}.keras")
    pixels = PIXELS if kind == "images" else PIXELS[None]
    # In noise, channels are so similar that rounding decides which of them they attend to.
    assert (run(out, pixels)[1] * embeddings(model, pixels)).sum(axis=1).min() > 0.98


def test_opencv_runs_the_tracker_layout(exports, tmp_path):
    cv2 = pytest.importorskip("cv2")
    shutil.copy(exports / "tracker" / "tracker.onnx", tmp_path / "a.onnx")
    fix_batch(tmp_path / "a.onnx", len(PIXELS))  # OpenCV 4.14 permutes IAU blocks of no other
    network_of_opencv = cv2.dnn.readNetFromONNX(str(tmp_path / "a.onnx"))
    pixels = ((PIXELS / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(0, 3, 1, 2).astype("float32")
    network_of_opencv.setInput(pixels)
    np.testing.assert_allclose(network_of_opencv.forward(), embeddings(network(), PIXELS), atol=1e-4)


def test_graph_reads_like_the_network(exports):
    graph = onnx.load(exports / "image" / "image.onnx").graph
    assert not {node.op_type for node in graph.node} & {"Shape", "Loop", "If", "BatchNormalization", "Gather"}
    assert "Loop" not in {node.op_type for node in onnx.load(exports / "clips" / "clips.onnx").graph.node}


@pytest.mark.slow
def test_long_clips_go_through_a_loop(exports, tmp_path):
    out = tmp_path / "a.onnx"
    assert main(["export", "onnx", str(exports / "clips.keras"), "--out", str(out), "--long_clips", "true"]) == 0
    assert "Loop" in {node.op_type for node in onnx.load(out).graph.node}


def test_int8_everywhere_with_a_kernel(exports, tmp_path, capsys):
    out = tmp_path / "a.onnx"
    assert main(["export", "onnx", str(exports / "images.keras"), "--out", str(out), "--precision", "int8"]) == 1
    assert "--precision int8 needs images like those that it will see: add" in capsys.readouterr().err
    out.write_bytes((exports / "image" / "image.onnx").read_bytes())
    pixels = Embedder(out).prepare(drawn_images())
    # 29 convolutions; in each of the two blocks six dense layers, one of which is used twice.
    assert to_int8(out, pixels) == (43, 43)
    proto = onnx.load(out)
    types = {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 4}
    assert sum(node.op_type == "Conv" for node in proto.graph.node) == 29 and types == {onnx.TensorProto.INT8}
    session, got = run(out, pixels)
    ours = embeddings(load_network(exports / "images.keras"), pixels)
    assert (got * ours).sum(axis=1).min() > 0.99
    assert "iaunet_tf" in session.get_modelmeta().custom_metadata_map


def test_comparison_by_hand():
    ours = np.array([[1.0, 0], [0.8, 0.6], [0, 1]])
    theirs = np.array([[1.0, 0], [0.6, 0.8], [0, 1]])
    comparison = compare(ours, theirs)
    assert comparison.max_difference == pytest.approx(0.2)
    assert comparison.min_cosine == pytest.approx(0.96)
    assert comparison.same_nearest == pytest.approx(2 / 3)  # the nearest neighbour of the second differs
    assert comparison.rank_agreement == 1  # all others are among the ten nearest
    # With more than ten others, compare with sets.
    rng = np.random.default_rng(0)
    ours = rng.normal(size=(15, 4))
    theirs = ours + rng.normal(size=ours.shape)
    ours, theirs = (e / np.linalg.norm(e, axis=1, keepdims=True) for e in (ours, theirs))

    def ten(embeddings, i):
        return set(sorted(set(range(15)) - {i}, key=lambda j: -embeddings[i] @ embeddings[j])[:10])

    shared = [len(ten(ours, i) & ten(theirs, i)) / 10 for i in range(15)]
    assert compare(ours, theirs).rank_agreement == pytest.approx(np.mean(shared)) and np.mean(shared) < 1


@pytest.mark.slow
@pytest.mark.parametrize("block", ["iau", None])
def test_a_network_trained_in_mixed_precision_is_exported_in_float32(block, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trained = IAUNet(input_shape=(64, 32, 3), width=0.25, block=block, depths=(1, 1, 1, 1))
    finally:
        keras.config.set_dtype_policy("float32")
    trained.save(tmp_path / "trained.keras")
    plain = IAUNet(input_shape=(64, 32, 3), width=0.25, block=block, depths=(1, 1, 1, 1))
    plain.set_weights(trained.get_weights())
    assert main(["export", "onnx", str(tmp_path / "trained.keras"), "--out", str(tmp_path / "a.onnx")]) == 0
    exported = Embedder(tmp_path / "a.onnx", runtime="onnxruntime")
    np.testing.assert_allclose(exported(list(PIXELS)), Embedder(plain)(list(PIXELS)), atol=1e-4)
