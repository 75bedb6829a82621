"""Exports of other toolboxes' networks, of those of `keras.applications`, and of layers that ours do not have."""

from pathlib import Path

import keras
import numpy as np
import pytest
from exporting.networks import embeddings, randomised
from keras import layers

from iaunet_tf import Embedder, build_network, from_pretrained
from iaunet_tf.commands import main
from iaunet_tf.evaluation import evaluate_retrieval
from iaunet_tf.exporting.litert import write_litert
from iaunet_tf.exporting.network import for_inference
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.exporting.samples import drawn_images
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.layers import Preprocessing
from iaunet_tf.layers.parts import InstanceNorm, batch_norm
from iaunet_tf.models.backbones import resnet50
from iaunet_tf.models.folding import inference
from iaunet_tf.models.heads import pool
from iaunet_tf.models.network import Network
from iaunet_tf.models.networks import NETWORKS

REAL = Path(__file__).parents[3] / "shared" / "networks" / "osnet_x0_25_msmt17.safetensors"
APPLICATIONS = ("MobileNetV3Small", "EfficientNetV2B0")
ALL = (*NETWORKS, *APPLICATIONS, "osnet_x0_25+iau")
SIZE = (64, 32, 3)
PIXELS = np.random.default_rng(1).integers(0, 256, (3, *SIZE)).astype("float32")


def built(name):
    keras.utils.set_random_seed(0)
    if name in APPLICATIONS:
        return randomised(build_network(name, input_shape=SIZE))
    base, _, block = name.partition("+")
    return randomised(build_network(base, input_shape=SIZE, blocks=("conv2", "conv3") if block else ()))


def same(model, copy, pixels=PIXELS, tolerance=1e-5):
    """That outputs differ by no more than a share of the largest value."""
    ours, theirs = (np.array(each(pixels, training=False)["embedding"]) for each in (model, copy))
    assert np.abs(ours - theirs).max() < tolerance * np.abs(ours).max()


def norms(model):
    return {layer.name for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)}


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("osnet_x0_25", {"fc.1"}),
        ("osnet_ain_x0_25", {"fc.1"}),
        ("MobileNetV3Small", {"embedding"}),
        pytest.param("osnet_x0_25+iau", None, marks=pytest.mark.slow),
        pytest.param("lmbn_n", {"shared.1", "reduction_ch_0.bn", "reduction_ch_1.bn"}, marks=pytest.mark.slow),
        pytest.param("sbs_R50-ibn", None, marks=pytest.mark.slow),
        pytest.param("EfficientNetV2B0", {"embedding"}, marks=pytest.mark.slow),
        pytest.param("transreid_vit_base", {"bottleneck"}, marks=pytest.mark.slow),
    ],
)
def test_batch_norms_are_folded_into_convolutions_of_every_kind(name, left):
    model = built(name)
    copy = for_inference(model)
    same(model, copy)
    same(model, inference(model))
    assert left is None or norms(copy) <= left  # what the embedding does not need is not in the copy
    assert norms(model) >= norms(copy)


def test_only_norms_that_alone_read_a_plain_convolution_are_folded():
    inputs = keras.Input((16, 8, 3))

    def conv(x, name, **options):
        return layers.Conv2D(6, 3, padding="same", name=name, **options)(x)

    x = batch_norm(name="folded_bias")(conv(inputs, "bias"))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    x = layers.BatchNormalization(scale=False, name="folded_depthwise")(x)
    x = layers.BatchNormalization(center=False, name="folded_plain")(conv(x, "plain", use_bias=False))
    x = batch_norm(name="behind_relu")(conv(x, "with_relu", activation="relu"))
    read_twice = conv(x, "read_twice")
    x = read_twice + batch_norm(name="not_alone")(read_twice)
    shared, shared_norm = layers.Conv2D(6, 1, name="shared"), batch_norm(name="of_shared")
    x = shared_norm(shared(shared_norm(shared(x))))
    x = batch_norm(name="used_first")(x[..., :4]) * keras.ops.relu(x[:, :, :, 2:])
    # A network within the network, used twice, whose layers have names of the outer one.
    within = keras.Input(x.shape[1:])
    y = batch_norm(name="folded_within")(layers.Conv2D(4, 1, name="plain")(within))
    inner = keras.Model(within, layers.Normalization(name="statistics")(y))
    inner.get_layer("statistics").set_weights(
        [np.arange(4.0), np.arange(1.0, 5.0), np.zeros((), "int32")],
    )
    inner.get_layer("statistics").finalize_state()
    x = inner(inner(x))
    model = randomised(Network(inputs, {"embedding": layers.GlobalAveragePooling2D()(x), "map": read_twice}))
    copy = for_inference(model)
    pixels = np.random.default_rng(0).normal(size=(4, 16, 8, 3)).astype("float32")
    same(model, copy, pixels)
    same(model, inference(model), pixels)
    assert norms(copy) == {name for name in norms(model) if not name.startswith("folded")}
    assert len(norms(model)) - len(norms(copy)) == 4
    # A network that is cut short shares its layers with the whole, and the map that its norm alone reads is an output.
    cut = Network(
        model.inputs, {"embedding": model.get_layer("plain").output, "norm": model.get_layer("folded_plain").output}
    )
    same(cut, for_inference(cut), pixels)
    same(cut, inference(cut), pixels)
    assert norms(for_inference(cut)) == {"folded_plain"}


