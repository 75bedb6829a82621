"""Networks in Keras files, and what is to be said of them."""

from pathlib import Path

import keras

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.metadata import Metadata


def network_file(source: str | Path) -> Path:
    """The final model of a run's folder, or a `.keras` file itself.

    Raises:
        InputError: there is none.
    """
    path = Path(source)
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            raise InputError(f"{source}: holds no final model ({path.name}); finish the run by --resume {source}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def load_model(source: str | Path) -> keras.Model:
    """Loads the final model of a run's folder, or a `.keras` file.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = network_file(source)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever zipfile, h5py or Keras make of a damaged or foreign file
        raise InputError(f"{path}: damaged or no .keras file ({' '.join(str(error).split())[:160]})") from None


def load_network(source: str | Path) -> keras.Model:
    """The same, of a network that embeds.

    Raises:
        InputError: as `load_model`, or it is not a network of iaunet-tf.
    """
    model = load_model(source)
    outputs = model.output if isinstance(getattr(model, "output", None), dict) else {}
    if "embedding" not in outputs or len(model.inputs) != 1 or model.inputs[0].shape[-1] != 3:
        raise InputError(f"{source}: is not a network of iaunet-tf: it has no output embedding of pictures")
    return model


def describe(
    model: keras.Model,
    source: str | Path,
    layout: str = "image",
    dtype: str = "float32",
    unit_length: bool = True,
    name: str | None = None,
) -> Metadata:
    """The metadata of a network, or of its export; see `Metadata`."""
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
