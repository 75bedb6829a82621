"""Networks as others write them: pixels times a matrix, in several formats, and what they give by NumPy alone."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE, NUMBERS = (32, 16), 8
MATRIX = np.random.default_rng(3).normal(size=(3 * SIZE[0] * SIZE[1], NUMBERS)).astype("float32") / 40
KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
KINDS |= {"int64": TensorProto.INT64}
# Whether ONNX Runtime takes weights from memory: the last version for Python 3.10 does not.
WEIGHTS_BESIDE = hasattr(onnxruntime.SessionOptions, "add_external_initializers_from_files_in_memory")
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def expected(pixels, colour="rgb", scale="none", nchw=True):
    """Embeddings of length 1 of RGB `(N, 32, 16, 3)` in 0..255."""
    values = np.asarray(pixels, "float64")
    values = {
        "none": values,
        "255": values / 255,
        "half": values / 127.5 - 1,
        "imagenet": (values / 255 - MEAN) / STD,
    }[scale]
    if colour == "bgr":
        values = np.stack([values[..., 2], values[..., 1], values[..., 0]], axis=-1)
    if nchw:
        values = np.moveaxis(values, -1, 1)
    vectors = values.reshape(len(values), -1) @ MATRIX
    return vectors / np.sqrt((vectors**2).sum(axis=1, keepdims=True))


def write_onnx(path, shape=("batch", 3, *SIZE), kind="float32", matrix=MATRIX, outputs=None, nodes=None, tensors=(),
               inputs=(), add=()):  # fmt: skip
    """A network whose output is `features`, unless `nodes` say something else."""
    if nodes is None:
        nodes = [
            helper.make_node("Cast", ["pixels"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["real"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "matrix"], ["features"]),
        ]
    outputs = outputs or {"features": (shape[0], matrix.shape[1] if matrix is not None else NUMBERS)}
    initializers = [] if matrix is None else [numpy_helper.from_array(matrix, "matrix")]
    graph = helper.make_graph(
        [*nodes, *add],
        "theirs",
        [helper.make_tensor_value_info("pixels", KINDS[kind], shape)]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, each) for name, each in outputs.items()],
        [*initializers, *tensors],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    Path(path).write_bytes(model.SerializeToString())
    return path


def write_openvino(path, shape=(-1, 3, *SIZE), kind="float32", end=None, matrix=MATRIX):
    import openvino
    from openvino import opset13 as ops

    pixels = ops.parameter(shape, np.dtype(kind), name="data")
    flat = ops.reshape(ops.convert(pixels, "f32"), ops.constant(np.array([0, -1])), True)
    if len(matrix) != np.prod(shape[1:]):
        matrix = np.ones((max(1, np.prod(shape[1:])), NUMBERS), "float32")
    result = ops.matmul(flat, ops.constant(matrix), False, False)
    model = openvino.Model([end(ops, result) if end else result], [pixels], "theirs")
    model.inputs[0].get_tensor().set_names({"data"})
    model.outputs[0].get_tensor().set_names({"features"})
    openvino.save_model(model, str(path), compress_to_fp16=False)
    return path


def write_litert(path, batch=None, dtype="float32", int8=False, size=SIZE):
    """Takes `(batch, height, width, 3)`; with `int8`, both ends are in 8 bits, for pixels in 0..1."""
    import tensorflow as tf

    def embed(images):
        flat = tf.reshape(tf.cast(images, "float32"), (-1, len(MATRIX)))
        return {"features": flat @ MATRIX}

    signature = tf.TensorSpec((batch, *size, 3), dtype)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([tf.function(embed).get_concrete_function(signature)])
    if int8:
        rng = np.random.default_rng(0)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [rng.uniform(size=(batch or 1, *size, 3)).astype("float32")] for _ in range(50)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    Path(path).write_bytes(converter.convert())
    return path


def move_weights(path, location, file=None):
    """Moves the matrix of an ONNX network to another file, which its own calls `location`."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if file is not None:
            Path(file).write_bytes(tensor.raw_data)
        onnx.external_data_helper.set_external_data(tensor, location)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
    Path(path).write_bytes(model.SerializeToString())
