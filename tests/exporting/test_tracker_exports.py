"""Exports for trackers and servers: layouts, types and batches, run as those feed them."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from exporting.networks import embeddings, randomised
from keras import layers
from PIL import Image

from iaunet_tf import Embedder, build_network, from_pretrained
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.evaluation import evaluate_retrieval
from iaunet_tf.exporting.onnx import fix_batch, write_onnx
from iaunet_tf.exporting.samples import drawn_images
from iaunet_tf.inference.encoders import AppearanceEncoder
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.layers import Preprocessing
from iaunet_tf.models.network import Network

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")
REAL = Path(__file__).parents[3] / "shared" / "networks" / "osnet_x0_25_msmt17.safetensors"
SIZE = (64, 32, 3)
PIXELS = np.random.default_rng(1).integers(0, 256, (7, *SIZE)).astype("uint8")
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def small(scale="imagenet", shape=SIZE):
    """Takes pixels as `scale` says, and tells colours and places apart."""
    keras.utils.set_random_seed(0)
    images = keras.Input(shape, name="images")
    x = Preprocessing(scale, "bilinear", name="preprocessing")(images)
    if scale == "none":  # as in networks of keras.applications
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for _ in range(len(shape) - 3):
        x = keras.ops.mean(x, axis=1)
    x = layers.Conv2D(16, 8, strides=8, activation="relu")(x)
    return Network(images, {"embedding": layers.Dense(12)(layers.Flatten()(x))})


@pytest.fixture(scope="module")
def model():
    return small()


def expected(model, pixels=PIXELS):
    return embeddings(model, np.asarray(pixels, "float32"))


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def fed(layout, dtype, pixels=PIXELS):
    """Pixels as trackers and servers feed them, by NumPy alone."""
    values = np.asarray(pixels, "float64")
    values = (values / 255 - MEAN) / STD if layout == "tracker" else values
    return (values if layout == "image" else np.moveaxis(values, -1, 1)).astype(dtype)


@pytest.mark.parametrize(
    ("layout", "dtype", "tolerance"),
    [
        ("nchw", "float32", 1e-5),
        ("nchw", "float16", 1e-5),  # has all whole numbers up to 2048
        ("nchw", "uint8", 1e-5),
        ("tracker", "float16", 2e-3),
        ("image", "float16", 1e-5),
    ],
)
def test_layouts_and_types(model, tmp_path, layout, dtype, tolerance):
    model.save(tmp_path / "a.keras")
    command = ["export", "onnx", str(tmp_path / "a.keras"), "--out", str(tmp_path / "a.onnx")]
    assert main([*command, "--layout", layout, "--dtype", dtype]) == 0
    session = session_of(tmp_path / "a.onnx")
    (put,), (gives,) = session.get_inputs(), session.get_outputs()
    shape = [64, 32, 3] if layout == "image" else [3, 64, 32]
    assert (put.name, put.shape) == ("images", ["batch", *shape])
    assert put.type == f"tensor({ {'float32': 'float'}.get(dtype, dtype) })"
    assert (gives.name, gives.shape, gives.type) == ("embedding", ["batch", 12], "tensor(float)")
    got = session.run(None, {"images": fed(layout, dtype)})[0]
    np.testing.assert_allclose(got, expected(model), atol=tolerance)
    embed = Embedder(tmp_path / "a.onnx", runtime="onnxruntime")
    np.testing.assert_allclose(embed(list(PIXELS)), expected(model), atol=tolerance)
    assert (embed.metadata.layout, embed.metadata.dtype) == (layout, dtype)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch(model, tmp_path, batch):
    model.save(tmp_path / "a.keras")
    beside = tmp_path / "a.onnx.thresholds.json"
    beside.write_text("of the file that was there before")
    command = ["export", "onnx", str(tmp_path / "a.keras"), "--out", str(tmp_path / "a.onnx")]
    assert main([*command, "--layout", "tracker", "--batch", str(batch)]) == 0
    assert not beside.exists()
    session = session_of(tmp_path / "a.onnx")
    assert session.get_inputs()[0].shape == [batch, 3, 64, 32] and session.get_outputs()[0].shape == [batch, 12]
    got = session.run(None, {"images": fed("tracker", "float32")[:batch]})[0]
    np.testing.assert_allclose(got, expected(model)[:batch], atol=1e-5)
    with pytest.raises(Exception, match=r"Got: 3 Expected|invalid dimensions"):
        session.run(None, {"images": fed("tracker", "float32")[:3]})
    for size in (1, 3, 5, 32):  # pieces are filled up
        for runtime in ("onnxruntime", "auto"):
            embed = Embedder(tmp_path / "a.onnx", batch_size=size, runtime=runtime)
            assert (embed(list(PIXELS)) * expected(model)).sum(axis=1).min() > 0.999
    assert embed([]).shape == (0, 12)


def test_a_fixed_batch_of_clips_and_of_8_bits(tmp_path):
    clips = small(shape=(None, *SIZE))
    write_onnx(clips, tmp_path / "clips.onnx", describe(clips, "clips"))
    fix_batch(tmp_path / "clips.onnx", 2)
    assert session_of(tmp_path / "clips.onnx").get_inputs()[0].shape == [2, "frames", *SIZE]
    items = [PIXELS[:3], PIXELS[3:6], PIXELS[1:4], PIXELS[:2]]
    wanted = np.concatenate([expected(clips, item[None]) for item in items])
    got = Embedder(tmp_path / "clips.onnx", runtime="onnxruntime")(items)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    images = small()
    images.save(tmp_path / "a.keras")
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(drawn_images(8)):
        Image.fromarray(np.asarray(picture, "uint8")).save(tmp_path / "pictures" / f"{number}.png")
    command = ["export", "onnx", str(tmp_path / "a.keras"), "--out", str(tmp_path / "a.onnx"), "--precision", "int8"]
    assert main([*command, "--calibrate", str(tmp_path / "pictures"), "--layout", "nchw", "--batch", "3"]) == 0
    assert session_of(tmp_path / "a.onnx").get_inputs()[0].shape == [3, 3, 64, 32]


def test_mistakes_are_one_line(model, tmp_path, capsys):
    model.save(tmp_path / "a.keras")
    small(shape=(None, *SIZE)).save(tmp_path / "clips.keras")
    for source, options, words in (
        ("clips", ["--layout", "nchw"], "layout nchw is for single images"),
        ("a", ["--layout", "tracker", "--dtype", "uint8"], "leave out --dtype uint8"),
        ("a", ["--batch", "0"], "--batch"),
        ("a", ["--batch", "1025"], "1024"),
        ("a", ["--dtype", "float64"], "float32, float16 or uint8"),
    ):
        command = ["export", "onnx", str(tmp_path / f"{source}.keras"), "--out", str(tmp_path / "a.onnx"), *options]
        assert main(command) == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1 and not (tmp_path / "a.onnx").exists()
    write_onnx(model, tmp_path / "b.onnx", describe(model, "a"))
    fix_batch(tmp_path / "b.onnx", 10**9)  # would be filled up
    with pytest.raises(InputError, match="images is float32"):
        Embedder(tmp_path / "b.onnx")


@pytest.mark.slow
def test_opencv_gives_embeddings_of_the_right_shape(tmp_path):
    cv2 = pytest.importorskip("cv2")
    network = randomised(build_network("osnet_x0_25", input_shape=SIZE))
    write_onnx(network, tmp_path / "a.onnx", describe(network, "osnet", layout="tracker"))
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "a.onnx"))
    net.setInput(fed("tracker", "float32"), "images")
    np.testing.assert_allclose(net.forward(), expected(network), atol=1e-4)


# BoxMOT


def boxmots(path, precision="fp32"):
    """BoxMOT's own encoder of a file, as its `--reid` makes it."""
    pytest.importorskip("boxmot")
    from boxmot.reid import create_reid_encoder
    from boxmot.reid.backends.dependencies import reid_backend_requirements, requirement_satisfied
    from boxmot.reid.config import resolve_reid_spec

    if not any(map(requirement_satisfied, reid_backend_requirements("onnx"))):
        pytest.skip("BoxMOT would install another ONNX Runtime")
    spec, _ = resolve_reid_spec(str(path), allow_download=False)
    return create_reid_encoder(replace(spec, precision=precision))


