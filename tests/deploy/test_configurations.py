"""Configurations for DeepStream and Triton against networks as `iaunet export onnx --layout nchw` writes them."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import onnx
import pytest
from keras import layers

from iaunet_tf.exporting.onnx import fix_batch, write_onnx
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.layers import Preprocessing
from iaunet_tf.models.network import Network

pytest.importorskip("onnxruntime")
DEPLOY = Path(__file__).parents[2] / "deploy"
TRITON, NVINFER, NVTRACKER = (
    DEPLOY / "triton" / "models" / "iaunet" / "config.pbtxt",
    DEPLOY / "deepstream" / "nvinfer_reid.txt",
    DEPLOY / "deepstream" / "nvtracker_reid.yml",
)


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check", DEPLOY / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small(size=(256, 128), dimensions=2048):
    """A network of IAUNet's input and output, and little between them."""
    images = keras.Input((*size, 3), name="images")
    x = layers.Conv2D(4, 8, strides=8)(Preprocessing(name="preprocessing")(images))
    return Network(images, {"embedding": layers.Dense(dimensions)(layers.GlobalAveragePooling2D()(x))})


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Folder of exports: `people.onnx` for DeepStream, `model.onnx` for Triton, and some that do not fit."""
    folder = tmp_path_factory.mktemp("exports")
    iaunet, osnet = small(), small((384, 128), 512)
    for name, model, options in (
        ("people", iaunet, {}),
        ("model", iaunet, {"dtype": "uint8"}),
        ("other/people", osnet, {"unit_length": False}),
        ("other/model", osnet, {}),
        ("tracker", osnet, {"layout": "tracker"}),
    ):
        file = folder / f"{name}.onnx"
        file.parent.mkdir(exist_ok=True)
        write_onnx(model, file, describe(model, name, **{"layout": "nchw", **options}))
    for name in ("people", "model"):
        (folder / "fixed").mkdir(exist_ok=True)
        shutil.copy(folder / f"{name}.onnx", folder / "fixed")
        fix_batch(folder / "fixed" / f"{name}.onnx", 8)
    return folder


def test_the_configurations_fit_what_iaunet_exports(networks):
    for model, configurations in (("model.onnx", [TRITON]), ("people.onnx", [NVINFER, NVTRACKER])):
        command = [sys.executable, str(DEPLOY / "check.py"), str(networks / model), *map(str, configurations)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout == f"{len(configurations)} configurations fit {networks / model}\n"


def differing(check, config, model):
    """What differs, by name."""
    lines = check.differences(config, check.read_model(model))
    assert all(line.startswith(f"{config}: ") and "\n" not in line for line in lines)
    return [line.removeprefix(f"{config}: ").partition(": is ")[0] for line in lines]


def test_another_network_differs_in_what_it_is(check, networks):
    other, fixed = networks / "other", networks / "fixed"
    assert differing(check, NVINFER, other / "people.onnx") == ["infer-dims"]
    assert differing(check, NVTRACKER, other / "people.onnx") == [
        "inferDims", "reidFeatureSize", "addFeatureNormalization"
    ]  # fmt: skip
    kinds = ["input data_type", "input dims", "output dims", "model_warmup data_type", "model_warmup dims"]
    assert differing(check, TRITON, other / "model.onnx") == kinds
    assert differing(check, NVINFER, fixed / "people.onnx") == ["batch-size"]
    assert differing(check, NVTRACKER, fixed / "people.onnx") == ["batchSize"]
    assert "max_batch_size above 0" in differing(check, TRITON, fixed / "model.onnx")
    # DeepStream feeds no integers.
    shutil.copy(networks / "model.onnx", other / "bytes.onnx")
    for config, names in (
        (NVINFER, ["onnx-file", "type of the network's input"]),
        (NVTRACKER, ["onnxFile", "type of the network's input"]),
    ):
        assert differing(check, config, other / "bytes.onnx") == names


@pytest.mark.parametrize(
    ("config", "old", "new", "names"),
    [
        (TRITON, 'name: "iaunet"', 'name: "other"', ["name"]),
        (TRITON, 'backend: "onnxruntime"', 'backend: "tensorrt"', ["backend"]),
        (TRITON, 'name: "images"', 'name: "image"', ["names of input"]),
        (TRITON, "dims: [ 2048 ]", "dims: [ 512 ]", ["output dims"]),
        (TRITON, "max_batch_size: 64", "", ["max_batch_size above 0", "input dims", "output dims",
                                            "model_warmup dims"]),
        (TRITON, 'key: "images"', 'key: "image"', ["model_warmup inputs"]),
        (NVINFER, "infer-dims=3;256;128", "infer-dims=3;128;256", ["infer-dims"]),
        (NVINFER, "net-scale-factor=1.0", "net-scale-factor=0.0039", ["net-scale-factor"]),
        (NVINFER, "net-scale-factor=1.0", "offsets=123.675;116.28;103.53", ["offsets"]),
        (NVINFER, "model-color-format=0", "model-color-format=1", ["model-color-format"]),
        (NVINFER, "batch-size=32", "batch-size=16", ["model-engine-file"]),
        (NVINFER, "process-mode=2", "", ["process-mode"]),
        (NVINFER, "output-blob-names=embedding", "output-blob-names=features", ["output-blob-names"]),
        (NVTRACKER, "inferDims: [3, 256, 128]", "inferDims: [256, 128, 3]", ["inferDims"]),
        (NVTRACKER, "inputOrder: 0", "", ["inputOrder"]),
        (NVTRACKER, "keepAspc: 0", "", ["keepAspc"]),
        (NVTRACKER, "colorFormat: 0", "colorFormat: 1", ["colorFormat"]),
        (NVTRACKER, "offsets: [0.0, 0.0, 0.0]", "offsets: [123.675, 116.28, 103.53]", ["offsets"]),
        (NVTRACKER, "networkMode: 1", "networkMode: 0", ["modelEngineFile"]),
        (NVTRACKER, "reidFeatureSize: 2048", "reidFeatureSize: 256", ["reidFeatureSize"]),
    ],
)  # fmt: skip
def test_every_field_that_is_wrong_is_named(check, networks, tmp_path, config, old, new, names):
    text = config.read_text()
    assert text.count(old) == 1
    changed = tmp_path / "iaunet" / config.name
    changed.parent.mkdir()
    changed.write_text(text.replace(old, new))
    assert differing(check, changed, networks / ("model.onnx" if config == TRITON else "people.onnx")) == names


def test_what_cannot_be_compared_is_one_line(check, networks, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    proto = onnx.load(networks / "people.onnx")
    onnx.helper.set_model_props(proto, {"iaunet_tf": json.dumps({})})
    onnx.save(proto, tmp_path / "b.onnx")
    for file, words in (
        (tmp_path / "a.onnx", "not a readable ONNX file"),
        (tmp_path / "b.onnx", "not a readable ONNX file"),
        (tmp_path / "gone.onnx", "not a readable ONNX file"),
        (networks / "tracker.onnx", "has layout tracker; export it with --layout nchw"),
    ):
        with pytest.raises(SystemExit, match=words) as caught:
            check.read_model(file)
        assert str(caught.value).startswith(f"error: {file}: ") and "\n" not in str(caught.value)
    model = check.read_model(networks / "people.onnx")
    for name, text, words in (
        ("a.cfg", "", "is neither"),
        ("gone.txt", None, "No such file"),
        ("a.txt", "infer-dims=3", "damaged"),
        ("a.yml", "BaseConfig: 3", "damaged"),
        ("a.yml", "[", "damaged"),
        ("a.pbtxt", "input [ { name:", "damaged"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(SystemExit, match=words) as caught:
            check.differences(tmp_path / name, model)
        assert "\n" not in str(caught.value)


def test_tritons_own_description_of_configurations_knows_every_field(check):
    protobuf = pytest.importorskip("google.protobuf.text_format")
    descriptions = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    config = protobuf.Parse(TRITON.read_text(), descriptions.ModelConfig())
    ours = check.parse_pbtxt(TRITON.read_text())
    assert (config.name, config.backend, config.max_batch_size) == ("iaunet", "onnxruntime", ours["max_batch_size"])
    assert list(config.input[0].dims) == ours["input"][0]["dims"] == [3, 256, 128]
    assert descriptions.DataType.Name(config.input[0].data_type) == ours["input"][0]["data_type"]
    assert config.model_warmup[0].inputs["images"].zero_data is ours["model_warmup"][0]["inputs"]["value"]["zero_data"]
    assert descriptions.ModelInstanceGroup.Kind.Name(config.instance_group[0].kind) == "KIND_GPU"


def test_keys_of_nvinfer_stand_once_and_have_values():
    keys = re.findall(r"^([\w-]+)=(.+)$", NVINFER.read_text(), re.MULTILINE)
    assert len({key for key, _ in keys}) == len(keys) == 20
