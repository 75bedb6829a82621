"""Saving of networks and weights."""

from pathlib import Path

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing
from iaunet_tf.weights.names import state_dict


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Saves an `IAUNet` network as `.keras`, `.weights.h5`, or `.safetensors` with the authors' PyTorch names.

    Raises:
        InputError: the path has another suffix.
    """
    path = Path(path)
    if not path.name.endswith((".keras", ".weights.h5", ".safetensors")):
        raise InputError(f"{path}: must end in .keras, .weights.h5 or .safetensors")
    with replacing(path) as temporary:
        if path.suffix == ".keras":
            model.save(temporary)
        elif path.suffix == ".safetensors":
            from safetensors.numpy import save_file

            save_file(state_dict(model), temporary)
        else:
            model.save_weights(temporary)
