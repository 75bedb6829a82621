"""Networks of others: what they are fed is what is stated, and what cannot be used is refused by one line."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from inference.others import (
    MATRIX,
    NUMBERS,
    SIZE,
    WEIGHTS_BESIDE,
    expected,
    move_weights,
    write_litert,
    write_onnx,
    write_openvino,
)
from onnx import TensorProto, helper
from PIL import Image

from iaunet_tf import Embedder
from iaunet_tf.errors import InputError
from iaunet_tf.inference.alike import all_alike
from iaunet_tf.inference.stated import Input

PIXELS = np.random.default_rng(0).integers(0, 256, (6, *SIZE, 3)).astype("uint8")
RGB = {"colour": "rgb", "scale": "none"}
WRITERS = {"a.onnx": write_onnx, "a.xml": write_openvino, "a.tflite": write_litert}
NETWORKS = Path(__file__).parents[3] / "shared" / "networks"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Folder of a network in each format, with a batch of any size."""
    for package in ("openvino", "ai_edge_litert"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("networks")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


def refused(work, *words):
    """That something is refused by one printable line that has these words."""
    with pytest.raises(InputError) as caught:
        work()
    text = str(caught.value)
    assert text.isprintable() and len(text) < 600 and all(word in text for word in words), text


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
@pytest.mark.parametrize("scale", ["none", "255", "half", "imagenet"])
def test_pixels_are_as_stated(files, name, colour, scale):
    embed = Embedder(files / name, batch_size=4, input={"colour": colour, "scale": scale})
    wanted = expected(PIXELS, colour, scale, nchw=name != "a.tflite")
    np.testing.assert_allclose(embed(list(PIXELS)), wanted, atol=2e-6)
    assert embed.stated == Input(scale=scale, size=SIZE, colour=colour, output=embed.stated.output)
    assert embed([]).shape == (0, NUMBERS) and embed.metadata.embedding == NUMBERS
    about = embed.metadata
    assert (about.colour, about.scale, about.interpolation) == (colour, scale, "bilinear") and not about.video


def test_images_are_resized_as_stated(files, tmp_path):
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (96, 60, 3)).astype("uint8")).save(tmp_path / "a.png")
    for name, resample in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
        got = Embedder(files / "a.onnx", input={**RGB, "interpolation": name})(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as picture:
            wanted = expected([np.asarray(picture.resize(SIZE[::-1], resample))])
        np.testing.assert_allclose(got, wanted, atol=2e-3)
    assert np.abs(got - Embedder(files / "a.onnx", input=RGB)(tmp_path / "a.png")).max() > 0.01


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", WRITERS)
def test_fixed_batches_are_served_in_pieces(files, tmp_path, name, batch):
    if name == "a.tflite":
        write_litert(tmp_path / name, batch)
    else:
        WRITERS[name](tmp_path / name, (batch, 3, *SIZE))
    embed = Embedder(tmp_path / name, batch_size=5, input=RGB)
    wanted = expected(PIXELS, nchw=name != "a.tflite")
    for count in (6, 1, 4):
        np.testing.assert_allclose(embed(list(PIXELS[:count])), wanted[:count], atol=2e-6)


@pytest.mark.parametrize("name", WRITERS)
def test_threads_share_a_network(files, name):
    embed = Embedder(files / name, input=RGB)
    wanted = expected(PIXELS, nchw=name != "a.tflite")
    with ThreadPoolExecutor(8) as pool:
        counts = [1 + number % 6 for number in range(48)]
        for count, got in zip(counts, pool.map(lambda count: embed(list(PIXELS[:count])), counts), strict=True):
            np.testing.assert_allclose(got, wanted[:count], atol=2e-6)


def test_data_types_of_pixels(tmp_path):
    for kind in ("float16", "uint8"):
        embed = Embedder(write_onnx(tmp_path / "a.onnx", kind=kind), input=RGB)
        np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)
    refused(
        lambda: Embedder(tmp_path / "a.onnx", input={"scale": "255"}), "a.onnx: scale 255 is for floating-point pixels"
    )
    # Floats between whole numbers are rounded for bytes, and not for float16, whose own rounding is coarse.
    floats = [PIXELS[0].astype("float32") + 0.3]
    np.testing.assert_allclose(embed(floats), expected(PIXELS[:1]), atol=2e-6)
    embed = Embedder(write_onnx(tmp_path / "b.onnx", kind="float16"), input={"scale": "imagenet"})
    np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS, scale="imagenet"), atol=2e-3)
    pytest.importorskip("openvino")
    for kind in ("float16", "uint8"):
        embed = Embedder(write_openvino(tmp_path / "a.xml", kind=kind), input=RGB)
        np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)


