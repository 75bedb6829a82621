import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from exporting.networks import embeddings, network
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.commands import main
from iaunet_tf.data.decoding import to_pixels
from iaunet_tf.inference.measured import write_thresholds
from iaunet_tf.thresholds import Threshold, Thresholds

serving = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")

DEPLOY = Path(__file__).parents[2] / "deploy"


def files(pictures, kind):
    contents = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind)
        contents.append(file.getvalue())
    return contents


def resized(pictures):
    return np.stack([to_pixels(Image.fromarray(picture), (64, 32)) for picture in pictures]).astype("float32")


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (6, 90, 37, 3)).astype("uint8")


def test_image_network_prepares_pictures_itself(exports, pictures):
    model = tf.saved_model.load(str(exports / "served" / "iaunet" / "1"))
    assert set(model.signatures) == {"serving_default", "encoded"}
    ours = network()
    got = model.signatures["serving_default"](images=tf.constant(pictures))
    np.testing.assert_allclose(got["embedding"], embeddings(ours, resized(pictures)), atol=1e-5)
    outputs = ours(resized(pictures), training=False)
    assert set(got) == {"embedding", "part_attention_1", "part_attention_2"}
    for name in ("part_attention_1", "part_attention_2"):
        np.testing.assert_allclose(got[name], outputs[name], atol=1e-5)
    for kind in ("PNG", "JPEG"):
        contents = files(pictures, kind)
        decoded = resized([np.asarray(Image.open(io.BytesIO(content))) for content in contents])
        got = model.signatures["encoded"](image_bytes=tf.constant(contents))
        np.testing.assert_allclose(got["embedding"], embeddings(ours, decoded), atol=1e-5)


def test_encoded_images_are_turned_upright_as_everywhere(exports, pictures):
    model = tf.saved_model.load(str(exports / "served" / "iaunet" / "1"))
    contents = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        Image.fromarray(pictures[0]).save(file, "JPEG", exif=exif)
        contents.append(file.getvalue())
    got = model.signatures["encoded"](image_bytes=tf.constant(contents))["embedding"]
    np.testing.assert_allclose(got, Embedder(exports / "images.keras")(contents), atol=1e-5)
    assert np.abs(got[1:] - got[0]).max(axis=1).min() > 1e-3


def test_video_network_takes_any_number_of_frames(exports, pictures):
    model = tf.saved_model.load(str(exports / "served" / "clips" / "1"))
    assert set(model.signatures) == {"serving_default", "clips", "encoded"}
    ours = network(video=True)
    for frames in (1, 2, 3):
        clips = pictures.reshape(-1, frames, *pictures.shape[1:])
        expected = embeddings(ours, resized(pictures).reshape(-1, frames, 64, 32, 3))
        contents = np.array(files(pictures, "PNG"), object).reshape(-1, frames)
        np.testing.assert_allclose(
            model.signatures["clips"](clips=tf.constant(clips))["embedding"], expected, atol=1e-5
        )
        got = model.signatures["encoded"](image_bytes=tf.constant(contents))
        np.testing.assert_allclose(got["embedding"], expected, atol=1e-5)
        assert set(got) == {"embedding"}


