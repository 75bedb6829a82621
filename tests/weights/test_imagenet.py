import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from iaunet_tf import IAUNet
from iaunet_tf.errors import InputError
from iaunet_tf.weights import find_weights, load_weights, save_weights
from iaunet_tf.weights.imagenet import BY_HAND, REVISION, SHA256

CONTENT = b"as if it were the weights"


def find_in_cache(home):
    """`find_weights("imagenet")` in a process whose home is `home`, offline; `CONTENT` passes for the right file."""
    environment = {**os.environ, "HOME": str(home), "HF_HOME": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    script = f"""
import sys
from iaunet_tf.weights import imagenet
imagenet.SHA256 = {hashlib.sha256(CONTENT).hexdigest()!r}
print(imagenet.find_weights("imagenet"), "keras" in sys.modules)
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


def test_revision_and_digest_are_whole():
    assert len(REVISION) == 40 and len(SHA256) == 64 and int(REVISION, 16) and int(SHA256, 16)


def test_other_names_are_files(tmp_path):
    with pytest.raises(InputError, match=r"gone\.pth: no such file"):
        find_weights("gone.pth")


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("block", ["iau", "ia", None])
def test_what_is_saved_is_loaded_without_torch(suffix, block, tmp_path):
    options = {"num_classes": 3, "input_shape": (64, 32, 3), "width": 0.25, "block": block}
    model = IAUNet(**options)
    save_weights(model, tmp_path / f"a{suffix}")
    again = IAUNet(**options)
    report = load_weights(again, tmp_path / f"a{suffix}", say=lambda line: None)
    assert not (report.missing or report.unexpected or report.skipped or report.warnings)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
