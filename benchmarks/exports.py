"""Keras against its ONNX files in ONNX Runtime with default options, full size, 256×128."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import tensorflow as tf

from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.exporting.precision import to_int8
from iaunet_tf.inference.keras_files import describe

HEIGHT, WIDTH = 256, 128


def main(rounds: int = 4) -> None:
    """Prints images/s for batches of 1 and 16, and the ratios."""
    model = IAUNet(None, (HEIGHT, WIDTH, 3))
    pixels = np.random.default_rng(0).uniform(0, 255, (16, HEIGHT, WIDTH, 3)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        write_onnx(model, fp32, describe(model, "benchmark"))
        int8.write_bytes(fp32.read_bytes())
        to_int8(int8, pixels)
        sessions = {
            f"ONNX Runtime {path.stem}": onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            for path in (fp32, int8)
        }
    keras_forward = tf.function(lambda images: model(images, training=False)["embedding"])
    for batch in (1, 16):
        images = tf.constant(pixels[:batch])
        actions = {"Keras": lambda images=images: keras_forward(images).numpy()}
        for name, session in sessions.items():
            actions[name] = lambda session=session, batch=batch: session.run(None, {"images": pixels[:batch]})
        seconds = interleaved(actions, rounds)
        for name, value in seconds.items():
            print(f"batch {batch:2} {name:20}{batch / value:7.1f} images/s, {seconds['Keras'] / value:.2f} x Keras")
        ratio = seconds["ONNX Runtime fp32"] / seconds["ONNX Runtime int8"]
        print(f"batch {batch:2} int8 is {ratio:.2f} x fp32", flush=True)
