"""Reading of `.keras` files, without running any code in them."""

from pathlib import Path

import keras

from iaunet_tf.errors import InputError, reason_of


def read_keras(path: str | Path) -> keras.Model:
    """Loads the network in a `.keras` file."""
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, h5py and Keras raise various exceptions for damaged or foreign files
        raise InputError(f"{path}: damaged or not a .keras file ({reason_of(error)})") from None
