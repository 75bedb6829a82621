import hashlib
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import save_file

from iaunet_tf import IAUNet
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.models.networks import NETWORKS
from iaunet_tf.weights import find_weights, load_weights, save_weights
from iaunet_tf.weights.pretrained import PRETRAINED

CONTENT = b"as if it were the weights"
BY_HAND, REVISION = PRETRAINED["imagenet"].by_hand, PRETRAINED["imagenet"].hub[1]


def find_in_cache(home, **more):
    """`find_weights("imagenet")` in a process whose home is `home`, offline; `CONTENT` passes for the right file."""
    environment = {**os.environ, "HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1", **more}
    script = f"""
import dataclasses, sys
from iaunet_tf.weights import find_weights
from iaunet_tf.weights.pretrained import PRETRAINED
digest = {hashlib.sha256(CONTENT).hexdigest()!r}
PRETRAINED["imagenet"] = dataclasses.replace(PRETRAINED["imagenet"], sha256=digest)
print(find_weights("imagenet"), "keras" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def put_into_hub_cache(home, content):
    repository = home / "hub" / "hub" / "models--timm--resnet50.tv_in1k"
    for folder in ("blobs", f"snapshots/{REVISION}"):
        (repository / folder).mkdir(parents=True, exist_ok=True)
    blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    link = repository / "snapshots" / REVISION / "model.safetensors"
    link.symlink_to(blob)
    return link, blob


def test_without_network_and_cache_one_line_says_where_the_file_goes(tmp_path):
    message = find_in_cache(tmp_path)
    assert "timm/resnet50.tv_in1k is not in the Hugging Face cache" in message
    assert message.endswith(f"put it at {BY_HAND.replace('~', str(tmp_path))}")


def test_server_out_of_reach_is_noticed_at_once(tmp_path):
    start = time.monotonic()
    message = find_in_cache(tmp_path, HF_HUB_OFFLINE="0", HF_ENDPOINT="http://127.0.0.1:9")
    assert "cannot be downloaded (ConnectError)" in message and "put it at" in message
    assert time.monotonic() - start < 15


def test_file_put_there_by_hand_is_taken_if_it_is_the_right_one(tmp_path):
    path = tmp_path / BY_HAND.removeprefix("~/")
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert find_in_cache(tmp_path) == [str(path), "False"]
    path.write_bytes(CONTENT[:-1])
    assert f"{path}: is damaged or not model.safetensors of timm/resnet50.tv_in1k" in find_in_cache(tmp_path)


def test_file_in_the_hubs_cache_is_checked_by_its_digest(tmp_path):
    link, blob = put_into_hub_cache(tmp_path, CONTENT)
    assert find_in_cache(tmp_path) == [str(link), "False"]
    blob.write_bytes(CONTENT + b"x")
    assert "its SHA-256 is" in find_in_cache(tmp_path)


@pytest.mark.parametrize("name", PRETRAINED)
def test_entries_of_the_table_are_whole(name):
    entry = PRETRAINED[name]
    assert entry.network in NETWORKS and entry.page and entry.licence and entry.trained_on
    assert entry.start or entry.figures
    assert entry.sha256 is None or (len(entry.sha256) == 64 and int(entry.sha256, 16) and entry.hub)
    assert entry.hub is None or (len(entry.hub[1]) == 40 and int(entry.hub[1], 16))
    assert len({other.by_hand for other in PRETRAINED.values()}) == len(PRETRAINED)


def test_without_a_digest_a_file_is_not_downloaded_but_taken_where_it_was_put(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("iaunet_tf.weights.finding.require_torch", lambda path: None)
    file = tmp_path / ".cache" / "iaunet_tf" / "market_bot_R50.pth"
    with pytest.raises(InputError, match=rf"no digest of market_bot_R50\.pth is known.*fetch it from https.*{file}"):
        find_weights("bagtricks_R50_market1501")
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    assert find_weights("bagtricks_R50_market1501") == file


def test_other_names_are_files(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.keras").touch()
    (tmp_path / "a.pth").touch()
    monkeypatch.setitem(sys.modules, "torch", None)
    for name, message in (
        ("gone.pth", r"gone\.pth: no such file"),
        (tmp_path, "is a folder; name a file$"),
        (tmp_path / "run", r"is a folder; name a file, such as .*/run/model\.keras"),
        (tmp_path / "a.pth", r"a\.pth: PyTorch files require torch \(pip install torch\)"),
    ):
        with pytest.raises(InputError, match=message):
            find_weights(name)


def test_weights_that_do_not_fit_are_noticed_before_data_are_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    files = {name: tmp_path / f"{name}.safetensors" for name in ("other", "basic", "wide")}
    basic = {"layer1.0.conv1.weight": np.zeros((2, 2, 3, 3)), "conv1.weight": np.zeros((2, 3, 7, 7))}
    save_file({"encoder.weight": np.zeros(3)}, files["other"])
    save_file(basic, files["basic"])
    save_file({**basic, "layer1.0.conv3.weight": np.zeros(3)}, files["wide"])
    (tmp_path / "a.pth").touch()
    for file, message in (
        (files["other"], "has another architecture: its tensors are named like encoder.weight"),
        (files["basic"], "has another architecture: it looks like a ResNet of basic blocks"),
        (files["wide"], "conv1.weight is (2, 3, 7, 7), and (64, 3, 7, 7) in a network of model.width 1"),
        (tmp_path / "a.pth", "require torch"),
    ):
        words = ["--model.weights", str(file), "--data.root", str(tmp_path / "data"), "--model.width", "1"]
        assert main(["train", *words, "--run_dir", str(tmp_path / "run")]) == 1
        printed = capsys.readouterr()
        assert message in printed.err and printed.err.count("\n") == 1 and "identities" not in printed.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.pth",
        *(f"{name}.safetensors" for name in sorted(files)),
    ]


@pytest.mark.parametrize("block", ["iau", "ia", None])
def test_what_is_saved_is_loaded_without_torch(block, tmp_path):
    options = {"num_classes": 3, "input_shape": (64, 32, 3), "width": 0.25, "block": block, "depths": (1, 1, 1, 1)}
    model, again = IAUNet(**options), IAUNet(**options)
    for suffix in (".keras", ".weights.h5", ".safetensors"):
        again.set_weights([np.zeros_like(each) for each in model.get_weights()])
        save_weights(model, tmp_path / f"a{suffix}")
        report = load_weights(again, tmp_path / f"a{suffix}", say=lambda line: None)
        assert not (report.missing or report.unexpected or report.skipped or report.warnings)
        for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=suffix)
