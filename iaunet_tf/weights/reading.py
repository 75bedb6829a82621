"""Safe reading of state dictionaries, without running any code in the files."""

from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.weights.names import state_dict


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a PyTorch, safetensors or `.keras` file: arrays in PyTorch's layout and names.

    `weights_only=True` refuses files that would run code. `{"state_dict": ...}` is unwrapped.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    readers = {".safetensors": _read_safetensors, ".keras": _read_keras}
    state = readers.get(path.suffix, _read_pytorch)(path)
    if not state:
        raise InputError(f"{path}: contains no tensors")
    return state


def _read_safetensors(path):
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({_line(error)})") from None


def _read_keras(path):
    import keras

    try:
        model = keras.models.load_model(path)
    except Exception as error:  # zipfile, h5py and Keras raise various exceptions for damaged files
        raise InputError(f"{path}: damaged or not a .keras file ({_line(error)})") from None
    return state_dict(model)


def _read_pytorch(path):
    try:
        import torch
    except ImportError:
        raise InputError(
            f"{path}: PyTorch files require torch (pip install torch); .safetensors files do not"
        ) from None
    import pickle

    # Training scripts store scores alongside the weights as NumPy scalars.
    scalars = [
        (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
        np._core.multiarray.scalar,
        np.dtype,
        *(getattr(np.dtypes, f"{kind}DType") for kind in ("Float32", "Float64", "Int32", "Int64")),
    ]
    try:
        with torch.serialization.safe_globals(scalars):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused without running any code: contains more than weights or is damaged ({_line(error)})"
        ) from None
    except Exception as error:  # zip, tar and pickle readers raise various exceptions
        raise InputError(f"{path}: damaged or not a PyTorch checkpoint ({_line(error)})") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise InputError(f"{path}: contains a {type(content).__name__}, not a dictionary of tensors")
    return {  # NumPy does not support bfloat16
        name: (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }


def _line(error):
    return " ".join(str(error).split())[:160]
