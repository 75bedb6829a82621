"""Files that were downloaded from somebody: whatever they contain, they are refused by one line and nothing is run."""

import io
import json
import shutil
import zipfile
from dataclasses import asdict

import h5py
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from exporting.networks import beginnings
from onnx import TensorProto, helper
from tensorflow.core.protobuf import saved_model_pb2

from iaunet_tf import Embedder
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.exporting.savedmodel import write_savedmodel
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.inference.operations import COMPUTING, SAVING, check_operations
from iaunet_tf.metadata import Metadata
from iaunet_tf.weights.keras_files import read_keras

GOOD = Metadata("iaunet", "0.1.0", "run", False, 64, 32, "image", "uint8", 4)


def refused(work, *words):
    """That something is refused by one printable line that has these words."""
    with pytest.raises(InputError) as caught:
        work()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 600 and all(word in text for word in words), text


# SavedModels


def operations(path):
    (graph,) = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
    nodes = [*graph.graph_def.node, *(node for each in graph.graph_def.library.function for node in each.node_def)]
    return {node.op for node in nodes}


@pytest.mark.slow
def test_operations_that_are_allowed_are_those_of_our_exports(exports, tmp_path):
    other = beginnings()
    write_savedmodel(other, tmp_path / "other", describe(other, "other"))
    used = set()
    for folder in (exports / "served" / "iaunet" / "1", exports / "served" / "clips" / "1", tmp_path / "other"):
        check_operations(folder / "saved_model.pb")
        used |= operations(folder / "saved_model.pb")
    # Of Keras 3.12, the last version for Python 3.10, and of ConvNeXt in keras.applications.
    assert {*COMPUTING.split(), *SAVING.split()} - used <= {"PadV2", "Erfc"}


def write(folder, function, module=None):
    """A SavedModel whose only signature is a function of images, with metadata as ours has it."""
    module = module or tf.Module()
    module.variable = tf.Variable(1.0)
    module.function = tf.function(function, input_signature=[tf.TensorSpec((None, None, None, 3), "uint8", "images")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.function})
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "iaunet_tf.json").write_text(json.dumps({"metadata": asdict(GOOD)}))
    return folder


def embedding(images):
    return {"embedding": tf.zeros((tf.shape(images)[0], 4))}


