"""Networks of a file of weights, by name, and variants of their heads."""

import dataclasses
import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from benchmarks.seeded import PEERS
from iaunet_tf import Embedder, build_network, from_pretrained
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.inference.record import Record
from iaunet_tf.models.networks import NETWORKS
from iaunet_tf.weights import save_weights
from iaunet_tf.weights.names import canonical
from iaunet_tf.weights.pretrained import PRETRAINED
from iaunet_tf.weights.recognising import recognise

SHAPE = (64, 32, 3)


@pytest.fixture(scope="module")
def small():
    """A network, images for it, and its embeddings."""
    model = build_network("osnet_x0_25", input_shape=SHAPE)
    images = np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype("uint8")
    return model, images, np.array(model(images, training=False)["embedding"])


@pytest.fixture
def published(small, tmp_path, monkeypatch):
    """Puts the network's weights where the table's file is looked for."""
    file = tmp_path / ".cache" / "iaunet_tf" / "osnet.safetensors"
    file.parent.mkdir(parents=True)
    save_weights(small[0], file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    entry = dataclasses.replace(PRETRAINED["osnet_x0_25_msmt17"], file=file.name, sha256=digest)
    monkeypatch.setitem(PRETRAINED, "osnet_x0_25_msmt17", entry)
    monkeypatch.setenv("HOME", str(tmp_path))
    return file


def test_by_name_from_a_file_and_as_clips(small, published, capsys):
    _, images, expected = small
    model = from_pretrained("osnet_x0_25_msmt17", input_shape=SHAPE)
    np.testing.assert_array_equal(model(images, training=False)["embedding"], expected)
    assert f"{published}: 485 tensors loaded" in capsys.readouterr().out
    clips = from_pretrained("osnet_x0_25", published, SHAPE, num_classes=7, video=True)
    outputs = clips(images[:, None].repeat(2, 1), training=False)
    np.testing.assert_allclose(outputs["embedding"], expected, rtol=1e-4, atol=1e-5)
    assert outputs["logits"].shape == (3, 7)
    bare = from_pretrained("osnet_x0_25", published, SHAPE, include_preprocessing=False)
    with pytest.raises(InputError, match="was built without preprocessing"):
        Embedder(bare)
    normalised = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(bare(normalised, training=False)["embedding"], expected, rtol=1e-3, atol=1e-4)
    published.write_bytes(published.read_bytes()[:-1])
    with pytest.raises(InputError, match="is damaged or not"):
        from_pretrained("osnet_x0_25_msmt17")


def test_an_evaluation_remembers_a_published_network_by_its_name(published, tmp_path):
    embedder = Embedder("osnet_x0_25_msmt17")
    Record.of(embedder, Path("osnet_x0_25_msmt17"), "auto", []).write(tmp_path / "network.yaml")
    record = Record.read(tmp_path / "network.yaml")
    assert record.network == "osnet_x0_25_msmt17"
    assert record.sha256 == {published.name: hashlib.sha256(published.read_bytes()).hexdigest()}
    assert record.open(2).metadata == embedder.metadata
    # The entry of the table with another digest is another network.
    (tmp_path / "network.yaml").write_text(
        (tmp_path / "network.yaml").read_text().replace(record.sha256[published.name], "a" * 64)
    )
    with pytest.raises(InputError, match="has changed since it was evaluated"):
        Record.read(tmp_path / "network.yaml").open(2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("osnet_x0_25_msmt", "no pretrained network 'osnet_x0_25_msmt'; did you mean osnet_x0_25_msmt17?"),
        ("zebra", "no pretrained network 'zebra'; there are osnet_x1_0_msmt17"),
        ("osnet_x0_25", "is a network; name its weights by file, or take osnet_x0_25_msmt17 or osnet_x0_25_imagenet"),
        ("lmbn_n", "is a network; name its weights by file$"),
        (None, "no pretrained network None"),
    ],
)
def test_names_that_are_none(name, message):
    with pytest.raises(InputError, match=message):
        from_pretrained(name)


