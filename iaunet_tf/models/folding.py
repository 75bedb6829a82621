"""Batch norms that become a part of the convolutions before them."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import keras
from keras import ops

CONVOLUTIONS = keras.layers.Conv2D | keras.layers.DepthwiseConv2D


def foldable(model: keras.Model) -> dict[keras.Layer, keras.Layer]:
    """From each convolution of a functional model, and of those that are layers of it, to the batch norm that can be
    folded into it: the only one to read it. Layers that are used several times are left alone."""
    inner = (layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, keras.Model))
    graphs = [graph for graph in (model, *inner) if hasattr(graph, "operations")]
    nodes = [node for graph in graphs for depth in graph._nodes_by_depth.values() for node in depth]
    outputs = [tensor for graph in graphs for tensor in graph.outputs]
    uses = Counter(node.operation for node in nodes)
    reads = Counter(id(tensor) for tensor in [*outputs, *(tensor for node in nodes for tensor in node.input_tensors)])
    sources = {id(tensor): node.operation for node in nodes for tensor in node.output_tensors}

    def fits(convolution, norm):
        return (
            isinstance(convolution, CONVOLUTIONS)
            and convolution.activation is keras.activations.linear
            and convolution.data_format == "channels_last"
            and norm.axis in (-1, 3)
            and uses[convolution] == uses[norm] == 1
        )

    found = {}
    for node in nodes:
        if isinstance(norm := node.operation, keras.layers.BatchNormalization):
            (tensor,) = node.input_tensors
            if reads[id(tensor)] == 1 and fits(convolution := sources[id(tensor)], norm):
                found[convolution] = norm
    return found


def fold(convolution: keras.Layer, norm: keras.layers.BatchNormalization) -> tuple:
    """Kernel and bias, float32, of a convolution that computes what it and the batch norm behind it compute."""
    kernel, *bias = (weight.value for weight in convolution.weights)
    scale = ops.rsqrt(norm.moving_variance.value + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma.value
    shift = (sum(bias) - norm.moving_mean.value) * scale
    if norm.center:
        shift = shift + norm.beta.value
    # The last axis of a kernel is that of the outputs; in a depthwise one (height, width, inputs, multiplier) the last
    # two together are.
    depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    return kernel * (ops.reshape(scale, kernel.shape[2:]) if depthwise else scale), shift


def inference(model: keras.Model) -> Callable:
    """What a functional model computes in inference, by fewer operations: a function of its input that follows changes
    of the weights."""
    folded = foldable(model)
    norms = set(folded.values())

    def operation(layer):
        if layer in norms:
            return lambda x, **_: x
        if layer in folded:
            return partial(_convolve, layer, folded[layer])
        return partial(run, layer) if isinstance(layer, keras.Model) and hasattr(layer, "operations") else layer

    def run(graph, inputs, **_):
        # Layers that are not told that they are trained are not.
        return graph._run_through_graph(inputs, operation)

    return partial(run, model)


def _convolve(convolution, norm, x, **_):
    kernel, bias = (ops.cast(value, convolution.compute_dtype) for value in fold(convolution, norm))
    x = ops.cast(x, convolution.compute_dtype)
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        options = (convolution.strides, convolution.padding, convolution.data_format, convolution.dilation_rate)
        y = ops.depthwise_conv(x, kernel, *options)
    else:
        y = convolution.convolution_op(x, kernel)
    return ops.cast(y + ops.reshape(bias, (1, 1, 1, -1)), norm.compute_dtype)
