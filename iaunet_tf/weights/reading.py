"""Safe reading of state dictionaries, without running any code in the files."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.weights.finding import require_torch
from iaunet_tf.weights.names import canonical, prefixes, state_dict

# Prefixes of a second network that follows the first one.
FOLLOWERS = re.compile("ema|encoder_k|momentum|teacher")


def read_state_dict(path: str | Path) -> tuple[dict[str, np.ndarray], str]:
    """Reads a PyTorch, safetensors or `.keras` file: arrays in PyTorch's layout by the authors' names (in image
    networks), and what was stripped from the names: dictionaries and modules around the network."""
    path = Path(path)
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    elif path.suffix == ".keras":
        content = _read_keras(path)
    elif path.suffix == ".h5":
        raise InputError(f"{path}: .weights.h5 files do not name the network; take its .keras file")
    else:
        content = _read_pytorch(path)
    tensors, outer, prefix = _network(path, content)
    names, _ = canonical(tensors, prefix)
    arrays = (_array(f"{path}: {name}", tensor) for name, tensor in tensors.items())
    return dict(zip(names, arrays, strict=True)), outer + prefix


def _network(path, content):
    """The dictionary of tensors that holds the network, where it was found, and the prefix of its names."""
    found = []
    for outer, tensors in _dictionaries(content, "", 5):
        found += ((count, outer, prefix, tensors) for prefix, count in prefixes(tensors).items())
    if not found:
        raise InputError(f"{path}: contains no tensors")
    most = max(count for count, *_ in found)
    if most:
        found = [each for each in found if each[0] == most]
        found = [each for each in found if not FOLLOWERS.search(each[1] + each[2])] or found
        if len(found) > 1:
            several = ", ".join(outer + prefix for _, outer, prefix, _ in found)
            raise InputError(f"{path}: contains {len(found)} networks ({several:.160}); save one of them alone")
    _, outer, prefix, tensors = max(found, key=lambda each: len(each[3]))
    return tensors, outer, prefix


def _dictionaries(content, outer, depth) -> Iterator[tuple[str, dict]]:
    """All dictionaries of tensors within dictionaries and lists, and where they are, such as `state_dict.`."""
    if isinstance(content, list | tuple):
        content = dict(enumerate(content))
    if not isinstance(content, dict) or not depth:  # a pickle may contain itself
        return
    tensors = {
        str(name): value for name, value in content.items() if hasattr(value, "dtype") and hasattr(value, "ndim")
    }
    if tensors:
        yield outer, tensors
    for name, value in content.items():
        yield from _dictionaries(value, f"{outer}{name}.", depth - 1)


def _array(name, tensor):
    """A tensor as an array; floating point becomes float32, for NumPy has no bfloat16, float8 and quantised types."""
    if isinstance(tensor, np.ndarray):
        return tensor.astype("float32") if tensor.dtype.name == "bfloat16" else tensor
    try:
        tensor = tensor.detach()
        tensor = tensor.dequantize() if tensor.is_quantized else tensor.to_dense()
        return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    except Exception as error:  # PyTorch has many kinds of tensors, some without numbers
        raise InputError(f"{name}: a tensor of {tensor.dtype} that cannot be read ({reason_of(error)})") from None


def _read_safetensors(path):
    import ml_dtypes  # noqa: F401  makes bfloat16 known to NumPy
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dictionary
    except Exception as error:  # safetensors, or Python for data types that NumPy does not have
        raise InputError(f"{path}: not a readable safetensors file ({reason_of(error)})") from None


def _read_keras(path):
    from iaunet_tf.weights.keras_files import read_keras

    return state_dict(read_keras(path))


def _read_pytorch(path):
    require_torch(path)
    import pickle

    import torch

    # Training scripts store scores alongside the weights as NumPy scalars.
    scalars = [
        (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
        np._core.multiarray.scalar,
        np.dtype,
        *(getattr(np.dtypes, f"{kind}DType") for kind in ("Float32", "Float64", "Int32", "Int64")),
    ]
    try:
        with torch.serialization.safe_globals(scalars):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]*\w)", str(error))
        what = f"contains {named[1]}, not weights alone" if named else "contains more than weights or is damaged"
        raise InputError(f"{path}: refused, nothing was run: {what}; save the network's state_dict()") from None
    except Exception as error:  # zip, tar and pickle readers raise various exceptions
        program = "TorchScript" in str(error)
        what = "a TorchScript program; save its state_dict()" if program else f"damaged ({reason_of(error)})"
        raise InputError(f"{path}: not a PyTorch checkpoint but {what}") from None