def test_what_is_known_of_each_is_printed(capsys):
    assert main(["weights", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed[1 : 1 + len(PRETRAINED)]] == list(PRETRAINED)
    assert main(["weights", "show", "sbs_R50_msmt17"]) == 0
    card = capsys.readouterr().out
    for words in ("384x128", "bicubic", "Apache-2.0", "83.3 / 59.9", "no digest is known", "msmt_sbs_R50.pth"):
        assert words in card
    assert main(["weights", "show", "sbs_R50_msmt"]) == 1
    assert "did you mean sbs_R50_msmt17?" in capsys.readouterr().err
    assert main(["weights", "show"]) == 1
    assert "takes one name" in capsys.readouterr().err


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_recognised_by_its_tensors(name):
    if not (PEERS / f"{name}.json").is_file():
        pytest.skip("the peers' results are not here")
    parameters = json.loads((PEERS / f"{name}.json").read_text())["parameters"]
    for prefix in ("", "module.", "model."):
        names, stripped = canonical(prefix + key for key, _, _ in parameters)
        state = {key: np.empty(shape) for key, (_, shape, _) in zip(names, parameters, strict=True)}
        expected = None if name == "resnet50" else name  # which IAUNet's baseline has the names of
        assert recognise(state, stripped) == expected


@pytest.mark.slow
def test_the_command_converts_a_recognised_network_and_back(small, tmp_path, capsys):
    model, images, expected = small
    save_weights(model, tmp_path / "theirs.safetensors")
    words = ["weights", str(tmp_path / "theirs.safetensors"), str(tmp_path / "ours.keras")]
    assert main([*words, "--height", "64", "--width", "32"]) == 0
    assert "weights of osnet_x0_25" in capsys.readouterr().out
    ours = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_array_equal(ours(images, training=False)["embedding"], expected)
    assert main(["weights", str(tmp_path / "ours.keras"), str(tmp_path / "back.safetensors")]) == 0
    assert (tmp_path / "back.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()
    assert main([*words, "--network", "osnet_x0_2"]) == 1
    assert "no network 'osnet_x0_2'; did you mean osnet_x0_25?" in capsys.readouterr().err
    assert main([*words, "--network", "osnet_x1_0"]) == 1
    assert "do not fit" in capsys.readouterr().err


def test_the_way_of_resizing_travels_with_the_network(small, tmp_path):
    model, _, _ = small
    model.save(tmp_path / "model.keras")
    picture = np.random.default_rng(1).integers(0, 256, (100, 60, 3)).astype("uint8")
    embed = Embedder(tmp_path / "model.keras")
    assert embed.metadata.interpolation == "bilinear"
    bilinear = np.asarray(Image.fromarray(picture).resize((32, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(embed.prepare([picture])[0], bilinear)
    assert describe(build_network("bagtricks_R50", input_shape=SHAPE), "a").interpolation == "bicubic"


def test_which_side_of_the_neck_is_the_embedding(small):
    _, images, _ = small
    behind = build_network("osnet_x0_25", 5, SHAPE, neck=True)
    outputs = behind(images, training=False)
    # A new batch norm changes nothing but by its epsilon.
    np.testing.assert_allclose(outputs["embedding"], outputs["before_neck"] / np.sqrt(1 + 1e-5), rtol=1e-5, atol=1e-7)
    assert behind.get_layer("embedding").moving_mean.shape == (512,)
    before, usual = (build_network("bagtricks_R50", 5, SHAPE, neck=side) for side in (False, None))
    before.set_weights(usual.get_weights())
    norm = before.get_layer("heads.bottleneck.0")
    norm.moving_mean.assign(np.random.default_rng(0).normal(size=2048))
    usual.set_weights(before.get_weights())
    mine, theirs = before(images, training=False), usual(images, training=False)
    np.testing.assert_array_equal(mine["embedding"], theirs["before_neck"])
    np.testing.assert_array_equal(mine["after_neck"], theirs["embedding"])
    np.testing.assert_array_equal(mine["logits"], theirs["logits"])


@pytest.mark.parametrize(
    ("pooling", "video"),
    [
        ("max", False),
        ("gem", True),
        ("learned_gem", False),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("max", True), ("gem", False), ("learned_gem", True))
        ),
    ],
)
def test_pooling_of_another_kind(pooling, video):
    model = build_network("resnet50", None, SHAPE, video, pooling=pooling)
    shape = (2, 3, *SHAPE) if video else (2, *SHAPE)
    images = np.random.default_rng(0).integers(0, 256, shape).astype("float32")
    features = keras.Model(model.inputs, model.get_layer("layer4_2_relu3").output).predict(images, verbose=0)
    if pooling == "max":
        expected = features.max(axis=(1, 2))
    else:
        expected = np.mean(np.maximum(features, 1e-6) ** 3, axis=(1, 2)) ** (1 / 3)
    expected = expected.reshape(2, 3, -1).mean(axis=1) if video else expected
    np.testing.assert_allclose(model.predict(images, verbose=0)["embedding"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("video", [False, True])
def test_a_network_of_keras_applications(video, tmp_path):
    blocks = ["expanded_conv_3_expand"]
    model = build_network("MobileNetV3Small", 4, SHAPE, video, blocks=blocks if not video else (), pooling="gem")
    shape = (2, 3, *SHAPE) if video else (2, *SHAPE)
    images = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    outputs = model(images, training=False)
    assert outputs["embedding"].shape == outputs["before_neck"].shape and outputs["logits"].shape == (2, 4)
    model.save(tmp_path / "model.keras")
    embedded = Embedder(tmp_path / "model.keras")(list(images))
    unit = outputs["embedding"] / np.linalg.norm(outputs["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(embedded, unit, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("osnet", {}, "no network 'osnet'; did you mean"),
        ("zebra", {}, "there are osnet_x1_0.*and those of keras.applications"),
        ("osnet_x0_25", {"blocks": ["layer2"]}, "has no place 'layer2' for a block; it has conv2, conv3, conv4"),
        ("lmbn_n", {"blocks": ["conv2"]}, "has no place 'conv2' for a block; it has none"),
        ("lmbn_n", {"pooling": "max"}, "lmbn_n pools in a way of its own"),
        ("osnet_x0_25", {"pooling": "median"}, "pooling must be"),
        ("osnet_x0_25", {"block": "se"}, "block must be"),
        ("osnet_x0_25", {"num_classes": 0}, "num_classes must be"),
        ("osnet_x0_25", {"input_shape": (8, 8, 3)}, "input_shape"),
        ("osnet_x0_25", {"input_shape": (64, 32)}, "input_shape"),
        ("MobileNetV3Small", {"blocks": ["nowhere"], "input_shape": SHAPE}, "has no layer 'nowhere'"),
        ("MobileNetV3Small", {"weights": "gone.h5", "input_shape": SHAPE}, "cannot be built"),
        ("osnet_x0_25", {"weights": "gone.safetensors", "input_shape": SHAPE}, "gone.safetensors: no such file"),
    ],
)
def test_what_cannot_be_built_is_said(name, options, message):
    with pytest.raises(InputError, match=message):
        build_network(name, **options)