def test_litert_in_8_bits(tmp_path):
    """Quantised by the file's own scale and zero, whatever the stated scale makes of pixels."""
    pytest.importorskip("ai_edge_litert")
    embed = Embedder(write_litert(tmp_path / "a.tflite", 1, int8=True), input={"scale": "255", "colour": "bgr"})
    assert embed.metadata.dtype == "float32"
    wanted = expected(PIXELS, "bgr", "255", nchw=False)
    assert (np.sum(embed(list(PIXELS)) * wanted, axis=1) > 0.999).all()
    embed = Embedder(write_litert(tmp_path / "b.tflite", dtype="uint8"), input=RGB)  # bytes that are just pixels
    assert embed.metadata.dtype == "uint8"
    np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS, nchw=False), atol=2e-6)


def test_embeddings_with_axes_of_one(tmp_path):
    shapes = {"a.onnx": (0, NUMBERS, 1, 1), "b.onnx": (0, 1, 1, NUMBERS), "c.onnx": (0, 1, NUMBERS)}
    for name, shape in shapes.items():
        value = helper.make_tensor("s", TensorProto.INT64, [len(shape)], shape)
        add = [
            helper.make_node("Constant", [], ["shape"], value=value),
            helper.make_node("Reshape", ["features", "shape"], ["out"]),
        ]
        for declared in (("batch", *shape[1:]), ("batch", *[f"d{axis}" for axis in shape[1:]])):
            write_onnx(tmp_path / name, outputs={"out": declared}, add=add)
            np.testing.assert_allclose(Embedder(tmp_path / name, input=RGB)(list(PIXELS)), expected(PIXELS), atol=2e-6)


def test_the_output_is_the_only_one_that_can_be_or_the_stated_one(tmp_path):
    add = [
        helper.make_node("Mul", ["features", "features"], ["logits"]),
        helper.make_node("Shape", ["features"], ["count"]),
    ]
    maps = {"features": ("batch", NUMBERS), "real": ("batch", 3, *SIZE)}
    embed = Embedder(write_onnx(tmp_path / "a.onnx", outputs=maps), input=RGB)
    np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)
    two = {"logits": ("batch", NUMBERS), "features": ("batch", NUMBERS)}
    path = write_onnx(tmp_path / "b.onnx", outputs=two, add=add)
    refused(lambda: Embedder(path, input=RGB), "returns logits, features; state which is the embedding by input.output")
    embed = Embedder(path, input={**RGB, "output": "features"})
    np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)
    refused(lambda: Embedder(path, input={**RGB, "output": "feature"}), "no output feature; did you mean features?")
    refused(lambda: Embedder(path, input={**RGB, "output": "x" * 999}), "b.onnx: has no output")


