import sys

import keras
import numpy as np
import pytest

from iaunet_tf import IAUNet
from iaunet_tf.errors import InputError
from iaunet_tf.weights import load_weights, save_weights
from iaunet_tf.weights.__main__ import main
from iaunet_tf.weights.names import state_dict

torch = pytest.importorskip("torch")

from weights.torch_reference import Network, fill  # noqa: E402

SMALL = {"input_shape": (64, 32, 3), "width": 0.25}
CASES = {
    "image": ({"block": "iau"}, (2, 64, 32, 3)),
    "clip of 4": ({"block": "iau", "clip": True}, (2, 4, 64, 32, 3)),
    "clip of 6": ({"block": "iau", "clip": True}, (1, 6, 64, 32, 3)),
    "IANet": ({"block": "ia"}, (2, 64, 32, 3)),
}
FULL_SIZE = [pytest.param(case, 1, marks=pytest.mark.slow) for case in CASES]


def quiet(line):
    del line


def build(classes=5, block="iau", clip=False, **options):
    return IAUNet(classes, block=block, video=clip, **{**SMALL, **options})


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint as the authors' script writes it."""
    state = fill(Network(5, width=0.25)).state_dict()
    path = tmp_path / "best_model.pth.tar"
    content = {"state_dict": {f"module.{k}": v for k, v in state.items()}, "rank1": np.float64(0.9), "epoch": 60}
    torch.save(content, path)
    return path


def snapshot(model):
    return [np.array(variable) for variable in model.variables]


def unchanged(model, before):
    return all(np.array_equal(a, b) for a, b in zip(before, snapshot(model), strict=True))


@pytest.mark.parametrize(("case", "width"), [*((case, 0.25) for case in CASES), *FULL_SIZE])
def test_imported_network_equals_pytorch(case, width, tmp_path):
    options, shape = CASES[case]
    if width == 1:
        shape = (*shape[:-3], 256, 128, 3)
    reference = fill(Network(5, width=width, **options))
    torch.save(reference.state_dict(), tmp_path / "a.pth")
    model = build(**options, width=width, input_shape=shape[-3:])
    report = load_weights(model, tmp_path / "a.pth", say=quiet)
    assert not (report.missing or report.unexpected or report.skipped or report.warnings)
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    with torch.no_grad():
        expected = reference.double()(torch.tensor(images, dtype=torch.float64))
    outputs = model(images)
    assert set(outputs) == set(expected)
    for name, output in outputs.items():
        target = expected[name].numpy()
        error = np.abs(keras.ops.convert_to_numpy(output) - target).max() / np.abs(target).max()
        assert error < 1e-4, (name, error)


