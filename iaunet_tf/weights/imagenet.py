"""torchvision's original ResNet-50 weights for ImageNet, from the Hugging Face hub."""

import hashlib
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError

REPOSITORY, REVISION, FILE = "timm/resnet50.tv_in1k", "main", "model.safetensors"
# Where the file may be put by hand.
BY_HAND = "~/.cache/iaunet_tf/resnet50.tv_in1k.safetensors"
# First and last three numbers of the first row of the first filter, as everybody prints them: they tell the original
# weights from the repository's many other ResNet-50s, whatever the file that holds them.
FIRST_ROW = [1.3335e-02, 1.4664e-02, -1.5351e-02, -4.0896e-02, -4.3034e-02, -7.0755e-02]


def find_weights(weights: str | Path) -> Path:
    """The file that `weights` means: its path, or for `"imagenet"` a file that is downloaded once.

    Raises:
        InputError: there is no such file, or the download failed or is not what it should be.
    """
    if str(weights) != "imagenet":
        if not Path(weights).is_file():
            raise InputError(f"{weights}: no such file")
        return Path(weights)
    path = Path(BY_HAND).expanduser()
    if not path.is_file():
        path = _download(path)
    _check_first_filter(path)
    return path


def _download(by_hand):
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # a line for every retry otherwise
    try:
        path = Path(hf_hub_download(REPOSITORY, FILE, revision=REVISION))
    except Exception as error:  # of the hub, its cache, or the network: all mean that there is no file
        reason = type(error).__name__
        raise InputError(
            f"weights imagenet: {FILE} of {REPOSITORY} is not in the Hugging Face cache and cannot be downloaded "
            f"({reason}); fetch it on another machine and put it at {by_hand}"
        ) from None
    # The hub names large files by their SHA-256.
    blob = path.resolve()
    digest = hashlib.sha256(blob.read_bytes()).hexdigest()
    if digest != blob.name and len(blob.name) == 64:
        raise InputError(f"{blob}: is damaged, its SHA-256 is {digest[:16]}...; delete it and try again")
    return path


def _check_first_filter(path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            row = file.get_tensor("conv1.weight")[0, 0, 0]
    except (SafetensorError, OSError, IndexError) as error:
        raise InputError(f"{path}: is damaged or no ResNet-50 ({' '.join(str(error).split())[:120]})") from None
    if not np.allclose(row[[0, 1, 2, -3, -2, -1]], FIRST_ROW, rtol=1e-4):
        raise InputError(f"{path}: holds other weights than torchvision's first ResNet-50 ({REPOSITORY}); delete it")