def test_sizes(tmp_path):
    path = write_onnx(tmp_path / "a.onnx", ("batch", 3, "height", "width"))
    refused(lambda: Embedder(path, input=RGB), "does not declare the size of its images; state input.size, such as")
    for size in ("32x16", (32, 16), [32, 16]):
        embed = Embedder(path, input={**RGB, "size": size})
        np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)
    # Of another size the matrix is too small, which the network itself says.
    refused(lambda: Embedder(path, input={**RGB, "size": "64x16"}), "a.onnx: fails on 1 image (")
    path = write_onnx(tmp_path / "b.onnx", ("batch", 3, 32, "width"))
    assert Embedder(path, input={**RGB, "size": "32x16"}).stated.size == (32, 16)
    refused(
        lambda: Embedder(path, input={**RGB, "size": "48x16"}), "takes 32x16 pixels, not 48x16; leave input.size out"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["was not exported by iaunet-tf", "--input.scale imagenet", "a.yaml beside it"]),
        ({}, ["was not exported by iaunet-tf"]),
        ({"colour": "rgb"}, ["none (0..255), 255 (0..1), half (-1..1) or imagenet"]),
        ({"scale": "1"}, ["input.scale must be none, 255, half or imagenet; received '1'"]),
        ({"scale": None}, ["input.scale must be"]),
        ({"scale": True}, ["input.scale must be"]),
        ({"scale": ["none"]}, ["input.scale must be"]),
        ({"scale": "none", "color": "rgb"}, ["input.color is no key of an input; did you mean colour?"]),
        ({"scale": "none", 3: "rgb"}, ["input.3 is no key"]),
        ({"scale": "none", "colour": "RGB"}, ["input.colour must be rgb or bgr"]),
        ({"scale": "none", "colour": None}, ["input.colour must be rgb or bgr"]),
        ({"scale": "none", "interpolation": "nearest"}, ["input.interpolation must be bicubic or bilinear"]),
        ({"scale": "none", "size": "32"}, ["input.size must be height x width"]),
        ({"scale": "none", "size": "0x16"}, ["input.size must be"]),
        ({"scale": "none", "size": "99999x16"}, ["input.size must be"]),
        ({"scale": "none", "size": (32, 16, 3)}, ["input.size must be"]),
        ({"scale": "none", "size": (32.0, 16)}, ["input.size must be"]),
        ({"scale": "none", "size": (True, 16)}, ["input.size must be"]),
        ({"scale": "none", "size": "x" * 9999}, ["input.size must be"]),
        ({"scale": "none", "size": "64x32"}, ["takes 32x16 pixels, not 64x32"]),
        ({"scale": "none", "output": 3}, ["input.output must be the name of an output"]),
        ("imagenet", ["input must be a dictionary such as", "received str"]),
        (["imagenet"], ["received list"]),
    ],
)
def test_statements_that_cannot_be(files, given, words):
    refused(lambda: Embedder(files / "a.onnx", input=given), *words)


def test_a_file_beside_the_network_states_its_input(files, tmp_path):
    for name in WRITERS:
        (tmp_path / name).write_bytes((files / name).read_bytes())
    (tmp_path / "a.bin").write_bytes((files / "a.bin").read_bytes())
    beside = tmp_path / "a.yaml"
    beside.write_text("size: 32x16\ncolour: bgr\nscale: 255\ninterpolation: bicubic\n")
    for name in WRITERS:
        embed = Embedder(tmp_path / name)
        wanted = expected(PIXELS, "bgr", "255", nchw=name != "a.tflite")
        np.testing.assert_allclose(embed(list(PIXELS)), wanted, atol=2e-6)
        assert embed.fed == f"input of {name}: 32x16, bgr, 0..1, bicubic (stated in a.yaml); runs in {embed.runtime}"
    embed = Embedder(tmp_path / "a.onnx", input={"colour": "rgb"})
    assert embed.fed == "input of a.onnx: 32x16, rgb, 0..1, bicubic (as stated, and in a.yaml); runs in ONNX Runtime"
    embed = Embedder(tmp_path / "a.onnx", input=Input(scale="half"))  # whole: nothing else is looked at
    assert embed.fed == "input of a.onnx: 32x16, rgb, -1..1, bilinear (as stated); runs in ONNX Runtime"
    beside.write_text("size: [32, 16]\nscale: none\n")
    assert Embedder(tmp_path / "a.onnx").stated.scale == "none"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["a.yaml: states no input: its keys are"]),
        ("[scale]", ["states no input"]),
        ("255", ["states no input"]),
        ("scale: none\nmean: 3", ["a.yaml: mean is no key of an input"]),
        ("scale: none\nscale: 255", ["scale is given twice"]),
        ("a: &x [1]\nscale: *x", ["is an alias"]),
        ("scale: !!python/object/apply:os.system [touch /tmp/iaunet-tf-test-it-ran]", ["not a readable YAML file"]),
        ("scale: {none: 1}", ["a.yaml: scale must be none, 255, half or imagenet"]),
        ("scale: 256", ["received 256"]),
        ("scale: none\nsize: 256:128", ["a.yaml"]),
        ("scale: none\nsize: 64x32", ["takes 32x16 pixels, not 64x32"]),
        ("colour: bgr", ["state what it expects of pixels, by input.scale"]),
        ("scale: ~", ["received None"]),
        ("\x00", ["not a readable YAML file"]),
        ("- " * 100000, ["not a readable YAML file"]),
        ("#" * (1 << 20) + "#", ["longer than"]),
    ],
)
def test_files_beside_a_network_that_state_nothing(files, tmp_path, text, words):
    (tmp_path / "a.onnx").write_bytes((files / "a.onnx").read_bytes())
    (tmp_path / "a.yaml").write_text(text)
    refused(lambda: Embedder(tmp_path / "a.onnx"), *words)
    assert not os.path.exists("/tmp/iaunet-tf-test-it-ran")


