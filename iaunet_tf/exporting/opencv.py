"""Rewriting of ONNX graphs for OpenCV's DNN module, which BoxMOT falls back on."""

import numpy as np


def for_opencv(graph) -> None:
    """Replaces, in place, what OpenCV 4.14 does not read or reads wrongly by the same of other operations.

    - Constants of true and false, which it refuses, become numbers where all that is done to them is known before.
    - Of the two axes of a global average it removes only one: they are flattened instead.
    - Axes are added one by one.

    Args:
        graph: an `onnx.GraphProto`.
    """
    from onnx import TensorProto, helper, numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    averages = {output for node in graph.node if node.op_type == "GlobalAveragePool" for output in node.output}
    nodes = []
    for node in graph.node:
        given = [constants.get(name) for name in node.input]
        first = given[0] if given else None
        if node.op_type in ("Not", "Cast") and first is not None and first.data_type == TensorProto.BOOL:
            values = numpy_helper.to_array(first)
            kind = np.dtype("bool")
            if node.op_type == "Cast":
                kind = helper.tensor_dtype_to_np_dtype(helper.get_node_attr_value(node, "to"))
            values = (~values if node.op_type == "Not" else values).astype(kind)
            constants[node.output[0]] = numpy_helper.from_array(values, node.output[0])
        elif node.op_type == "Squeeze" and node.input[0] in averages and _axes(given) == [2, 3]:
            nodes.append(helper.make_node("Flatten", node.input[:1], node.output, node.name, axis=1))
        elif node.op_type == "Unsqueeze" and len(axes := _axes(given)) > 1 and axes[0] >= 0:
            value = node.input[0]
            for axis in axes:
                constants[f"{node.name}/{axis}"] = numpy_helper.from_array(np.array([axis]), f"{node.name}/{axis}")
                output = node.output[0] if axis == axes[-1] else f"{node.output[0]}/{axis}"
                nodes.append(
                    helper.make_node("Unsqueeze", [value, f"{node.name}/{axis}"], [output], f"{node.name}_{axis}")
                )
                value = output
        else:
            nodes.append(node)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = _names(graph)
    graph.initializer.extend(tensor for name, tensor in constants.items() if name in used)


def _axes(given):
    """The axes of an operation, if they are constant."""
    from onnx import numpy_helper

    return sorted(numpy_helper.to_array(given[1])) if len(given) > 1 and given[1] is not None else []


def _names(graph):
    """What is used in a graph, also in the bodies of its loops."""
    names = {output.name for output in graph.output}
    for node in graph.node:
        names |= {*node.input}.union(*(_names(attribute.g) for attribute in node.attribute if attribute.HasField("g")))
    return names
