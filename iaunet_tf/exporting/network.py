"""Preparation of networks for inference."""

from collections.abc import Callable

import keras
import numpy as np

from iaunet_tf.layers import IAUBlock
from iaunet_tf.metadata import Metadata


def embedding_function(network: keras.Model, metadata: Metadata, outputs: tuple[str, ...] = ("embedding",)) -> Callable:
    """What an exported network computes: a function from pixels to a dictionary of float32 outputs.

    Args:
        network: result of `for_inference`, with preprocessing unless the caller normalises.
        metadata: layout of the pixels, and whether embeddings are normalised to unit length.
        outputs: names of the network outputs to return.
    """
    import tensorflow as tf

    def embed(pixels):
        if metadata.layout == "tracker":
            pixels = tf.transpose(pixels, (0, 2, 3, 1))
        given = network(tf.cast(pixels, "float32"), training=False)
        result = {name: tf.cast(given[name], "float32") for name in outputs}
        if metadata.unit_length:
            result["embedding"] = tf.math.l2_normalize(result["embedding"], axis=-1)
        return result

    return embed


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
    folded = {}  # from the name of a convolution to the batch norm after it
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
        if not loops and isinstance(layer, IAUBlock):
            config["rows"] = "all"
        if half:
            config["dtype"] = "float16" if isinstance(layer, keras.layers.Conv2D) else "mixed_float16"
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