def test_networks_of_iaunet_tf_say_it_themselves(exports):
    for name in ("images.keras", "image/image.onnx", "lite/lite.tflite", "served/iaunet"):
        refused(lambda name=name: Embedder(exports / name, input=RGB), "says itself what its input is; leave input out")
    import keras

    model = keras.models.load_model(exports / "images.keras", compile=False)
    refused(lambda: Embedder(model, input=RGB), "says itself")
    assert Embedder(exports / "image" / "image.onnx", input={}).stated is None
    fed = "input of image.onnx: 64x32, rgb, 0..255, bicubic (as its metadata says); runs in ONNX Runtime"
    assert Embedder(exports / "image" / "image.onnx", runtime="onnxruntime").fed == fed


def garbage(path, content):
    path.write_bytes(content)
    return path


def openvino_without(path, part):
    write_openvino(path)
    if part == "bin":
        path.with_suffix(".bin").unlink()
    else:
        path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes()[:100])
    return path


def replaced(path, old, new):
    text = write_openvino(path).read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


VALUE = ("more", ("batch", 4))
PLAIN = {
    "nodes": [
        helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["real"], ["features"], axis=1),
    ],
    "outputs": {"features": ("batch", "numbers")},
}
BAD_ONNX = {
    "clips": ({"shape": ("batch", 4, 3, *SIZE)}, ["takes clips", "single images"]),
    "vectors": ({"shape": ("batch", 3 * SIZE[0] * SIZE[1])}, ["not images (batch, 3, height, width)"]),
    "grey": ({"shape": ("batch", 1, *SIZE)}, ["pixels is (None, 1, 32, 16), not images"]),
    "four colours": ({"shape": ("batch", 4, *SIZE)}, ["not images"]),
    "any axes": ({"shape": ("a", "b", "c", "d")}, ["not images"]),
    "whole numbers": ({"kind": "int64"}, ["takes int64, not pixels, which are float32, float16 or uint8"]),
    "two inputs": ({"inputs": [VALUE]}, ["takes 2 inputs (pixels, more), not images alone"]),
    "huge": ({"shape": ("batch", 3, 10**9, 10**9)}, ["height must be from 16 to 4096; received 1000000000"]),
    "tiny": ({"shape": ("batch", 3, 8, 8)}, ["height must be from 16 to 4096"]),
    "huge batch": ({"shape": (10**9, 3, *SIZE)}, ["takes 1000000000 images at a time; at most 1024"]),
    "features of places": ({"outputs": {"real": ("batch", 3, *SIZE)}}, ["real is (1, 3, 32, 16) for 1 image, not an"]),
}


@pytest.mark.parametrize("name", BAD_ONNX)
def test_onnx_files_that_are_no_networks_of_images(tmp_path, name):
    options, words = BAD_ONNX[name]
    path = write_onnx(tmp_path / "a.onnx", **{**PLAIN, **options})
    refused(lambda: Embedder(path, input=RGB), "a.onnx: ", *words)


