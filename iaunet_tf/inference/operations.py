"""What SavedModels of iaunet-tf consist of. A SavedModel is a program that could read and write any file, so that one
with other operations is not loaded."""

from pathlib import Path
from typing import Any

from iaunet_tf.errors import InputError

COMPUTING = """
    Abs AddV2 All Any AvgPool BatchMatMulV2 BiasAdd BroadcastTo Cast ConcatV2 Const Conv2D Cumsum DecodeJpeg
    DecodeRaw DepthwiseConv2dNative Einsum EnsureShape Equal Erf Erfc ExpandDims Fill Floor FloorDiv FloorMod GatherV2
    Greater GreaterEqual Identity IdentityN Less LessEqual LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
    Maximum Mean Minimum Mul Neg NoOp NotEqual Pack Pad PadV2 Pow Prod Range ReadVariableOp RealDiv Relu Relu6
    Reshape Rsqrt Select SelectV2 Shape Sigmoid Sign Size Softmax Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessWhile StopGradient StridedSlice Sub Sum TensorListFromTensor TensorListGetItem
    TensorListReserve TensorListSetItem TensorListStack Tile Transpose Where ZerosLike
"""
# In the two functions that save and restore variables. TensorFlow's loader in Python does not call them.
SAVING = """
    AssignVariableOp DisableCopyOnRead MergeV2Checkpoints Placeholder RestoreV2 SaveV2 ShardedFilename
    StaticRegexFullMatch StringJoin VarHandleOp VarIsInitializedOp
"""
LARGEST = 64 << 20  # bytes of the file, which is about 2 MiB for any width of the network: weights are in other files
AGAIN = "export the network again by iaunet export savedmodel"


def check_operations(path: Path) -> None:
    """Refuses a `saved_model.pb` with operations that the exporter does not write; reads it and runs nothing."""
    from tensorflow.core.protobuf import saved_model_pb2

    if not path.is_file() or path.stat().st_size > LARGEST:
        raise InputError(f"{path}: is not a file of at most {LARGEST >> 20} MiB; {AGAIN}")
    try:
        (graph,) = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
    except Exception:  # protobuf has exceptions of its own
        raise InputError(f"{path}: not a readable SavedModel; {AGAIN}") from None
    if graph.asset_file_def or not graph.HasField("object_graph_def"):
        raise InputError(f"{path}: refused: has assets or no object graph, unlike those of iaunet-tf; {AGAIN}")
    saver = [name.partition(":")[0] for name in (graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name)]
    savers = {name for node in graph.graph_def.node if node.name in saver for name in _called(node)}
    objects = graph.object_graph_def.SerializeToString()
    if any(name.encode() in objects for name in savers):
        raise InputError(f"{path}: refused: saves or restores variables when it is called; {AGAIN}")
    computing = set(COMPUTING.split())
    everything = computing.union(SAVING.split())
    nodes: list[tuple[Any, Any]] = [(node, everything) for node in graph.graph_def.node]
    for function in graph.graph_def.library.function:
        allowed = everything if function.signature.name in savers else computing
        # Whatever calls a saver from within a function could be run by a call of the network.
        nodes += ((node, () if savers.intersection(_called(node)) else allowed) for node in function.node_def)
    foreign = sorted({node.op[:60] for node, allowed in nodes if node.op not in allowed})
    if foreign:
        raise InputError(
            f"{path}: refused, nothing was run: iaunet-tf does not write the operation {', '.join(foreign[:6])}, which "
            f"could read or change files; {AGAIN}"
        )


def _called(node):
    """Names of the functions that an operation calls."""
    for attribute in node.attr.values():
        yield from (function.name for function in (attribute.func, *attribute.list.func) if function.name)