def encoded(encoder, pictures):
    """Embeddings of RGB pictures by an encoder of BoxMOT's protocol: each is a frame with a box around all of it."""
    import torch
    from boxmot.structures import Boxes, Detections, Frame

    frames, detections = [], []
    for number, picture in enumerate(pictures):
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        frames.append(Frame(image=image, sample_id=str(number)))
        boxes = Boxes(torch.tensor([[0.0, 0.0, picture.shape[1], picture.shape[0]]]))
        detections.append(Detections(boxes, torch.ones(1), torch.zeros(1, dtype=torch.int64), str(number)))
    return torch.cat(encoder.encode(frames, detections)).numpy()


@pytest.mark.parametrize(
    ("scale", "dtype", "batch", "name"),
    [
        ("imagenet", "float32", None, "people"),
        ("imagenet", "float16", None, "anything"),
        ("imagenet", "float32", 4, "osnet_x0_25"),
        ("half", "float32", None, "lmbn_n_people"),  # a name by which BoxMOT expects another size
        ("none", "float32", 1, "people_veri"),
    ],
)
def test_boxmot_loads_the_tracker_layout_unaided(tmp_path, scale, dtype, batch, name):
    pytest.importorskip("boxmot")
    network = small(scale)
    path = tmp_path / f"{name}.onnx"
    write_onnx(network, path, describe(network, "small", layout="tracker", dtype=dtype))
    if batch:
        fix_batch(path, batch)
    # Pictures of the network's size, which neither resizes.
    for precision in ("fp32", "fp16"):  # of what it feeds
        theirs = encoded(boxmots(path, precision), PIXELS)
        np.testing.assert_allclose(theirs, expected(network), atol=2e-3 if precision == "fp32" else 5e-3)
    ours = AppearanceEncoder(Embedder(path, runtime="onnxruntime"))
    np.testing.assert_allclose(encoded(ours, PIXELS), expected(network), atol=2e-3)


