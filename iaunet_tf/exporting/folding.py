"""Batch norms that become a part of the convolutions before them."""

from collections import Counter

import keras
import numpy as np

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


def fold(convolution: keras.Layer, norm: keras.layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of a convolution that computes what it and the batch norm behind it compute."""
    kernel, *bias = (weight.astype("float64") for weight in convolution.get_weights())
    mean, variance = (np.array(weight, "float64") for weight in (norm.moving_mean, norm.moving_variance))
    scale = (np.array(norm.gamma, "float64") if norm.scale else 1) / np.sqrt(variance + norm.epsilon)
    shift = np.array(norm.beta, "float64") if norm.center else 0
    # The last axis of a kernel is that of the outputs; in a depthwise one (height, width, inputs, multiplier) the last
    # two together are.
    depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
    factors = scale.reshape(kernel.shape[2:]) if depthwise else scale
    return [kernel * factors, (sum(bias) - mean) * scale + shift]
