"""Networks made ready for inference."""

from collections.abc import Callable

import keras
import numpy as np

from iaunet_tf.layers import IAUBlock
from iaunet_tf.metadata import Metadata


def embedding_function(network: keras.Model, metadata: Metadata, outputs: tuple[str, ...] = ("embedding",)) -> Callable:
    """What an exported network computes, as a function of TensorFlow tensors.

    Args:
        network: of `for_inference`, with preprocessing unless the layout is tracker.
        metadata: how pixels come, and whether embeddings leave with length 1.
        outputs: names of the network's outputs.

    Returns:
        From pixels to a dictionary of the outputs.
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
    """A copy that gives the same embeddings faster: convolutions take in the batch norms behind them.

    Args:
        model: a network of iaunet-tf.
        preprocessing: False leaves normalisation to the caller.
        half: convolutions and what lies between them in float16; what needs float32, above all the channel
            attention, whose logits overflow and whose softmax is nearly one-hot, remains so as in mixed precision.
        loops: False computes a clip's channel attention at once instead of in a loop over blocks of its rows; memory
            then grows with the square of the number of frames.
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