def test_networks_that_do_not_do_as_they_declare(tmp_path):
    """One row for all, no fixed batch where there is one, and other numbers than declared."""
    first = [helper.make_node("ReduceMean", ["features"], ["one"], axes=[0], keepdims=1)]
    path = write_onnx(tmp_path / "a.onnx", outputs={"one": ("batch", NUMBERS)}, add=first)
    refused(lambda: Embedder(path, input=RGB)(list(PIXELS)), "a.onnx: one is (1, 8) for 6 images, not an embedding")
    assert Embedder(path, 1, input=RGB)(list(PIXELS)).shape == (6, NUMBERS)
    shape = helper.make_tensor("s", TensorProto.INT64, [2], [1, 3 * SIZE[0] * SIZE[1]])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("Reshape", ["pixels", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["features"]),
    ]
    path = write_onnx(tmp_path / "b.onnx", nodes=nodes, outputs={"features": ("batch", "numbers")})
    refused(lambda: Embedder(path, input=RGB)(list(PIXELS)), "b.onnx: fails on 6 images", "try a batch size of 1")
    np.testing.assert_allclose(Embedder(path, 1, input=RGB)(list(PIXELS)), expected(PIXELS), atol=2e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_embeddings_that_are_no_numbers_are_said(tmp_path, value):
    path = write_onnx(tmp_path / "a.onnx", matrix=np.full_like(MATRIX, value))
    words = [
        "a.onnx: ",
        "the file is damaged, or its input is not the one that is stated (32x16, rgb, 0..255, bilinear)",
    ]
    if value:
        words.append("returns NaN or infinity for 6 of 6 images")
    refused(lambda: Embedder(path, input=RGB)(list(PIXELS)), *words)


@pytest.mark.skipif(not WEIGHTS_BESIDE, reason="an older ONNX Runtime, the last for Python 3.10")
def test_onnx_weights_are_read_from_beside_the_file_alone(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)  # where ONNX Runtime would look
    path = folder / "a.onnx"
    for name in ("a.onnx.data", "a.onnx_data", "a.data"):
        move_weights(write_onnx(path), name, folder / name)
        embed = Embedder(path, input=RGB)
        np.testing.assert_allclose(embed(list(PIXELS)), expected(PIXELS), atol=2e-6)
        assert embed.files == [path, folder / name]
        monkeypatch.chdir(tmp_path)
        np.testing.assert_allclose(Embedder(path, input=RGB)(list(PIXELS)), expected(PIXELS), atol=2e-6)
        monkeypatch.chdir(folder)
        (folder / name).unlink()
        refused(lambda: Embedder(path, input=RGB), "a.onnx: not a readable ONNX file (of weights in other files, only")
    (tmp_path / "secret").write_bytes(MATRIX.tobytes())
    (folder / "secret").write_bytes(MATRIX.tobytes())
    for there in (False, True):  # whether there is something to hand over
        if there:
            (folder / "a.onnx.data").write_bytes(MATRIX.tobytes())
        for location in ("secret", "./secret", "../secret", str(tmp_path / "secret"), "folder/../secret", "/dev/zero"):
            move_weights(write_onnx(path), location)
            refused(lambda: Embedder(path, input=RGB), "a.onnx: not a readable ONNX file")
    for content in (MATRIX.tobytes()[:100], b""):
        (folder / "a.onnx.data").write_bytes(content)
        move_weights(write_onnx(path), "a.onnx.data")
        refused(lambda: Embedder(path, input=RGB), "a.onnx: not a readable ONNX file")


def outside(place):
    """An ONNX network with weights in the file `secret`, in the `place` of the graph where they are."""
    tensor = helper.make_tensor("matrix", TensorProto.FLOAT, MATRIX.shape, MATRIX.tobytes(), raw=True)
    onnx.external_data_helper.set_external_data(tensor, "secret")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    flatten = helper.make_node("Flatten", ["pixels"], ["flat"], axis=1)
    multiply = helper.make_node("MatMul", ["flat", "matrix"], ["features"])
    constant = helper.make_node("Constant", [], ["matrix"], value=tensor)
    value = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", NUMBERS])
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, *SIZE])
    opsets, functions = [helper.make_opsetid("", 17)], []
    if place == "constant":
        graph = helper.make_graph([flatten, constant, multiply], "g", [pixels], [value])
    elif place.startswith("branch"):
        inner = ([multiply], [tensor]) if place == "branch" else ([constant, multiply], [])
        branches = [helper.make_graph(inner[0], name, [], [value], inner[1]) for name in ("yes", "no")]
        nodes = [
            flatten,
            helper.make_node("ReduceSum", ["pixels"], ["sum"], keepdims=0),
            helper.make_node("Cast", ["sum"], ["condition"], to=TensorProto.BOOL),
            helper.make_node("If", ["condition"], ["features"], then_branch=branches[0], else_branch=branches[1]),
        ]
        graph = helper.make_graph(nodes, "g", [pixels], [value])
    elif place == "sparse":
        tensor.dims[:] = [MATRIX.size]
        sparse = onnx.SparseTensorProto(dims=MATRIX.shape)
        sparse.values.CopyFrom(tensor)
        sparse.indices.CopyFrom(helper.make_tensor("i", TensorProto.INT64, [MATRIX.size], range(MATRIX.size)))
        graph = helper.make_graph([flatten, multiply], "g", [pixels], [value])
        graph.sparse_initializer.append(sparse)
    else:
        opsets.append(helper.make_opsetid("theirs", 1))
        functions.append(
            helper.make_function("theirs", "Embed", ["pixels"], ["features"], [flatten, constant, multiply], opsets[:1])
        )
        graph = helper.make_graph(
            [helper.make_node("Embed", ["pixels"], ["features"], domain="theirs")], "g", [pixels], [value]
        )
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8)
    return model.SerializeToString()