@pytest.mark.parametrize("clip", [False, True])
def test_round_trip_to_pytorch_names_is_exact(clip, tmp_path):
    from safetensors.numpy import load_file

    reference = fill(Network(5, width=0.25, clip=clip))
    torch.save(reference.state_dict(), tmp_path / "a.pth")
    model = build(clip=clip)
    load_weights(model, tmp_path / "a.pth", say=quiet)
    save_weights(model, tmp_path / "b.safetensors")
    written = load_file(tmp_path / "b.safetensors")
    original = {k: v.numpy() for k, v in reference.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert set(written) == set(original)
    for name, array in original.items():
        np.testing.assert_array_equal(written[name], array, err_msg=name)
    reference.load_state_dict({k: torch.tensor(v) for k, v in written.items()}, strict=False)


@pytest.mark.parametrize("target", ["b.keras", "b.weights.h5", "b.safetensors"])
def test_every_format_carries_the_weights(target, checkpoint, tmp_path):
    model, again = build(), build()
    load_weights(model, checkpoint, say=quiet)
    save_weights(model, tmp_path / target)
    load_weights(again, tmp_path / target, say=quiet)
    for a, b in zip(snapshot(model), snapshot(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_image_weights_load_into_clips_and_back(checkpoint, tmp_path):
    clips, images = build(clip=True), build()
    load_weights(clips, checkpoint, say=quiet)
    save_weights(clips, tmp_path / "clips.safetensors")
    load_weights(images, tmp_path / "clips.safetensors", say=quiet)
    for a, b in zip(snapshot(clips), snapshot(images), strict=True):
        np.testing.assert_array_equal(a, b)


def test_classifier_of_another_size_is_skipped_and_said(checkpoint):
    model, said = build(classes=7), []
    before = np.array(model.get_layer("classifier").kernel)
    report = load_weights(model, checkpoint, say=said.append)
    assert report.skipped[0] == "classifier.weight is (5, 512) in the file, (512, 7) in the network"
    assert "skipped: classifier.weight" in said[0]
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, before)


def test_backbone_of_torchvision(tmp_path):
    reference = fill(Network(5, block=None, width=0.25)).state_dict()
    backbone = {k: v for k, v in reference.items() if not k.startswith(("bn.", "classifier."))}
    backbone |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save(backbone, tmp_path / "resnet50.pth")
    model = build()
    report = load_weights(model, tmp_path / "resnet50.pth", say=quiet)
    assert all(name.startswith(("bn.", "classifier.", "IAU")) for name in report.missing)
    np.testing.assert_array_equal(
        state_dict(model)["layer3.5.conv2.weight"], reference["layer3.5.conv2.weight"].numpy()
    )


def test_missing_tensors_are_an_error_unless_partial(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    del state["module.layer3.2.conv1.weight"], state["module.IAU3.g.bias"]
    torch.save(state, tmp_path / "cut.pth")
    model = build()
    before = snapshot(model)
    with pytest.raises(InputError, match=r"2 of .* missing, the first: layer3.2.conv1.weight .*--partial"):
        load_weights(model, tmp_path / "cut.pth", say=quiet)
    assert unchanged(model, before)
    report = load_weights(model, tmp_path / "cut.pth", partial=True, say=quiet)
    assert sorted(report.missing) == ["IAU3.g.bias", "layer3.2.conv1.weight"]


def test_wrong_shapes_and_types_are_named_and_nothing_is_loaded(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    model = build()
    before = snapshot(model)
    for tensor, message in (
        (torch.zeros(64, 64, 3, 3), r"is \(64, 64, 3, 3\) in the file, \(3, 3, 32, 32\) in the network"),
        (torch.zeros(32, 32, 3, 3, dtype=torch.int64), "is int64, not floating point"),
    ):
        torch.save({**state, "module.layer2.1.conv2.weight": tensor}, tmp_path / "wrong.pth")
        with pytest.raises(InputError, match=f"layer2.1.conv2.weight {message}"):
            load_weights(model, tmp_path / "wrong.pth", say=quiet)
    assert unchanged(model, before)


def test_weights_that_are_not_finite_are_warned_about(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    state["module.bn1.bias"][0] = torch.nan
    torch.save(state, tmp_path / "nan.pth")
    assert load_weights(build(), tmp_path / "nan.pth", say=quiet).warnings == ["bn1.bias is not finite"]


def test_other_architectures_are_recognised(tmp_path):
    model = build()
    before = snapshot(model)
    basic = {"conv1.weight": torch.zeros(16, 3, 7, 7), "layer1.0.conv1.weight": torch.zeros(16, 16, 3, 3)}
    for content, message in (
        (basic, "it looks like a ResNet of basic blocks"),
        ({"encoder.weight": torch.zeros(3)}, "its tensors are named like encoder.weight"),
        ({}, "contains no tensors"),
        ([1, 2], "contains a list, not a dictionary"),
    ):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(InputError, match=message):
            load_weights(model, tmp_path / "other.pth", say=quiet)
    assert unchanged(model, before)


@pytest.mark.parametrize("suffix", [".pth.tar", ".safetensors", ".keras", ".weights.h5"])
def test_damaged_files_leave_the_network_as_it_is(suffix, checkpoint, tmp_path):
    model = build()
    whole = checkpoint
    if suffix != ".pth.tar":
        whole = tmp_path / f"whole{suffix}"
        save_weights(model, whole)
    cut = tmp_path / f"cut{suffix}"
    before = snapshot(model)
    for content in (whole.read_bytes()[:200_000], b"no checkpoint", b""):
        cut.write_bytes(content)
        with pytest.raises(InputError, match=f"cut{suffix}"):
            load_weights(model, cut, say=quiet)
        assert unchanged(model, before)


def test_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    bait = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self):
            return open, (str(bait), "w")

    torch.save({"state_dict": {"conv1.weight": torch.zeros(1)}, "extra": Evil()}, tmp_path / "evil.pth.tar")
    with pytest.raises(InputError, match="refused without running any code"):
        load_weights(build(), tmp_path / "evil.pth.tar", say=quiet)
    assert not bait.exists()


def test_safetensors_need_no_torch(checkpoint, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    from iaunet_tf.weights.reading import read_state_dict

    save_file({"conv1.weight": np.ones((2, 3), "float32")}, tmp_path / "a.safetensors")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert list(read_state_dict(tmp_path / "a.safetensors")) == ["conv1.weight"]
    with pytest.raises(InputError, match=r"require torch \(pip install torch\)"):
        read_state_dict(checkpoint)


def test_command_builds_the_network_that_fits(checkpoint, tmp_path, capsys):
    target = tmp_path / "model.keras"
    assert main([str(checkpoint), str(target), "--height", "64", "--width", "32"]) == 0
    model = keras.models.load_model(target)
    assert model.get_layer("classifier").units == 5
    assert "tensors loaded" in capsys.readouterr().out
    assert main([str(target), str(tmp_path / "back.safetensors"), "--height", "64", "--width", "32"]) == 0
    assert main([str(tmp_path / "gone.pth"), str(target)]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main([str(checkpoint), str(tmp_path / "model.xyz")]) == 1


def test_files_of_older_pytorch_are_read_as_safely(checkpoint, tmp_path):
    bait = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self):
            return open, (str(bait), "w")

    content = torch.load(checkpoint, weights_only=False)
    torch.save(content, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    new, old = build(), build()
    load_weights(new, checkpoint, say=quiet)
    load_weights(old, tmp_path / "old.pth.tar", say=quiet)
    assert unchanged(old, snapshot(new))
    torch.save({**content, "extra": Evil()}, tmp_path / "evil.pth.tar", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match="refused without running any code"):
        load_weights(old, tmp_path / "evil.pth.tar", say=quiet)
    assert not bait.exists()