def small_resnet(scale):
    """Instance and batch norms, non-local blocks and generalised means of maps around `scale`."""
    inputs = keras.Input(SIZE, name="images")
    x = Preprocessing(name="preprocessing")(inputs)
    x = resnet50(x, lambda x, place: x, width=1 / 16, ibn=True, non_local=True, ceil_pool=True)
    x = InstanceNorm(name="large")(x)
    model = randomised(Network(inputs, {"embedding": pool(x, kind="learned_gem")}))
    model.get_layer("large").gamma.assign(np.full(128, scale))
    return model


@pytest.mark.parametrize("scale", [1, 300])  # 300³ is no float16
def test_float16_where_it_suffices(scale):
    model = small_resnet(scale)
    half = for_inference(model, half=True)
    kernels = {w.dtype for layer in half.layers if isinstance(layer, layers.Conv2D) for w in layer.weights}
    assert kernels == {"float16"}
    pixels = Embedder(model).prepare(drawn_images()).astype("float32")
    assert (embeddings(half, pixels) * embeddings(model, pixels)).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("scale", ["imagenet", "half", "none"])
def test_trackers_normalise_as_imagenet_whatever_the_network_takes(scale, tmp_path):
    inputs = keras.Input(SIZE, name="images")
    x = Preprocessing(scale, "bilinear", name="preprocessing")(inputs)
    if scale == "none":  # as in networks of keras.applications, which have their own preprocessing
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = layers.Conv2D(8, 5, strides=4, activation="relu")(x)
    model = Network(inputs, {"embedding": layers.Dense(4)(layers.GlobalAveragePooling2D()(x))})
    metadata = describe(model, "small", layout="tracker")
    assert metadata.scale == "imagenet"
    write_onnx(model, tmp_path / "a.onnx", metadata)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    pixels = ((PIXELS / 255 - mean) / std).transpose(0, 3, 1, 2).astype("float32")
    np.testing.assert_allclose(session.run(None, {"images": pixels})[0], embeddings(model, PIXELS), atol=1e-5)
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["mean"] == "0.485, 0.456, 0.406" and properties["std"] == "0.229, 0.224, 0.225"
    images = drawn_images(4)
    np.testing.assert_allclose(
        Embedder(tmp_path / "a.onnx", runtime="onnxruntime")(images), Embedder(model)(images), atol=1e-5
    )


def exported(model, folder):
    """What the commands write: it is compared with Keras there, and here on other images."""
    model.save(folder / "a.keras")
    images = drawn_images(20)[16:]
    expected = Embedder(model)(images)
    for kind, out, options in (
        ("onnx", "image.onnx", []),
        ("onnx", "tracker.onnx", ["--layout", "tracker"]),
        ("litert", "a.tflite", []),
        ("savedmodel", "served", ["--name", "a"]),
    ):
        assert main(["export", kind, str(folder / "a.keras"), "--out", str(folder / out), *options]) == 0
        out = folder / out / "a" if kind == "savedmodel" else folder / out
        np.testing.assert_allclose(Embedder(out, runtime="onnxruntime")(images), expected, atol=1e-4)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in ALL])
