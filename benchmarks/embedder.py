"""`Embedder` from image files, compared with its network alone."""

import io
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.timing import interleaved
from iaunet_tf import Embedder, IAUNet, build_network
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.inference.keras_files import describe

SHAPE, BATCH = (256, 128, 3), 32
NETWORKS = {"IAUnet": (partial(IAUNet, None, SHAPE), 4), "OSNet x0.25": (partial(build_network, "osnet_x0_25"), 32)}


def main(rounds: int = 3) -> None:
    """Prints images/s at 256×128 of JPEG files of 128×64, and of prepared pixels, in each runtime for ONNX."""
    with tempfile.TemporaryDirectory() as folder:
        count = BATCH * max(batches for _, batches in NETWORKS.values())
        files = write_images(Path(folder), (f"{number}.jpg" for number in range(count)))
        for name, (build, batches) in NETWORKS.items():
            model, path = build(), Path(folder) / f"{name}.onnx"
            write_onnx(model, path, describe(model, name))
            for runtime in ("onnxruntime", "openvino"):
                embed = Embedder(path, BATCH, runtime=runtime)
                pixels = embed.prepare(files[:BATCH])
                alone = embed._network.embed
                actions = {
                    "files": partial(embed, files[: batches * BATCH]),
                    "alone": lambda alone=alone, pixels=pixels, batches=batches: [
                        alone(pixels) for _ in range(batches)
                    ],
                }
                seconds = interleaved(actions, rounds)
                rates = {what: batches * BATCH / value for what, value in seconds.items()}
                share = rates["files"] / rates["alone"]
                figures = f"{rates['files']:.0f} images/s from files, {rates['alone']:.0f} network alone, {share:.2f}"
                print(f"{name:12}{embed.runtime:20}{figures}", flush=True)


def write_images(folder: Path, names: Iterable[str], distinct: int = 64) -> list[Path]:
    """Writes JPEG files of 128×64, of which some are `distinct`; returns their paths."""
    rng, contents = np.random.default_rng(0), []
    for _ in range(distinct):
        blurred = Image.fromarray(rng.integers(0, 256, (16, 8, 3)).astype("uint8"))
        file = io.BytesIO()
        blurred.resize((64, 128), Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
        contents.append(file.getvalue())
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in names]
    for number, file in enumerate(files):
        file.write_bytes(contents[number % distinct])
    return files
