"""Networks to export: from files, made ready for inference."""

from pathlib import Path

import keras
import numpy as np

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.metadata import Metadata


def load_network(source: str | Path) -> keras.Model:
    """Loads the final model of a run's folder, or a `.keras` file.

    Raises:
        InputError: there is none, it is damaged, or it is not a network of iaunet-tf.
    """
    path = Path(source)
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            raise InputError(f"{source}: holds no final model ({path.name}); finish the run by --resume {source}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever zipfile, h5py or Keras make of a damaged or foreign file
        raise InputError(f"{path}: damaged or no .keras file ({' '.join(str(error).split())[:160]})") from None
    outputs = model.output if isinstance(getattr(model, "output", None), dict) else {}
    if "embedding" not in outputs or len(model.inputs) != 1 or model.inputs[0].shape[-1] != 3:
        raise InputError(f"{path}: is not a network of iaunet-tf: it has no output embedding of pictures")
    return model


def describe(
    model: keras.Model, source: str | Path, layout: str = "image", dtype: str = "float32", unit_length: bool = True
) -> Metadata:
    """The metadata of a network's export."""
    shape = model.inputs[0].shape
    return Metadata(
        name=model.name,
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


def for_inference(model: keras.Model, preprocessing: bool = True) -> keras.Model:
    """A copy that gives the same embeddings faster: convolutions take in the batch norms behind them.

    Args:
        model: a network of iaunet-tf.
        preprocessing: False leaves normalisation to the caller.
    """
    folded = {}  # from convolution to the batch norm behind it
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if isinstance(before, keras.layers.Conv2D) and not before.use_bias:
                folded[before.name] = layer
    left_out = {layer.name for layer in folded.values()}
    if not preprocessing:
        left_out.add("preprocessing")

    def clone(layer):
        config = layer.get_config()
        if layer.name in folded:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in left_out else layer(*args, **kwargs)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer in model.layers:
        if layer.name in left_out or not layer.weights:
            continue
        weights = layer.get_weights()
        if layer.name in folded:
            norm = folded[layer.name]
            gamma, beta, mean, variance = (weight.astype("float64") for weight in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        copy.get_layer(layer.name).set_weights(weights)
    return copy