def test_boxmot_refuses_the_layout_image(model, tmp_path):
    pytest.importorskip("boxmot")
    write_onnx(model, tmp_path / "a.onnx", describe(model, "small"))
    with pytest.raises(ValueError, match="3 channels"):
        boxmots(tmp_path / "a.onnx")


@pytest.mark.slow
def test_boxmot_embeds_real_people_as_we_do(street, tmp_path):
    """120 crops. BoxMOT's resizing rounds otherwise, by 1 of 255 at most, which is no small thing to OSNet x0.25."""
    if not REAL.is_file():
        pytest.skip("the trained network is not here")
    cv2 = pytest.importorskip("cv2")
    network, path = from_pretrained("osnet_x0_25", file=REAL), tmp_path / "people.onnx"
    write_onnx(network, path, describe(network, "osnet", layout="tracker"))
    query, gallery = (
        sorted((street / "market" / folder).glob("[0-9]*.jpg")) for folder in ("query", "bounding_box_test")
    )
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in (*query, *gallery)]
    assert len(pictures) == 120
    boxmot, ours = boxmots(path), AppearanceEncoder(Embedder(path, runtime="onnxruntime"))
    resized = [cv2.resize(picture, (128, 256), interpolation=cv2.INTER_LINEAR) for picture in pictures]
    assert (encoded(boxmot, resized) * encoded(ours, resized)).sum(axis=1).min() > 0.99999
    theirs, own = encoded(boxmot, pictures), encoded(ours, pictures)
    cosines = (theirs * own).sum(axis=1)
    print(f"cosine of {len(cosines)} crops: least {cosines.min():.5f}, mean {cosines.mean():.5f}")
    assert cosines.min() > 0.99 and cosines.mean() > 0.997
    pids, cams = np.array([(int(file.name[:4]), int(file.name[6])) for file in (*query, *gallery)]).T
    first = len(query)
    maps = [
        evaluate_retrieval(each[:first], each[first:], pids[:first], pids[first:], cams[:first], cams[first:]).mAP
        for each in (own, theirs)
    ]
    assert maps[0] == pytest.approx(0.9530, abs=1e-4) and maps[1] == pytest.approx(maps[0], abs=0.01)
