import zipfile

import numpy as np
import pytest
from exporting.networks import embeddings, network

from iaunet_tf.commands import main

interpreter = pytest.importorskip("ai_edge_litert.interpreter")


def run(path, pixels):
    """Runs a file directly in LiteRT; returns the name of the input and the output."""
    model = interpreter.Interpreter(str(path))
    (put,) = model.get_input_details()
    model.resize_tensor_input(put["index"], pixels.shape)
    model.allocate_tensors()
    model.set_tensor(put["index"], pixels)
    model.invoke()
    return put["name"], model.get_tensor(model.get_output_details()[0]["index"])


def test_image_network(exports):
    ours = network()
    for batch in (1, 3):
        pixels = np.random.default_rng(batch).uniform(0, 255, (batch, 64, 32, 3)).astype("float32")
        name, got = run(exports / "lite" / "lite.tflite", pixels)
        assert name == "images"
        np.testing.assert_allclose(got, embeddings(ours, pixels), atol=1e-4)
    with zipfile.ZipFile(exports / "lite" / "lite.tflite") as archive:
        assert archive.namelist() == ["iaunet_tf.json"]


def test_video_network_takes_any_number_of_frames(exports):
    for frames in (1, 3):
        clips = np.random.default_rng(frames).uniform(0, 255, (2, frames, 64, 32, 3)).astype("float32")
        name, got = run(exports / "liteclips" / "liteclips.tflite", clips)
        assert name == "clips"
        np.testing.assert_allclose(got, embeddings(network(video=True), clips), atol=1e-4)


def test_int8_is_smaller_and_alike(exports, tmp_path, capsys):
    out = tmp_path / "small.tflite"
    assert main(["export", "litert", str(exports / "images.keras"), "--out", str(out), "--precision", "int8"]) == 0
    assert out.stat().st_size < 0.3 * (exports / "lite" / "lite.tflite").stat().st_size
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 64, 32, 3)).astype("float32")
    assert (run(out, pixels)[1] * embeddings(network(), pixels)).sum(axis=1).min() > 0.98
    assert main(["export", "litert", str(exports / "images.keras"), "--out", str(tmp_path / "a.onnx")]) == 1
    assert "must end in .tflite" in capsys.readouterr().err
