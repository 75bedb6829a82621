"""Pickled files and the PyTorch network itself: skipped without torch, which `make install` does not bring."""

import argparse

import numpy as np
import pytest
from safetensors.numpy import load_file
from weights.cases import (
    CASES,
    CLASSES,
    WIDTH,
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

from iaunet_tf import IAUNet
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.weights import load_weights, save_weights
from iaunet_tf.weights.reading import read_state_dict

torch = pytest.importorskip("torch")

from weights.torch_reference import Network, fill  # noqa: E402

FULL_SIZE = [pytest.param(case, 1, marks=pytest.mark.slow) for case in CASES]


def tensors(**options):
    return {name: torch.tensor(array) for name, array in tensors_of(**options).items()}


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint as the authors' script writes it."""
    path = tmp_path / "best_model.pth.tar"
    scores = {"rank1": np.float64(0.9), "mAP": np.float32(0.8), "people": np.int32(751), "steps": np.int64(9000)}
    torch.save({"state_dict": {f"module.{k}": v for k, v in tensors().items()}, "epoch": 60, **scores}, path)
    return path


@pytest.mark.parametrize(("case", "width"), [*((case, 0.25) for case in CASES), *FULL_SIZE])
def test_imported_network_equals_pytorch(case, width, tmp_path):
    options, shape = CASES[case]
    if width == 1:
        shape = (*shape[:-3], 256, 128, 3)
    reference = fill(Network(CLASSES, width=width, **options))
    torch.save(reference.state_dict(), tmp_path / "a.pth")
    model = IAUNet(CLASSES, shape[-3:], block=options["block"], video=options.get("clip", False), width=width)
    report = load_weights(model, tmp_path / "a.pth", say=quiet)
    assert not (report.missing or report.unexpected or report.skipped or report.warnings)
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    with torch.no_grad():
        expected = reference.double()(torch.tensor(images, dtype=torch.float64))
    assert_outputs_equal(model(images), {name: output.numpy() for name, output in expected.items()})


@pytest.mark.parametrize("case", CASES)
def test_stored_outputs_are_those_of_the_reference_network(case):
    options, shape = CASES[case]
    network = Network(CLASSES, width=WIDTH, **options).eval()
    network.load_state_dict(tensors(**options))
    images, stored = outputs_of(case)
    assert images.shape == shape
    with torch.no_grad():
        outputs = network.double()(torch.tensor(images, dtype=torch.float64))
    assert set(outputs) == set(stored)
    for name, output in outputs.items():
        np.testing.assert_allclose(output.numpy(), stored[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_checkpoint_is_unwrapped(checkpoint):
    model = build()
    load_weights(model, weights_of(), say=quiet)
    expected = snapshot(model)
    model = build()
    report = load_weights(model, checkpoint, say=quiet)
    assert not (report.missing or report.unexpected or report.skipped or report.warnings)
    assert unchanged(model, expected)


@pytest.mark.parametrize("clip", [False, True])
def test_pytorch_network_takes_what_is_saved(clip, tmp_path):
    torch.save(tensors(clip=clip), tmp_path / "a.pth")
    model = build(clip=clip)
    load_weights(model, tmp_path / "a.pth", say=quiet)
    save_weights(model, tmp_path / "b.safetensors")
    assert_same_tensors(tmp_path / "b.safetensors", tensors_of(clip=clip))
    written = {name: torch.tensor(array) for name, array in load_file(tmp_path / "b.safetensors").items()}
    result = Network(CLASSES, width=WIDTH, clip=clip).load_state_dict(written, strict=False)
    assert not result.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in result.missing_keys)


@pytest.mark.parametrize(
    "wrap",
    [
        *(
            lambda state, name=name: {name: state, "epoch": 3}
            for name in ("model", "state_dict", "net_dict", "network")
        ),
        lambda state: {"model_state_dict": state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
        lambda state: {"model": {"net": state}},
        lambda state: {"model": state, "model_ema": state},
        lambda state: {"ema": state},
        lambda state: [state, 60],
        lambda state: {"state_dict": {f"module.model.{name}": each for name, each in state.items()}},
        lambda state: {**state, 7: torch.zeros(1), ("a", 1): torch.zeros(1), None: 3, b"b": "text"},
    ],
)
def test_network_is_found_wherever_it_is(wrap, tmp_path):
    torch.save(wrap(tensors()), tmp_path / "a.pth")
    found, _ = read_state_dict(tmp_path / "a.pth")
    for name, array in tensors_of().items():
        np.testing.assert_array_equal(found[name], array)


KINDS = {
    "parameter": torch.nn.Parameter,
    "bfloat16": torch.Tensor.bfloat16,
    "float8": lambda tensor: tensor.to(torch.float8_e5m2),
    "float64": torch.Tensor.double,
    "sparse": torch.Tensor.to_sparse,
    "quantised": lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
    "transposed": lambda tensor: tensor.transpose(0, 1).contiguous().transpose(0, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_tensors(kind, tmp_path):
    name = "layer1.0.conv1.weight"
    state = {**tensors(), name: KINDS[kind](tensors()[name])}
    torch.save(state, tmp_path / "a.pth")
    found = read_state_dict(tmp_path / "a.pth")[0][name]
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, tensors_of()[name], atol={"quantised": 0.051, "float8": 0.2}.get(kind, 4e-3))


@pytest.mark.parametrize("tensor", [torch.tensor(1.0), torch.zeros(2, 2, dtype=torch.complex64), torch.zeros(3).int()])
def test_tensors_that_do_not_fit_are_named(tensor, tmp_path):
    model = build()
    before = snapshot(model)
    torch.save({**tensors(), "layer1.0.conv1.weight": tensor}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"layer1\.0\.conv1\.weight is"):
        load_weights(model, tmp_path / "a.pth", say=quiet)
    torch.save({**tensors(), "layer1.0.conv1.weight": torch.zeros(3, device="meta")}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: layer1\.0\.conv1\.weight: a tensor of torch.float32 that cannot"):
        load_weights(model, tmp_path / "a.pth", say=quiet)
    assert unchanged(model, before)


def test_bfloat16_is_loaded(tmp_path):
    halves = {name: v.bfloat16() if v.is_floating_point() else v for name, v in tensors().items()}
    torch.save(halves, tmp_path / "a.pth")
    model = build()
    load_weights(model, tmp_path / "a.pth", say=quiet)
    save_weights(model, tmp_path / "b.safetensors")
    assert_same_tensors(tmp_path / "b.safetensors", {name: v.float().numpy() for name, v in halves.items()})


def test_files_without_tensors_are_an_error(tmp_path):
    itself = {}
    itself["itself"] = itself
    for content in ({}, {"epoch": 60}, [1, 2], 3, "text", None, {"state_dict": {}}, itself):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(InputError, match=r"other\.pth: contains no tensors"):
            read_state_dict(tmp_path / "other.pth")


def test_damaged_files_leave_the_network_as_it_is(checkpoint, tmp_path):
    model = build()
    cut = tmp_path / "cut.pth.tar"
    before = snapshot(model)
    for content in (checkpoint.read_bytes()[: checkpoint.stat().st_size // 2], b"no checkpoint", b""):
        cut.write_bytes(content)
        with pytest.raises(InputError, match=r"cut\.pth\.tar"):
            load_weights(model, cut, say=quiet)
        assert unchanged(model, before)


def test_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    bait = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self):
            return open, (str(bait), "w")

    torch.save({"state_dict": {"conv1.weight": torch.zeros(1)}, "extra": Evil()}, tmp_path / "evil.pth.tar")
    with pytest.raises(InputError, match=r"evil.pth.tar: refused, nothing was run: contains \w+\.open, not weights"):
        load_weights(build(), tmp_path / "evil.pth.tar", say=quiet)
    assert not bait.exists()
    for content, named in (
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        ({"args": argparse.Namespace(lr=1), **tensors()}, "argparse.Namespace"),
        ({"path": tmp_path}, "pathlib.PosixPath"),
    ):
        torch.save(content, tmp_path / "more.pth")
        with pytest.raises(InputError, match=f"contains {named}, not weights alone; save the network's") as caught:
            read_state_dict(tmp_path / "more.pth")
        assert str(caught.value).isprintable()
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "script.pt")
    with pytest.raises(InputError, match=r"TorchScript program; save its state_dict\(\)"):
        read_state_dict(tmp_path / "script.pt")


def test_files_of_older_pytorch_are_read_as_safely(checkpoint, tmp_path):
    bait = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self):
            return open, (str(bait), "w")

    content = torch.load(checkpoint, weights_only=False)
    torch.save(content, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    model = build()
    load_weights(model, checkpoint, say=quiet)
    expected = snapshot(model)
    model = build()
    load_weights(model, tmp_path / "old.pth.tar", say=quiet)
    assert unchanged(model, expected)
    torch.save({**content, "extra": Evil()}, tmp_path / "evil.pth.tar", _use_new_zipfile_serialization=False)
    with pytest.raises(InputError, match="refused, nothing was run"):
        load_weights(model, tmp_path / "evil.pth.tar", say=quiet)
    assert not bait.exists()


def test_command_converts_a_checkpoint(checkpoint, tmp_path):
    target = tmp_path / "b.safetensors"
    assert main(["weights", str(checkpoint), str(target), "--height", "64", "--width", "32"]) == 0
    assert_same_tensors(target, tensors_of())
