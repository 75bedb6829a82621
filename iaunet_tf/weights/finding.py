"""Files of weights: one that is named, or one of the table of published networks, downloaded on first use."""

import hashlib
import importlib.util
import os
from pathlib import Path

from iaunet_tf.errors import InputError
from iaunet_tf.weights.pretrained import PRETRAINED, Pretrained
from iaunet_tf.wording import did_you_mean


def find_weights(weights: str | os.PathLike) -> Path:
    """Returns the path of a weights file; for a name of `PRETRAINED`, such as `"imagenet"`, downloads it on first use.

    Raises:
        InputError: the file does not exist or there is no library for it, or the download failed or has the wrong
            checksum, or there is no download because no checksum is known.
    """
    if not isinstance(weights, str | os.PathLike):
        raise InputError(f"weights must be a file; received {type(weights).__name__}")
    if str(weights) in PRETRAINED:
        return _published(str(weights), PRETRAINED[str(weights)])
    path = Path(weights)
    if path.is_dir():
        inside = path / "model.keras"
        raise InputError(f"{path}: is a folder; name a file{f', such as {inside}' if inside.is_file() else ''}")
    if not path.is_file():
        raise InputError(f"{path}: no such file{did_you_mean(str(weights), PRETRAINED)}")
    if not path.name.endswith((".safetensors", ".keras", ".h5")):
        require_torch(path)
    return path


def require_torch(path: Path) -> None:
    """Makes sure that there is PyTorch for a file that needs it."""
    if importlib.util.find_spec("torch") is None:
        raise InputError(f"{path}: PyTorch files require torch (pip install torch); .safetensors files do not")


def _published(name, entry: Pretrained):
    if not entry.file.endswith(".safetensors"):
        require_torch(Path(entry.file))
    path = Path(entry.by_hand).expanduser()
    if not path.is_file():
        if entry.sha256 is None:
            raise InputError(
                f"weights {name}: no digest of {entry.file} is known, so that it is not downloaded; fetch it from "
                f"{entry.page} and put it at {path}"
            )
        path = _download(name, entry, path)
    if entry.sha256 is not None and (digest := hashlib.sha256(path.read_bytes()).hexdigest()) != entry.sha256:
        raise InputError(
            f"{path.resolve()}: is damaged or not {entry.file} of {entry.repository}: its SHA-256 is {digest[:12]}..., "
            f"not {entry.sha256[:12]}...; delete it and try again"
        )
    return path


def _download(name, entry, by_hand):
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # otherwise prints a line for every retry
    repository, revision = entry.hub
    try:
        if not isinstance(try_to_load_from_cache(repository, entry.file, revision=revision), str):
            # Fails at once without a network; the download would try again for half a minute.
            get_hf_file_metadata(hf_hub_url(repository, entry.file, revision=revision), timeout=5)
        return Path(hf_hub_download(repository, entry.file, revision=revision))
    except Exception as error:  # any exception of the hub, its cache or the network means that the file is missing
        raise InputError(
            f"weights {name}: {entry.file} of {repository} is not in the Hugging Face cache and cannot be downloaded "
            f"({type(error).__name__}); download it on another machine and put it at {by_hand}"
        ) from None