def test_every_export_of_every_network(name, tmp_path):
    exported(built(name), tmp_path)


def test_inference_follows_the_weights_and_computes_in_the_networks_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = built("osnet_x0_25")
    finally:
        keras.config.set_dtype_policy("float32")
    model = built("osnet_x0_25")
    function = inference(model)
    same(model, function)
    for weight in model.weights:
        weight.assign(weight * 0.9)
    same(model, function)
    assert inference(low)(PIXELS)["embedding"].dtype == "float32"
    low.set_weights(model.get_weights())
    same(model, inference(low), tolerance=0.1)


def test_layers_that_8_bits_spoil_remain_in_float32(tmp_path):
    onnx = pytest.importorskip("onnx")
    inputs = keras.Input(SIZE, name="images")
    x = Preprocessing(name="preprocessing")(inputs)
    x = layers.Conv2D(8, 3, name="first")(x)
    for number in range(3):
        x = layers.Conv2D(8, 3, activation="relu", name=f"conv{number}")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = Network(inputs, {"embedding": layers.Dense(16, name="dense")(x)})
    pixels = Embedder(model).prepare(drawn_images())
    file = tmp_path / "a.onnx"
    write_onnx(model, file, describe(model, "small"))
    assert to_int8(file, pixels) == (5, 5)
    # One channel is ten thousand times as large as those that matter.
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel * np.array([1e4] + [1] * 7), bias])
    kernel, bias = model.get_layer("conv0").get_weights()
    kernel[:, :, 0] = 0
    model.get_layer("conv0").set_weights([kernel, bias])
    write_onnx(model, file, describe(model, "small"))
    assert to_int8(file, pixels) == (3, 5)
    kernels = [tensor for tensor in onnx.load(file).graph.initializer if len(tensor.dims) in (2, 4)]
    assert sorted(tensor.data_type for tensor in kernels) == [onnx.TensorProto.FLOAT] * 2 + [onnx.TensorProto.INT8] * 3
    expected = Embedder(model)(drawn_images())
    assert (Embedder(file)(drawn_images()) * expected).sum(axis=1).min() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["litert", "onnx"])
def test_int8_recognises_real_people(kind, street, tmp_path):
    if not REAL.is_file():
        pytest.skip("the trained network is not here")
    market = street / "market"
    model = from_pretrained("osnet_x0_25", file=REAL)
    model.save(tmp_path / "osnet.keras")
    out = tmp_path / ("a.tflite" if kind == "litert" else "a.onnx")
    options = ["--calibrate", str(market / "bounding_box_train")] if kind == "onnx" else []
    command = ["export", kind, str(tmp_path / "osnet.keras"), "--out", str(out), "--precision", "int8", *options]
    assert main([*command, "--samples", str(market / "query")]) == 0
    query, gallery = (sorted((market / folder).glob("[0-9]*.jpg")) for folder in ("query", "bounding_box_test"))
    numbers = [[(int(file.name[:4]), int(file.name[6])) for file in files] for files in (query, gallery)]
    (pids, cams), (gallery_pids, gallery_cams) = (np.array(each).T for each in numbers)
    expected, found = (Embedder(source)([*query, *gallery]) for source in (model, out))
    assert (expected * found).sum(axis=1).min() >= 0.99
    maps = [
        evaluate_retrieval(each[: len(query)], each[len(query) :], pids, gallery_pids, cams, gallery_cams).mAP
        for each in (expected, found)
    ]
    assert maps[0] == pytest.approx(0.9530, abs=1e-4) and maps[1] == pytest.approx(maps[0], abs=0.01)


@pytest.mark.slow
def test_smaller_in_8_bits_and_alike(tmp_path):
    model = built("osnet_x0_25")
    for int8 in (False, True):
        write_litert(model, tmp_path / f"{int8}.tflite", describe(model, "small"), int8=int8)
    assert (tmp_path / "True.tflite").stat().st_size < 0.6 * (tmp_path / "False.tflite").stat().st_size
    images = drawn_images()
    assert (Embedder(tmp_path / "True.tflite")(images) * Embedder(model)(images)).sum(axis=1).min() > 0.99
