import json
import sys
import zipfile

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from weights.cases import (
    CASES,
    CLASSES,
    assert_outputs_equal,
    assert_same_tensors,
    build,
    outputs_of,
    quiet,
    snapshot,
    tensors_of,
    unchanged,
    weights_of,
)

from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.weights import load_weights, save_weights
from iaunet_tf.weights.names import state_dict
from iaunet_tf.weights.reading import read_state_dict

SIZE = ["--height", "64", "--width", "32"]


@pytest.fixture
def state():
    """The tensors of an IAUnet as the authors' script names them."""
    return {f"module.{name}": array for name, array in tensors_of().items()}


@pytest.fixture
def checkpoint(state, tmp_path):
    path = tmp_path / "best_model.safetensors"
    save_file(state, path)
    return path


@pytest.mark.parametrize("case", CASES)
def test_imported_network_equals_pytorch(case):
    options, _ = CASES[case]
    model = build(**options)
    report = load_weights(model, weights_of(**options), say=quiet)
    assert not (report.missing or report.unexpected or report.skipped or report.warnings)
    images, expected = outputs_of(case)
    assert_outputs_equal(model(images), expected)


@pytest.mark.parametrize("options", [{}, {"clip": True}, {"block": "ia"}])
def test_round_trip_to_pytorch_names_is_exact(options, tmp_path):
    model = build(**options)
    load_weights(model, weights_of(**options), say=quiet)
    save_weights(model, tmp_path / "b.safetensors")
    assert_same_tensors(tmp_path / "b.safetensors", tensors_of(**options))