@pytest.mark.parametrize("place", ["constant", "branch", "branch's constant", "sparse", "function"])
def test_onnx_weights_of_the_current_folder_are_not_read(tmp_path, monkeypatch, place):
    (tmp_path / "secret").write_bytes(MATRIX.tobytes())
    path = garbage(tmp_path / "a.onnx", outside(place))
    monkeypatch.chdir(tmp_path)
    import onnxruntime

    onnxruntime.InferenceSession(path.read_bytes())  # which reads it
    refused(lambda: Embedder(path, input=RGB), "a.onnx: not a readable ONNX file")
    (tmp_path / "a.onnx.data").write_bytes(MATRIX.tobytes())
    reason = "not a readable ONNX file" if WEIGHTS_BESIDE else "takes a newer onnxruntime"
    refused(lambda: Embedder(path, input=RGB), "a.onnx: ", reason)


def summed(ops, features):
    return ops.reduce_sum(features, ops.constant([1]), False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: openvino_without(path, "bin"), ["its weights, a.bin, are not beside it"]),
        (lambda path: openvino_without(path, "half"), ["not readable by OpenVINO (Incorrect weights"]),
        (lambda path: garbage(path, b"hello"), ["not the description of a network in OpenVINO's XML"]),
        (lambda path: garbage(path, b""), ["not the description"]),
        (lambda path: garbage(path, b"<?xml version='1.0'?><html/>"), ["not readable by OpenVINO"]),
        (lambda path: garbage(path, b"<?xml version='1.0'?><net name='a' version='11'/>"), ["a.xml: "]),
        (lambda path: garbage(path, b"<net" + b" " * (65 << 20)), ["not the description"]),
        (lambda path: replaced(path, 'type="MatMul"', 'type="Theirs"'), ["not readable by OpenVINO"]),
        (lambda path: replaced(path, 'version="opset1"', 'version="theirs"'), ["not readable by OpenVINO"]),
        (lambda path: write_openvino(path, (-1, 3, 4, *SIZE)), ["takes clips"]),
        (lambda path: write_openvino(path, (-1, 4, *SIZE)), ["not images"]),
        (lambda path: write_openvino(path, kind="int64"), ["takes i64, not pixels"]),
        (lambda path: write_openvino(path, (-1, 3, -1, -1)), ["does not declare the size"]),
        (lambda path: write_openvino(path, end=summed), ["not an embedding"]),
    ],
)  # fmt: skip
def test_openvino_files_that_are_no_networks_of_images(tmp_path, make, words):
    pytest.importorskip("openvino")
    (tmp_path / "a.bin").write_bytes(b"")
    path = make(tmp_path / "a.xml")
    refused(lambda: Embedder(path, input=RGB), "a.xml: ", *words)


def test_openvino_reads_no_other_formats_by_that_name(tmp_path, monkeypatch):
    """ONNX, for example, with weights in files of its own choosing."""
    openvino = pytest.importorskip("openvino")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(MATRIX.tobytes())
    move_weights(write_onnx(tmp_path / "a.onnx"), "secret")
    content = (tmp_path / "a.onnx").read_bytes()
    openvino.Core().read_model(content, b"")  # which reads it
    (tmp_path / "a.xml").write_bytes(content)
    (tmp_path / "a.bin").write_bytes(b"")
    refused(lambda: Embedder(tmp_path / "a.xml", input=RGB), "not the description")


