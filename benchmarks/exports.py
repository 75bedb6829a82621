"""Speed of Keras and of exports in their runtimes with default options at full size 256×128: `make bench-export`."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import tensorflow as tf

from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.exporting.litert import write_litert
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.exporting.savedmodel import write_savedmodel
from iaunet_tf.inference.keras_files import describe
from iaunet_tf.inference.runtimes import open_network

HEIGHT, WIDTH = 256, 128


def main(rounds: int = 4) -> None:
    """Prints images/s for batch sizes 1 and 16, and their ratios."""
    pixels = np.random.default_rng(0).uniform(0, 255, (16, HEIGHT, WIDTH, 3)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        runtimes = _runtimes(Path(folder), pixels)
        for batch in (1, 16):
            seconds = interleaved({name: partial(run, pixels[:batch]) for name, run in runtimes.items()}, rounds)
            for name, value in seconds.items():
                print(f"batch {batch:2} {name:28}{batch / value:7.1f} images/s, {seconds['Keras'] / value:.2f} x Keras")
            ratio = seconds["ONNX Runtime fp32"] / seconds["ONNX Runtime int8"]
            print(f"batch {batch:2} ONNX Runtime int8 is {ratio:.2f} x fp32", flush=True)


def _runtimes(folder, pixels) -> dict[str, Callable]:
    model = IAUNet(None, (HEIGHT, WIDTH, 3))
    metadata = describe(model, "benchmark")
    forward = tf.function(lambda images: model(images, training=False)["embedding"])
    runtimes = {"Keras": lambda images: forward(tf.constant(images)).numpy()}

    write_savedmodel(model, folder / "saved", metadata)
    runtimes["SavedModel, resize inside"] = open_network(folder / "saved").embed

    fp32, int8 = folder / "fp32.onnx", folder / "int8.onnx"
    write_onnx(model, fp32, metadata)
    int8.write_bytes(fp32.read_bytes())
    to_int8(int8, pixels)
    for path in (fp32, int8):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        runtimes[f"ONNX Runtime {path.stem}"] = lambda images, session=session: session.run(None, {"images": images})

    core = openvino.Core()
    default = core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
    for options, name in (({}, f"default, {default}"), ({"INFERENCE_PRECISION_HINT": "f32"}, "f32")):
        compiled = core.compile_model(str(fp32), "CPU", options)
        runtimes[f"OpenVINO {name}"] = lambda images, compiled=compiled: compiled([images])["embedding"]

    for name in ("fp32", "int8"):
        write_litert(model, folder / f"{name}.tflite", metadata, int8=name == "int8")
        runtimes[f"LiteRT {name}"] = open_network(folder / f"{name}.tflite").embed
    return runtimes
