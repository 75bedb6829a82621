"""Saving of networks and weights."""

import os
from pathlib import Path

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.files import allocate, replacing
from iaunet_tf.weights.names import state_dict


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Saves an `IAUNet` network as `.keras`, `.weights.h5`, or `.safetensors` with the authors' PyTorch names.

    Raises:
        InputError: the path has another suffix.
    """
    path = check_target(path)
    if not isinstance(model, keras.Model) or not model.built:
        raise InputError(f"save_weights takes a keras.Model that is built; received {type(model).__name__}")
    with replacing(path) as temporary:
        if path.suffix == ".keras":
            model.save(temporary)
        elif path.suffix == ".safetensors":
            from safetensors.numpy import save_file

            save_file(state_dict(model), temporary)
        else:
            temporary.touch()  # HDF5 crashes on a full disk, so there is to be space, also for its own structures
            allocate(temporary, 0, 2**20 + sum(weight.nbytes for weight in model.get_weights()))
            model.save_weights(temporary)


def check_target(path: str | Path) -> Path:
    """Makes sure that the path is one for weights."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"the path must be a file; received {type(path).__name__}")
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    if not path.name.endswith((".keras", ".weights.h5", ".safetensors")):
        raise InputError(f"{path}: must end in .keras, .weights.h5 or .safetensors")
    return path
