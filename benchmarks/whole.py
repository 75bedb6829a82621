"""An evaluation from files to the table, at Market-1501's size with a small network."""

import contextlib
import io
import tempfile
import time
from pathlib import Path

from benchmarks.embedder import write_images
from iaunet_tf import build_network
from iaunet_tf.commands import main as iaunet
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.inference.keras_files import describe

QUERIES, GALLERY, PEOPLE = 3_368, 15_913, 750


def main() -> None:
    """Prints seconds and images/s of `iaunet evaluate` for OSNet x0.25 in Keras and in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "market"
        for split, count, camera in (("query", QUERIES, 1), ("bounding_box_test", GALLERY, 2)):
            write_images(root / split, [f"{1 + k % PEOPLE:04}_c{camera}s1_{k:06}_01.jpg" for k in range(count)])
        write_images(root / "bounding_box_train", ["0001_c1s1_000000_01.jpg", "0001_c2s1_000001_01.jpg"])
        model = build_network("osnet_x0_25")
        model.save(Path(folder) / "network.keras")
        write_onnx(model, Path(folder) / "network.onnx", describe(model, "network"))
        for name in ("network.keras", "network.onnx"):
            words = ["evaluate", str(Path(folder) / name), "--data.name=market1501", f"--data.root={root}"]
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                status = iaunet([*words, "--runtime=onnxruntime"])
            seconds = time.perf_counter() - start
            if status:
                raise SystemExit(printed.getvalue())
            print(f"{name:15}{seconds:.1f} s, {(QUERIES + GALLERY) / seconds:.0f} images/s", flush=True)
