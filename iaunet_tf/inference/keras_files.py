"""Loading of networks from Keras files, and their metadata."""

from pathlib import Path

import keras

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.metadata import Metadata


def network_file(source: str | Path) -> Path:
    """Returns the path of a `.keras` file, or of the final model in the folder of a run."""
    path = Path(source)
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            raise InputError(f"{source}: contains no final model ({path.name}); finish the run with --resume {source}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def load_model(source: str | Path) -> keras.Model:
    """Loads a `.keras` file or the final model in the folder of a run."""
    path = network_file(source)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py and Keras raise various exceptions for damaged or foreign files
        raise InputError(f"{path}: damaged or not a .keras file ({' '.join(str(error).split())[:160]})") from None


def load_network(source: str | Path) -> keras.Model:
    """Loads a network that returns embeddings from a `.keras` file or the folder of a run."""
    model = load_model(source)
    outputs = model.output if isinstance(getattr(model, "output", None), dict) else {}
    if "embedding" not in outputs or len(model.inputs) != 1 or model.inputs[0].shape[-1] != 3:
        raise InputError(f"{source}: is not an iaunet-tf network: it does not take images or has no output embedding")
    return model


def describe(
    model: keras.Model,
    source: str | Path,
    layout: str = "image",
    dtype: str = "float32",
    unit_length: bool = True,
    name: str | None = None,
) -> Metadata:
    """Creates the metadata of a network or its export; see `Metadata` for the arguments."""
    shape = model.inputs[0].shape
    return Metadata(
        name=name or model.name,
        version=iaunet_tf.__version__,
        source=Path(source).name,
        video=len(shape) == 5,
        height=shape[-3],
        width=shape[-2],
        layout=layout,
        dtype=dtype,
        embedding=model.output["embedding"].shape[-1],
        unit_length=unit_length,
    )
