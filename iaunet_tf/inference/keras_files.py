"""Loading of networks from Keras files, and their metadata."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

import iaunet_tf
from iaunet_tf.errors import InputError
from iaunet_tf.layers import Preprocessing
from iaunet_tf.metadata import Metadata
from iaunet_tf.models import from_pretrained
from iaunet_tf.models.folding import inference
from iaunet_tf.models.network import Network
from iaunet_tf.run import Run
from iaunet_tf.weights import find_weights
from iaunet_tf.weights.keras_files import read_keras
from iaunet_tf.weights.pretrained import is_published


def network_file(source: str | Path) -> Path:
    """Returns the path of a `.keras` file, of the final model in the folder of a run, or of a published network's
    weights."""
    if is_published(source):
        return find_weights(str(source))
    path = Path(source)
    if path.is_dir():
        run, path = Run(path), Run(path).model
        if run.network.is_file():
            run.require()
        if not run.config.is_file() and not path.is_file():
            raise InputError(f"{source}: is not a run folder (it holds no {run.config.name})")
        if run.fold(0).path.is_dir():
            raise InputError(f"{source}: holds a run for each fold; take one of them, such as {run.fold(0).path}")
        if not path.is_file():
            Run(Path(source)).require()
            raise InputError(f"{source}: contains no final model ({path.name}); finish the run with --resume {source}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def load_network(source: str | Path) -> keras.Model:
    """Loads a network that returns embeddings: a published one by its name, a `.keras` file, or that of a run."""
    if is_published(source):
        return from_pretrained(str(source))
    return check_network(read_keras(network_file(source)), source)


def check_network(model: object, name: object) -> keras.Model:
    """Returns a model if it is one that embeds images or clips; messages call it by `name`."""
    inputs, output = getattr(model, "inputs", None) or [], getattr(model, "output", None)
    shape = tuple(inputs[0].shape) if len(inputs) == 1 else ()
    embedding = getattr(output.get("embedding"), "shape", ()) if isinstance(output, dict) else ()
    sized = len(shape) in (4, 5) and shape[-1] == 3 and None not in shape[-3:]
    if not isinstance(model, keras.Model) or not sized or len(embedding) != 2 or embedding[1] is None:
        raise InputError(
            f"{name}: is not an iaunet-tf network, a Keras model with one input, images (batch, height, width, 3) or "
            'clips, of fixed height and width, and a dictionary of outputs with "embedding" (batch, D)'
        )
    if isinstance(model, Network) and not any(
        isinstance(layer, Preprocessing | keras.layers.Rescaling) for layer in model.layers
    ):
        raise InputError(
            f"{name}: was built without preprocessing, and would take pixels in 0..255 for normalised ones; build "
            "it with include_preprocessing=True and give that the weights of this one by set_weights(get_weights())"
        )
    return model


def interpolation_of(model: keras.Model) -> str:
    """How images are resized for a network; bicubically for one that does not say it."""
    return getattr(_preprocessing(model), "interpolation", "bicubic")


def scale_of(model: keras.Model) -> str:
    """How a network normalises pixels, a key of `iaunet_tf.preprocessing.SCALES`."""
    return getattr(_preprocessing(model), "normalisation", "imagenet")


def _preprocessing(model):
    """The first layer of a network, of older ones None: they take ImageNet's normalisation."""
    return next((layer for layer in model.layers if isinstance(layer, Preprocessing)), None)


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
    try:
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
            interpolation=interpolation_of(model),
            scale="imagenet" if layout == "tracker" else "none",  # trackers know no other
        )
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def compiled(model: keras.Model) -> Callable[[np.ndarray], object]:
    """From pixels to the embeddings that a network has with its present weights; compiled on TensorFlow, where that
    takes a fifth of the time or less for single images."""
    if keras.backend.backend() != "tensorflow":
        return lambda pixels: model(pixels, training=False)["embedding"]
    import tensorflow as tf

    network, shape = inference(model), model.inputs[0].shape
    # Clips of one length are fastest, and there may be many lengths: TensorFlow compiles anew for the first few.
    options = {"reduce_retracing": True} if len(shape) == 5 else {"input_signature": [tf.TensorSpec(shape, "float32")]}
    function = tf.function(lambda pixels: network(pixels)["embedding"], autograph=False, **options)
    return lambda pixels: function(tf.constant(pixels, "float32"))
