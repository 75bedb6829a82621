"""Preparation of networks for inference."""

from collections.abc import Callable

import keras
import numpy as np

from iaunet_tf.layers import GeM, IAUBlock
from iaunet_tf.metadata import Metadata
from iaunet_tf.models.folding import fold, foldable
from iaunet_tf.models.network import set_weights
from iaunet_tf.preprocessing import SCALES

# Kernels of these are stored in float16; other layers compute in it, with float32 variables.
KERNELS = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
# The powers of generalised means overflow float16.
FLOAT32 = GeM


def embedding_function(
    network: keras.Model, metadata: Metadata, outputs: tuple[str, ...] = ("embedding",), undone: str = "none"
) -> Callable:
    """What an exported network computes: a function from pixels to a dictionary of float32 outputs.

    Args:
        network: result of `for_inference`, with preprocessing unless the caller normalises.
        metadata: layout of the pixels, and whether embeddings are normalised to unit length.
        outputs: names of the network outputs to return.
        undone: the scale of pixels that is taken back, where the caller's is not the network's own.
    """
    import tensorflow as tf

    mean, std = (np.array(each, "float32") for each in SCALES[undone])

    def embed(pixels):
        pixels = tf.cast(pixels, "float32")
        if metadata.channels_first:
            pixels = tf.transpose(pixels, (0, 2, 3, 1))
        if undone != "none":
            pixels = 255 * (pixels * std + mean)
        given = network(pixels, training=False)
        result = {name: tf.cast(given[name], "float32") for name in outputs}
        if metadata.unit_length:
            result["embedding"] = tf.math.l2_normalize(result["embedding"], axis=-1)
        return result

    return embed


def in_float32(model: keras.Model) -> keras.Model:
    """A network as it is, or a copy that computes in float32 of one that was trained in mixed precision: few runtimes
    know bfloat16."""
    if all(layer.compute_dtype == "float32" for layer in model._flatten_layers(include_self=False)):
        return model

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.Layer):
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    set_weights(copy, model.get_weights())
    return copy


def for_inference(
    model: keras.Model, preprocessing: bool = True, half: bool = False, loops: bool = True
) -> keras.Model:
    """Copies a network for faster inference by folding batch norms into the preceding convolutions.

    Args:
        model: an iaunet-tf network; the copy has the same embeddings.
        preprocessing: whether the copy normalises pixels; if False, the caller does.
        half: use float16 in and between the convolutions. What needs float32 keeps it, in
            particular the channel attention, whose logits overflow and whose softmax is nearly one-hot.
        loops: whether the channel attention of clips may loop over blocks of rows; if False, it is
            computed at once, and memory grows with the square of the number of frames.
    """
    folded = foldable(model)
    left_out = set(folded.values())
    if not preprocessing:
        left_out |= {layer for layer in model.layers if layer.name == "preprocessing"}
    copies = {}  # and what they are of

    def clone(layer):
        config = layer.get_config()
        if layer in folded:
            config["use_bias"] = True
        if not loops and isinstance(layer, IAUBlock):
            config["rows"] = "all"
        if half and isinstance(layer, keras.Layer) and not isinstance(layer, FLOAT32):
            config["dtype"] = "float16" if isinstance(layer, KERNELS) else "mixed_float16"
        copy = type(layer).from_config(config)
        copies[copy] = layer
        return copy

    def call(copy, *args, **kwargs):
        return args[0] if copies.get(copy) in left_out else copy(*args, **kwargs)

    # Networks of keras.applications are in the network as one layer, which is copied layer by layer, too.
    network = keras.models.clone_model(model, clone_function=clone, call_function=call, recursive=True)
    for copy, layer in copies.items():
        if layer not in left_out and isinstance(layer, keras.Layer) and layer.weights:
            set_weights(copy, list(fold(layer, folded[layer])) if layer in folded else layer.get_weights())
        if isinstance(copy, keras.layers.Normalization):  # whose statistics would become inputs of an ONNX file
            copy.mean, copy.variance = np.array(copy.mean), np.array(copy.variance)
    return network