@pytest.mark.parametrize("target", ["b.keras", "b.weights.h5", "b.safetensors"])
def test_every_format_carries_the_weights(target, checkpoint, tmp_path):
    model = build()
    load_weights(model, checkpoint, say=quiet)
    expected = snapshot(model)
    save_weights(model, tmp_path / target)
    again = build()
    assert not unchanged(again, expected)
    load_weights(again, tmp_path / target, say=quiet)
    for a, b in zip(expected, snapshot(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_image_weights_load_into_clips_and_back(checkpoint, tmp_path):
    clips, images = build(clip=True), build()
    load_weights(clips, checkpoint, say=quiet)
    save_weights(clips, tmp_path / "clips.safetensors")
    load_weights(images, tmp_path / "clips.safetensors", say=quiet)
    for a, b in zip(snapshot(clips), snapshot(images), strict=True):
        np.testing.assert_array_equal(a, b)
    save_weights(images, tmp_path / "images.safetensors")
    assert_same_tensors(tmp_path / "images.safetensors", tensors_of())


def test_classifier_of_another_size_is_skipped_and_said(checkpoint):
    model, said = build(classes=7), []
    before = np.array(model.get_layer("classifier").kernel)
    report = load_weights(model, checkpoint, say=said.append)
    assert report.skipped[0] == "classifier.weight is (5, 64) in the file, (64, 7) in the network"
    assert "skipped: classifier.weight" in said[0]
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, before)


def test_backbone_of_torchvision(tmp_path):
    backbone = {k: v for k, v in tensors_of().items() if not k.startswith(("bn.", "classifier.", "IAU"))}
    classifier = {"fc.weight": np.zeros((1000, 64), "float32"), "fc.bias": np.zeros(1000, "float32")}
    save_file(backbone | classifier, tmp_path / "resnet50.safetensors")
    model = build()
    report = load_weights(model, tmp_path / "resnet50.safetensors", say=quiet)
    assert all(name.startswith(("bn.", "classifier.", "IAU")) for name in report.missing)
    assert not report.unexpected
    np.testing.assert_array_equal(state_dict(model)["layer3.5.conv2.weight"], backbone["layer3.5.conv2.weight"])


def test_missing_tensors_are_an_error_unless_partial(state, tmp_path):
    del state["module.layer3.2.conv1.weight"], state["module.IAU3.g.bias"]
    save_file(state, tmp_path / "cut.safetensors")
    model = build()
    before = snapshot(model)
    with pytest.raises(InputError, match=r"2 of .* missing, the first: layer3.2.conv1.weight .*--partial"):
        load_weights(model, tmp_path / "cut.safetensors", say=quiet)
    assert unchanged(model, before)
    report = load_weights(model, tmp_path / "cut.safetensors", partial=True, say=quiet)
    assert sorted(report.missing) == ["IAU3.g.bias", "layer3.2.conv1.weight"]


def test_wrong_shapes_and_types_are_named_and_nothing_is_loaded(state, tmp_path):
    model = build()
    before = snapshot(model)
    for array, message in (
        (np.zeros((8, 8, 3, 3), "float32"), r"is \(8, 8, 3, 3\) in the file, \(3, 3, 4, 4\) in the network"),
        (np.zeros((4, 4, 3, 3), "int64"), "is int64, not floating point"),
    ):
        save_file({**state, "module.layer2.1.conv2.weight": array}, tmp_path / "wrong.safetensors")
        with pytest.raises(InputError, match=f"layer2.1.conv2.weight {message}"):
            load_weights(model, tmp_path / "wrong.safetensors", say=quiet)
    assert unchanged(model, before)


def test_tensors_without_a_place_are_said(state, tmp_path):
    save_file({**state, "module.layer5.weight": np.zeros(3, "float32")}, tmp_path / "more.safetensors")
    said = []
    report = load_weights(build(), tmp_path / "more.safetensors", say=said.append)
    assert report.unexpected == ["layer5.weight"] and not report.missing
    assert "unexpected: layer5.weight" in said[0]


def test_weights_that_are_not_finite_are_warned_about(state, tmp_path):
    state["module.bn1.bias"][0] = np.nan
    save_file(state, tmp_path / "nan.safetensors")
    assert load_weights(build(), tmp_path / "nan.safetensors", say=quiet).warnings == ["bn1.bias is not finite"]


def test_other_architectures_are_recognised(tmp_path):
    model = build()
    before = snapshot(model)
    basic = {"conv1.weight": np.zeros((2, 3, 7, 7)), "layer1.0.conv1.weight": np.zeros((2, 2, 3, 3))}
    for content, message in (
        (basic, "it looks like a ResNet of basic blocks"),
        ({"encoder.weight": np.zeros(3)}, "its tensors are named like encoder.weight"),
        ({}, "contains no tensors"),
    ):
        save_file(content, tmp_path / "other.safetensors")
        with pytest.raises(InputError, match=message):
            load_weights(model, tmp_path / "other.safetensors", say=quiet)
    assert unchanged(model, before)


@pytest.mark.parametrize("suffix", [".safetensors", ".keras", ".weights.h5"])
def test_damaged_files_leave_the_network_as_it_is(suffix, tmp_path):
    model = build()
    whole = tmp_path / f"whole{suffix}"
    save_weights(model, whole)
    cut = tmp_path / f"cut{suffix}"
    before = snapshot(model)
    for content in (whole.read_bytes()[: whole.stat().st_size // 2], b"no checkpoint", b""):
        cut.write_bytes(content)
        with pytest.raises(InputError, match=f"cut{suffix}"):
            load_weights(model, cut, say=quiet)
        assert unchanged(model, before)


def test_safetensors_need_no_torch(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert set(read_state_dict(checkpoint)[0]) == set(tensors_of())
    (tmp_path / "best_model.pth.tar").write_bytes(b"whatever it holds")
    with pytest.raises(InputError, match=r"require torch \(pip install torch\)"):
        read_state_dict(tmp_path / "best_model.pth.tar")


PREFIXES = (
    "",
    "module.",
    "module.module.",
    "backbone.",
    "base.",
    "model.",
    "_orig_mod.",
    "encoder_q.",
    "a.b.module.c.",
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefix_of_the_backbone_is_stripped_and_said(prefix, tmp_path):
    outside = prefix.replace("base.", "").replace("backbone.", "")  # where these libraries have neck and classifier
    head = ("bn.", "classifier.")
    state = {(outside if name.startswith(head) else prefix) + name: each for name, each in tensors_of().items()}
    save_file(state | {"encoder_k.layer1.0.conv1.weight": np.zeros(3)}, tmp_path / "a.safetensors")
    found, stripped = read_state_dict(tmp_path / "a.safetensors")
    assert stripped == prefix and set(found) >= set(tensors_of())
    for name, array in tensors_of().items():
        np.testing.assert_array_equal(found[name], array)
    said = []
    report = load_weights(build(), tmp_path / "a.safetensors", say=said.append)
    assert not (report.missing or report.anew)
    assert (f"tensors loaded, without {prefix} in their names" in said[0]) == bool(prefix)


@pytest.mark.parametrize("neck", ["bottleneck.", "module.bottleneck.", "heads.bottleneck.0."])
def test_necks_of_other_libraries_are_the_embedding(neck, tmp_path):
    prefix = {"bottleneck.": "base.", "module.bottleneck.": "module.base.", "heads.bottleneck.0.": "backbone."}[neck]
    state = {k: v for k, v in tensors_of().items() if not k.startswith(("classifier.", "IAU"))}
    state = {neck + k[3:] if k.startswith("bn.") else prefix + k: each for k, each in state.items()}
    save_file(state, tmp_path / "a.safetensors")
    model, said = build(), []
    report = load_weights(model, tmp_path / "a.safetensors", say=said.append)
    np.testing.assert_array_equal(model.get_layer("embedding").moving_mean, tensors_of()["bn.running_mean"])
    assert list(report.anew) == ["blocks", "classifier"] and not report.unexpected


def test_two_networks_in_one_file_are_not_guessed_at(tmp_path):
    both = [("encoder_q.", "encoder_k."), ("student.", "teacher."), ("a.", "b.")]
    for prefixes in both:
        state = {prefix + name: each for prefix in prefixes for name, each in tensors_of().items()}
        save_file(state, tmp_path / "two.safetensors")
        if prefixes == ("a.", "b."):
            with pytest.raises(
                InputError, match=r"two.safetensors: contains 2 networks \(.*\); save one of them alone"
            ):
                read_state_dict(tmp_path / "two.safetensors")
        else:
            assert read_state_dict(tmp_path / "two.safetensors")[1] == prefixes[0]


def test_plain_backbone_says_what_starts_anew(tmp_path):
    backbone = {k: v for k, v in tensors_of().items() if not k.startswith(("bn.", "classifier.", "IAU"))}
    save_file(backbone, tmp_path / "resnet50.safetensors")
    text = str(load_weights(build(), tmp_path / "resnet50.safetensors", say=quiet))
    assert "start anew: blocks (64 tensors), embedding (4 tensors), classifier (2 tensors)" in text
    assert "missing" not in text and text.count("\n") == 1


def test_bfloat16_safetensors_are_read(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    header, data, place = {}, b"", 0
    for name, array in tensors_of().items():
        data += array.astype(ml_dtypes.bfloat16).tobytes()
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [place, len(data)]}
        place = len(data)
    text = json.dumps(header).encode()
    (tmp_path / "half.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    found, _ = read_state_dict(tmp_path / "half.safetensors")
    for name, array in tensors_of().items():
        assert found[name].dtype == "float32"
        np.testing.assert_allclose(found[name], array, rtol=2**-8)


@pytest.mark.slow
def test_command_builds_the_network_that_fits(checkpoint, tmp_path, capsys):
    other, odd = tmp_path / "other.safetensors", tmp_path / "odd.safetensors"
    save_file({"\x1b[31mencoder.weight\n": np.zeros(3)}, other)
    save_file({"conv1.weight": np.zeros((7, 3, 7, 7))}, odd)
    (tmp_path / "a.weights.h5").touch()
    target = tmp_path / "model.keras"
    assert main(["weights", str(checkpoint), str(target), *SIZE]) == 0
    model = keras.models.load_model(target)
    assert model.get_layer("classifier").units == CLASSES
    assert "tensors loaded" in capsys.readouterr().out
    assert main(["weights", str(target), str(tmp_path / "back.safetensors")]) == 0
    assert_same_tensors(tmp_path / "back.safetensors", tensors_of())
    assert main(["weights", str(tmp_path / "gone.pth"), str(target)]) == 1
    assert "no such file" in capsys.readouterr().err
    for words, message in (
        ([checkpoint, tmp_path / "model.xyz"], "model.xyz: must end in .keras, .weights.h5 or .safetensors"),
        (["imagenet", tmp_path / "model.xyz"], "model.xyz: must end in"),  # before any download
        ([tmp_path, target], "is a folder; name a file, such as"),
        ([checkpoint, target, "--height", "3"], "--height must be a whole number from 16 to 4096"),
        ([other, target], "contains no conv1.weight (64, 3, 7, 7), so it is not a ResNet, nor a network of another"),
        ([odd, target], "contains no conv1.weight"),
        ([tmp_path / "a.weights.h5", target], ".weights.h5 files do not name the network; take its .keras file"),
    ):
        assert main(["weights", *map(str, words)]) == 1
        printed = capsys.readouterr().err
        assert message in printed and printed.removesuffix("\n").isprintable()
    # The size of a .keras file is its own.
    assert main(["weights", str(target), str(tmp_path / "again.keras")]) == 0
    with zipfile.ZipFile(tmp_path / "again.keras") as archive:
        config = json.loads(archive.read("config.json"))["config"]
    assert config["layers"][0]["config"]["batch_shape"] == [None, 64, 32, 3]


@pytest.mark.parametrize("options", [{"clip": True}, {"block": "ia"}])
def test_command_tells_clips_and_ianet_from_the_tensors(options, tmp_path):
    target = tmp_path / "b.safetensors"
    assert main(["weights", str(weights_of(**options)), str(target), *SIZE]) == 0
    assert_same_tensors(target, tensors_of(**options))