def test_signals_after_openvino_networks_are_freed(files):
    """In another process, which its mistake would end."""
    script = f"""
import os, signal
from iaunet_tf import Embedder
came = []
signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
first = Embedder({str(files / "a.xml")!r}, input={{"scale": "none"}})
second = Embedder({str(files / "a.xml")!r}, input={{"scale": "none"}})
for network in ("first", "second"):  # the order in which they were opened
    del globals()[network]
    os.kill(os.getpid(), signal.SIGTERM)
print(len(came))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr


def test_litert_files_that_are_no_networks_of_images(tmp_path, files):
    import tensorflow as tf

    good = (files / "a.tflite").read_bytes()

    def convert(function, *signature):
        concrete = tf.function(function).get_concrete_function(*signature)
        return tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()

    images = tf.TensorSpec((None, *SIZE, 3), "float32")
    for content, words in (
        (b"", ["not a readable LiteRT file"]),
        (b"TFL3" * 20, ["not a readable LiteRT file"]),
        (good[: len(good) // 2], ["not a readable LiteRT file"]),
        (convert(lambda x: x * 2, tf.TensorSpec((None, 4, *SIZE, 3), "float32")), ["takes clips"]),
        (convert(lambda x: x * 2, tf.TensorSpec((None, 9), "float32")), ["not images"]),
        (convert(lambda x: x * 2, tf.TensorSpec((None, *SIZE, 3), "int64")), ["takes int64"]),
        (convert(lambda x, y: x + y, images, images), ["takes 2 inputs"]),
        (convert(lambda x: x * 2, images), ["not an embedding (batch, D)"]),
    ):
        refused(
            lambda content=content: Embedder(garbage(tmp_path / "a.tflite", content), input=RGB), "a.tflite: ", *words
        )


def test_what_is_not_installed_or_not_possible_is_one_line(files):
    refused(lambda: Embedder(files / "a.xml", device="cuda", input=RGB), "OpenVINO does not support CUDA")
    refused(lambda: Embedder(files / "a.bin", input=RGB), "give the .xml file beside it")
    refused(lambda: Embedder("/dev/null", input=RGB), "/dev/null: is neither .onnx")
    script = f"""
import sys
for name in ("openvino", "tensorflow", "keras", "jsonargparse", "scipy"):
    sys.modules[name] = None  # importing them fails
from iaunet_tf import Embedder
import numpy as np
print(Embedder({str(files / "a.onnx")!r}, input={{"scale": "none"}})(np.zeros((40, 20, 3), "uint8") + 9).shape)
try:
    Embedder({str(files / "a.xml")!r}, input={{"scale": "none"}})
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[0] == "(1, 8)", done.stderr
    assert done.stdout.splitlines()[1].endswith("a.xml: requires OpenVINO: pip install 'iaunet-tf[openvino]'")


def test_embeddings_that_hardly_differ():
    rng = np.random.default_rng(0)

    def around(spread, count=50):
        vectors = 1 + spread * rng.normal(size=(count, 64))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")

    assert "hardly differ" in all_alike(around(0.1)) and all_alike(around(1.0)) is None
    assert all_alike(around(0.1, 10)) is None  # too few to say it


# Real networks


def real(name):
    if not (NETWORKS / name).is_file():
        pytest.skip("the networks are not here")
    return NETWORKS / name


def test_osnet_in_keras_equals_its_onnx(street):
    from iaunet_tf import from_pretrained

    weights = real("osnet_x0_25_msmt17.safetensors")
    files = sorted((street / "market").rglob("*.jpg"))[::7]
    model = from_pretrained("osnet_x0_25", weights)
    ours, theirs = Embedder(model), Embedder(real("osnet_x0_25_msmt17.onnx"), input={"scale": "imagenet"})
    assert (ours.metadata.interpolation, ours.metadata.height) == (theirs.metadata.interpolation, 256)
    assert np.abs(ours(files) - theirs(files)).max() < 1e-5 * np.abs(theirs(files)).max()
    # Before they are brought to length 1.
    first, second = (np.asarray(each._network.embed(each.prepare(files))) for each in (ours, theirs))
    assert len(files) > 30 and np.abs(first - second).max() < 1e-5 * np.abs(second).max()


def test_a_damaged_file_found_in_public_is_noticed(street):
    embed = Embedder(real("broken-0287.onnx"), input={"colour": "bgr", "scale": "none"})
    files = sorted((street / "market" / "query").iterdir())[:3]
    refused(
        lambda: embed(files), "broken-0287.onnx: returns NaN or infinity for 3 of 3 images; the file is damaged, or"
    )