def test_needs_nothing_of_ours(exports, tmp_path):
    script = f"""
import sys
sys.modules["iaunet_tf"] = None
import tensorflow as tf
model = tf.saved_model.load({str(exports / "served" / "clips" / "1")!r})
print(model.signatures["clips"](clips=tf.zeros((1, 2, 50, 40, 3), "uint8"))["embedding"].shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "(1, 512)", done.stderr
    assert "custom gradients" not in done.stderr


@pytest.mark.parametrize(("name", "kind"), [("iaunet", "images"), ("clips", "clips")])
def test_warm_up_requests_run(exports, name, kind):
    folder = exports / "served" / name / "1"
    model = tf.saved_model.load(str(folder))
    signatures = []
    for record in tf.data.TFRecordDataset(str(folder / "assets.extra" / "tf_serving_warmup_requests")):
        request = serving.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == name
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        result = model.signatures[request.model_spec.signature_name](**inputs)
        assert result["embedding"].shape == (1, 512)
        signatures.append((request.model_spec.signature_name, *request.inputs))
    assert signatures == [("serving_default", kind), ("encoded", "image_bytes")]


@pytest.mark.slow
def test_folder_of_served_models(exports, tmp_path, capsys):
    served = exports / "served"
    assert sorted(path.name for path in served.iterdir()) == ["batching.config", "clips", "iaunet"]
    assert "max_batch_size" in (served / "batching.config").read_text()
    comparison = json.loads((served / "iaunet" / "1" / "assets.extra" / "comparison.json").read_text())
    for name in ("comparison", "encoded", "serving_default"):
        assert comparison[name]["max_difference"] < 1e-4 and comparison[name]["rank_agreement"] == 1
    # The next export gets the next version number; no version is overwritten.
    shutil.copytree(served, tmp_path / "served")
    source = shutil.copy(exports / "images.keras", tmp_path)
    thresholds = Thresholds("people: 9 queries", "cosine", (Threshold(0.01, 0.25, 0.8, (0.0, 0.02), (0.7, 0.9)),))
    write_thresholds(Path(source), Embedder(source).digests, thresholds)
    out = ["--out", str(tmp_path / "served")]
    assert main(["export", "savedmodel", str(source), *out, "--version", "1"]) == 1
    assert "iaunet/1: exists; choose another --version" in capsys.readouterr().err
    assert main(["export", "savedmodel", str(source), *out, "--dtype", "float32", "--unit_length", "false"]) == 0
    assert sorted(path.name for path in (tmp_path / "served" / "iaunet").iterdir()) == ["1", "2"]
    assert Embedder(tmp_path / "served" / "iaunet" / "2").thresholds == thresholds
    model = tf.saved_model.load(str(tmp_path / "served" / "iaunet" / "2"))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 32, 3)).astype("float32")
    expected = network()(pixels, training=False)["embedding"]
    found = model.signatures["serving_default"](images=tf.constant(pixels))["embedding"]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc") or not shutil.which("make"), reason="no C compiler")
def test_c_program_embeds_a_jpeg(exports, pictures, tmp_path):
    for name in ("embed.c", "Makefile"):
        shutil.copy(DEPLOY / "c" / name, tmp_path)
    subprocess.run(["make", f"PYTHON={sys.executable}"], cwd=tmp_path, check=True, capture_output=True)
    (content,) = files(pictures[:1], "JPEG")
    (tmp_path / "a.jpg").write_bytes(content)
    folder = exports / "served" / "iaunet" / "1"
    tensors = json.loads((folder / "assets.extra" / "iaunet_tf.json").read_text())["signatures"]["encoded"]
    command = [str(tmp_path / "embed"), str(folder)]
    names = [tensors["inputs"]["image_bytes"], tensors["outputs"]["embedding"]]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([*command, *names, str(tmp_path / "a.jpg")], capture_output=True, text=True, env=quiet)
    assert done.returncode == 0, done.stderr
    expected = embeddings(network(), resized([np.asarray(Image.open(io.BytesIO(content)))]))
    np.testing.assert_allclose(np.array(done.stdout.split(), float), expected[0], atol=1e-5)
    wrong = subprocess.run([*command, "nothing:0", names[1], str(tmp_path / "a.jpg")], capture_output=True, text=True)
    assert wrong.returncode == 1 and "nothing:0: no such tensor" in wrong.stderr


@pytest.mark.slow
def test_openvino_agrees(exports, pictures):
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    float32 = {"INFERENCE_PRECISION_HINT": "f32"}
    expected = embeddings(network(), resized(pictures))
    small = resized(pictures).astype("uint8")
    # The first call of a compiled model is tested because a tf.cond in the graph once made it return a wrong result.
    for given in (pictures, small):
        compiled = core.compile_model(core.read_model(exports / "served" / "iaunet" / "1"), "CPU", float32)
        np.testing.assert_allclose(compiled([given])["embedding"], expected, atol=1e-3)
    clips = small.reshape(2, 3, 64, 32, 3)
    expected = embeddings(network(video=True), clips.astype("float32"))
    for path, dtype in ((exports / "served" / "clips" / "1", "uint8"), (exports / "clips" / "clips.onnx", "float32")):
        compiled = core.compile_model(core.read_model(path), "CPU", float32)
        np.testing.assert_allclose(compiled([clips.astype(dtype)])["embedding"], expected, atol=1e-3)