BAIT = "/tmp/iaunet-tf-test-it-ran"
ATTACKS = {
    "WriteFile": lambda: tf.io.write_file(BAIT, "x"),
    "ReadFile": lambda: tf.io.read_file("/etc/passwd"),
    "MatchingFiles": lambda: tf.io.matching_files("/home/*"),
    "EagerPyFunc": lambda: tf.py_function(lambda: 1.0, [], "float32"),
    "PyFunc": lambda: tf.numpy_function(lambda: np.float32(1), [], "float32"),
    "PrintV2": lambda: tf.print("x"),
    "RestoreV2": lambda: tf.raw_ops.RestoreV2(
        prefix="/x", tensor_names=["a"], shape_and_slices=[""], dtypes=["float32"]
    ),
    "SaveV2": lambda: tf.raw_ops.SaveV2(prefix=BAIT, tensor_names=["a"], shape_and_slices=[""], tensors=[1.0]),
    "TextLineDataset": lambda: tf.data.TextLineDataset("/etc/passwd").reduce(0, lambda count, line: count + 1),
    "RandomUniform": lambda: tf.random.uniform(()),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("inside", ["function", "branch"])
def test_operations_that_touch_anything_are_named_and_not_run(name, inside, tmp_path):
    def attack(images):
        if inside == "function":
            ATTACKS[name]()
        else:  # several calls deep
            tf.while_loop(lambda i: i < 1, lambda i: (tf.function(lambda: (ATTACKS[name](), i + 1)[1])(),), (0,))
        return embedding(images)

    folder = write(tmp_path / "1", attack)
    refused(lambda: Embedder(folder), "saved_model.pb: refused, nothing was run", name)
    assert name in operations(folder / "saved_model.pb") and not tf.io.gfile.exists(BAIT)


def test_assets_are_refused(tmp_path):
    (tmp_path / "words.txt").write_text("a\n")
    module = tf.Module()
    module.asset = tf.saved_model.Asset(str(tmp_path / "words.txt"))
    refused(lambda: Embedder(write(tmp_path / "1", embedding, module)), "assets")


def test_saver_is_called_by_nothing(tmp_path):
    folder = write(tmp_path / "1", embedding)
    file = folder / "saved_model.pb"
    content = file.read_bytes()
    for change in ("signature", "function", "renamed"):
        saved = saved_model_pb2.SavedModel.FromString(content)
        (graph,) = saved.meta_graphs
        functions = {each.signature.name: each for each in graph.graph_def.library.function}
        saver = next(name for name in functions if "traced_save" in name)
        own = next(functions[name] for name in functions if "signature_wrapper" in name)
        if change == "signature":  # the saver as what the signature calls
            graph.object_graph_def.concrete_functions[saver].CopyFrom(
                graph.object_graph_def.concrete_functions[own.signature.name]
            )
        else:  # a function that calls the saver, under the name that the graph's own call has
            node = own.node_def.add(op="StatefulPartitionedCall", name=graph.saver_def.save_tensor_name.split(":")[0])
            node.attr["f"].func.name = saver
            if change == "renamed":
                graph.saver_def.Clear()
        file.write_bytes(saved.SerializeToString())
        refused(lambda: check_operations(file), "saved_model.pb: refused")


def test_damaged_savedmodels_are_one_line(exports, tmp_path, capsys):
    served = tmp_path / "1"
    shutil.copytree(exports / "served" / "iaunet" / "1", served)
    file, variables = served / "saved_model.pb", served / "variables" / "variables.index"
    content = file.read_bytes()
    two = saved_model_pb2.SavedModel.FromString(content)
    two.meta_graphs.add()
    for damaged in (b"", content[: len(content) // 2], two.SerializeToString()):
        file.write_bytes(damaged)
        refused(lambda: Embedder(served), "export the network again")
    with file.open("wb") as sparse:
        sparse.truncate(1 << 31)
    refused(lambda: Embedder(served), "not a file of at most 64 MiB")
    file.write_bytes(content)
    variables.write_bytes(variables.read_bytes()[:100])
    refused(lambda: Embedder(served), "not a readable SavedModel")
    assert main(["evaluate", str(served), "--data.root", str(tmp_path)]) == 1
    assert "not a readable SavedModel" in capsys.readouterr().err


# Metadata


@pytest.mark.parametrize(
    "change",
    [
        *({"height": value} for value in (1000000, 0, -1, 15, 64.0, "64", None, True, [64], float("nan"), 10**400)),
        *({"width": value} for value in (4097, -32, "32", False)),
        *({"embedding": value} for value in (0, -1, 10**9, 4.5, "4", None)),
        *({"layout": value} for value in ("unknown", "", None, 3, ["image"])),
        *({"dtype": value} for value in ("float64", "object", "<U9", None, 1)),
        *({"video": value} for value in (1, "false", None)),
        *({"name": value} for value in (None, 3, {})),
        {"version": 9},
        {"unit_length": 1},
        {"layout": "tracker", "scale": "imagenet"},
        *({"scale": value} for value in ("imagenet", "1", None, 255)),
        *({"colour": value} for value in ("RGB", None, [])),
        *({"interpolation": value} for value in ("nearest", None)),
        {"layout": "tracker", "dtype": "float32", "video": True},
        {"added": 1},
    ],
)
def test_every_field_of_the_metadata_is_checked(change):
    text = json.dumps({**asdict(GOOD), **change})
    refused(lambda: Metadata.from_json(text, "a.onnx"), "a.onnx: the iaunet-tf metadata cannot be used")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "3", "null", '"x"', "[" * 100000, "{" * 10, b"\xff\xfe", "[[1]]", " " * 2_000_000, "NaN"]
)
def test_metadata_that_is_none_is_one_line(text):
    refused(lambda: Metadata.from_json(text, "a.onnx"), "a.onnx: the iaunet-tf metadata cannot be used")
    refused(lambda: Metadata.from_json(text, "a.onnx", "metadata"), "a.onnx: the iaunet-tf metadata cannot be used")


LIES = [{"height": 128}, {"embedding": 4}, {"dtype": "uint8"}, {"video": True}, {"layout": "tracker"}]


@pytest.mark.parametrize("name", ["image/image.onnx", "lite/lite.tflite", "served/iaunet/1"])
def test_file_that_differs_from_its_metadata_is_refused(name, exports, tmp_path):
    about = Embedder(exports / name).metadata
    target = tmp_path / name.split("/")[-1]
    for lie in LIES:
        if target.name == "1":
            lie = {"uint8": {"dtype": "float32"}}.get(lie.get("dtype"), lie)
            if lie == {"height": 128}:  # it resizes images itself, and takes any size
                continue
        if lie == {"layout": "tracker"}:
            lie = {**lie, "dtype": "float32"}
        text = json.dumps({**asdict(about), **lie})
        if target.suffix == ".onnx":
            proto = onnx.load(exports / name)
            helper.set_model_props(proto, {"iaunet_tf": text})
            onnx.save(proto, target)
        elif target.suffix == ".tflite":
            content = (exports / name).read_bytes()
            target.write_bytes(content[: content.rindex(b"PK\x03\x04")])
            with zipfile.ZipFile(target, "a") as archive:
                archive.writestr("iaunet_tf.json", text)
        else:
            shutil.copytree(exports / name, target, dirs_exist_ok=True)
            (target / "assets.extra" / "iaunet_tf.json").write_text(f'{{"metadata": {text}}}')
        refused(lambda: Embedder(target), target.name, "export")


# ONNX and LiteRT


def onnx_model(location=None, op="Add", inputs=("images",), output="embedding", props=True):
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], np.ones(4, "float32"))
    if location:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node(op, [inputs[0], "w"], [output], domain="" if op == "Add" else "theirs")],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 4])],
        [weight],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("theirs", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(proto, {"iaunet_tf": GOOD.to_json()} if props else {})
    return proto.SerializeToString()


def test_onnx_files_with_anything_else_are_refused(tmp_path, capfd):
    (tmp_path / "secret").write_bytes(np.arange(4, dtype="float32").tobytes())
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "a.onnx"
    (tmp_path / "folder" / "inside").symlink_to("../secret")
    for options, word in (
        *(({"location": name}, "a.onnx") for name in ("inside", "../secret", str(tmp_path / "secret"))),
        ({"location": "*/_ORT_MEM_ADDR_/*"}, "its weights are not in the file"),
        ({"op": "Steal"}, "theirs"),
        ({"props": False}, "was not exported by iaunet-tf"),
        ({"inputs": ("images", "more")}, "takes 2 inputs (images, more)"),
        ({"inputs": ("pixels",)}, "has no images, only pixels"),
        ({"output": "logits"}, "float32"),
        ({}, "images is float32 (None, 4) in the network, but uint8 (None, 64, 32, 3) in the metadata"),
    ):
        file.write_bytes(onnx_model(**options))
        refused(lambda: Embedder(file), "a.onnx", word)
    assert not capfd.readouterr().err


def test_litert_files_with_anything_else_are_refused(exports, tmp_path):
    content = (exports / "lite" / "lite.tflite").read_bytes()
    file = tmp_path / "a.tflite"
    network = content[: content.rindex(b"PK\x03\x04")]
    flex = tf.function(lambda images: tf.strings.length(tf.strings.as_string(images)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [flex.get_concrete_function(tf.TensorSpec((1, 64, 32, 3), "float32"))]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("iaunet_tf.json", " " * (1 << 28))
    about = io.BytesIO()
    with zipfile.ZipFile(about, "w") as archive:
        archive.writestr("iaunet_tf.json", GOOD.to_json())
    for damaged, word in (
        (network, "was not exported by iaunet-tf"),
        (network + b"PK\x05\x06" + b"\0" * 18, "was not exported by iaunet-tf"),
        (network + bomb.getvalue(), "longer than 1048576 bytes"),
        (converter.convert() + about.getvalue(), "not a readable LiteRT file"),
        (network[: len(network) // 2] + about.getvalue(), "a.tflite"),
        (about.getvalue(), "not a readable LiteRT file"),
    ):
        file.write_bytes(damaged)
        refused(lambda: Embedder(file), word)


# Keras files


def keras_file(path, layer):
    """A `.keras` file of a Dense layer whose description is replaced."""
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="victim")]).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1] = {**config["config"]["layers"][1], **layer}
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def test_keras_files_run_no_code_of_their_own(tmp_path):
    file = tmp_path / "a.keras"
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(file)
    refused(lambda: read_keras(file), "a.keras")
    harmless = {"registered_name": None, "build_config": {"input_shape": [None, 2]}}
    for layer in (
        {"module": "os", "class_name": "system", "config": {"command": f"touch {BAIT}"}},
        {"module": "builtins", "class_name": "eval", "config": {"source": f"open({BAIT!r}, 'w')"}},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", BAIT]}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": str(tmp_path)}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"fname": "x", "origin": "file:///etc/passwd"}},
        {"module": "theirs", "class_name": "Unknown", "config": {}},
    ):
        keras_file(file, {**layer, **harmless})
        refused(lambda: read_keras(file), "a.keras: damaged or not a .keras file")
    assert not tf.io.gfile.exists(BAIT)


def test_weights_outside_of_a_keras_file_are_not_read(tmp_path):
    secret = np.arange(4, dtype="float32")
    (tmp_path / "secret").write_bytes(secret.tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["a"] = secret.reshape(2, 2)
    file = tmp_path / "a.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="victim")]).save(file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for kind in ("storage", "link", "shape"):
        content = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(content, "r+") as weights:
            place = "layers/dense/vars" if "layers/dense/vars" in weights else "layers/victim/vars"
            del weights[place]["0"]
            if kind == "storage":
                outside = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
                weights[place].create_dataset("0", (2, 2), "float32", external=outside)
            elif kind == "link":
                weights[place]["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "a")
            else:
                weights[place].create_dataset("0", (1 << 20, 1 << 20), "float32", chunks=(1, 1))
        with zipfile.ZipFile(file, "w") as archive:
            for name, part in {**parts, "model.weights.h5": content.getvalue()}.items():
                archive.writestr(name, part)
        refused(lambda: read_keras(file), "a.keras: damaged or not a .keras file")
