"""torchvision's original ResNet-50 weights for ImageNet, from the Hugging Face Hub."""

import hashlib
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
        InputError: the file does not exist, or the download failed or has the wrong checksum.
    """
    if str(weights) != "imagenet":
        if not Path(weights).is_file():
            raise InputError(f"{weights}: no such file")
        return Path(weights)
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


def _download(by_hand):
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # otherwise prints a line for every retry
    try:
        return Path(hf_hub_download(REPOSITORY, FILE, revision=REVISION))
    except Exception as error:  # any exception of the hub, its cache or the network means that the file is missing
        raise InputError(
            f"weights imagenet: {FILE} of {REPOSITORY} is not in the Hugging Face cache and cannot be downloaded "
            f"({type(error).__name__}); download it on another machine and put it at {by_hand}"
        ) from None
