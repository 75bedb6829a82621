"""Quantisation of ONNX files."""

import tempfile
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.inference.runtimes import open_network
from iaunet_tf.terminal import quietly
from iaunet_tf.vectors import SHORTEST, lengths

CALIBRATION_BATCH = 8
# Operations with kernels. With the ReLU behind them, no values are spent on what it makes zero.
KERNELS, RELU = ("Conv", "MatMul"), "Relu"
# Shares of the layers that remain float32, the nearest to the pixels: rounding does most harm there.
SHARES = (0, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
# Cosine similarity with float32 of every calibration image, half of the deviation that an export is allowed.
ENOUGH = 0.995


def to_int8(path: str | Path, pixels: np.ndarray) -> tuple[int, int]:
    """Quantises the convolutions and dense layers of an ONNX file to 8 bits per channel, in place.

    Everything else remains float32, in particular the channel attention, whose softmax is nearly one-hot; and so do as
    few of the first layers as embeddings allow. `pixels` `(N, ...)`, prepared as the network expects them, calibrate
    the activations and decide on this. Returns the number of layers that are quantised, and of all.
    """
    import onnx

    proto = onnx.load(str(path))
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    layers, others = _layers(proto.graph)
    batches = np.split(pixels, range(CALIBRATION_BATCH, len(pixels), CALIBRATION_BATCH))
    expected = _embed(path, batches)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "int8.onnx"
        for share in SHARES:
            left = layers[: int(share * len(layers))]
            _quantise(path, result, proto.graph.input[0].name, batches, [*left, *others])
            # The quantiser drops the metadata.
            quantised = onnx.load(str(result))
            onnx.helper.set_model_props(quantised, properties)
            onnx.save(quantised, str(result))
            if (_embed(result, batches) * expected).sum(axis=1).min() >= ENOUGH:
                break
        Path(path).write_bytes(result.read_bytes())
    return len(layers) - len(left), len(layers)


def _quantise(source, target, name, batches, left):
    """Writes a file whose operations have 8 bits, but for those of the names in `left`."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    remaining = iter(batches)

    class Pictures(CalibrationDataReader):
        def get_next(self):
            batch = next(remaining, None)
            return None if batch is None else {name: batch}

    try:
        with quietly():
            quantize_static(
                str(source),
                str(target),
                Pictures(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=[*KERNELS, RELU],
                nodes_to_exclude=left,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    except Exception as error:  # ONNX Runtime raises various exceptions of its own
        raise InputError(f"the network cannot be quantised: {reason_of(error, 200)}") from None


def _layers(graph):
    """Names of the operations whose kernel is a constant, the nearest to the pixels first, and of those like them that
    multiply activations."""
    constants = {tensor.name for tensor in graph.initializer}
    depth, layers, others = {}, [], []
    for node in graph.node:
        steps = 1 + max((depth.get(name, 0) for name in node.input), default=0)
        depth |= dict.fromkeys(node.output, steps)
        if node.op_type in KERNELS and node.input[1] in constants:
            layers.append((steps, node.name))
        elif node.op_type in KERNELS:
            others.append(node.name)
    return [name for _, name in sorted(layers)], others


def _embed(path, batches):
    network = open_network(path, "cpu")
    vectors = np.concatenate([network.embed(batch) for batch in batches])
    return vectors / np.maximum(lengths(vectors), SHORTEST)[:, None]  # 8 bits may leave nothing but zeros
