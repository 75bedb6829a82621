"""torchvision's original ResNet-50 weights for ImageNet, from the Hugging Face Hub."""

import hashlib
import importlib.util
import os
from pathlib import Path

from iaunet_tf.errors import InputError

REPOSITORY, FILE = "timm/resnet50.tv_in1k", "model.safetensors"
REVISION = "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa"
SHA256 = "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888"
# Where the file can be placed manually.
BY_HAND = "~/.cache/iaunet_tf/resnet50.tv_in1k.safetensors"


def find_weights(weights: str | Path) -> Path:
    """Returns the path of a weights file; for `"imagenet"`, downloads it on first use.

    Raises:
        InputError: the file does not exist or there is no library for it, or the download failed or has the wrong
            checksum.
    """
    if not isinstance(weights, str | os.PathLike):
        raise InputError(f"weights must be a file; received {type(weights).__name__}")
    if str(weights) != "imagenet":
        path = Path(weights)
        if path.is_dir():
            inside = path / "model.keras"
            raise InputError(f"{path}: is a folder; name a file{f', such as {inside}' if inside.is_file() else ''}")
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        if not path.name.endswith((".safetensors", ".keras", ".h5")):
            require_torch(path)
        return path
    path = Path(BY_HAND).expanduser()
    if not path.is_file():
        path = _download(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        raise InputError(
            f"{path.resolve()}: is damaged or not {FILE} of {REPOSITORY}: its SHA-256 is {digest[:12]}..., not "
            f"{SHA256[:12]}...; delete it and try again"
        )
    return path


def require_torch(path: Path) -> None:
    """Makes sure that there is PyTorch for a file that needs it."""
    if importlib.util.find_spec("torch") is None:
        raise InputError(f"{path}: PyTorch files require torch (pip install torch); .safetensors files do not")


def _download(by_hand):
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # otherwise prints a line for every retry
    try:
        if not isinstance(try_to_load_from_cache(REPOSITORY, FILE, revision=REVISION), str):
            # Fails at once without a network; the download would try again for half a minute.
            get_hf_file_metadata(hf_hub_url(REPOSITORY, FILE, revision=REVISION), timeout=5)
        return Path(hf_hub_download(REPOSITORY, FILE, revision=REVISION))
    except Exception as error:  # any exception of the hub, its cache or the network means that the file is missing
        raise InputError(
            f"weights imagenet: {FILE} of {REPOSITORY} is not in the Hugging Face cache and cannot be downloaded "
            f"({type(error).__name__}); download it on another machine and put it at {by_hand}"
        ) from None
