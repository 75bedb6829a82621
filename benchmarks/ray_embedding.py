"""`iaunet embed` alone and by workers of Ray, one of which is killed: `python -m benchmarks.ray_embedding [IMAGES]`."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.embedder import SHAPE, write_images
from iaunet_tf import build_network
from iaunet_tf.exporting.onnx import write_onnx
from iaunet_tf.features import read_features
from iaunet_tf.inference.keras_files import describe

ROUNDS = 3
KINDS = {"plain": [], "1 worker": ["--workers=1"], "2 workers": ["--workers=2"], "one killed": ["--workers=2"]}


def main(count: int = 4000) -> None:
    """Prints images/s at 256×128 of whole commands, which take turns, with all that they start."""
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder, "images"), (f"{number:06}.jpg" for number in range(count)))
        model, network = build_network("osnet_x0_25", input_shape=SHAPE), Path(folder, "network.onnx")
        write_onnx(model, network, describe(model, "osnet_x0_25"))
        seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(ROUNDS):
            results = {}
            for kind, words in KINDS.items():
                out = Path(folder, f"{kind} {number}" + ("" if words else ".npz"))
                start = time.perf_counter()
                _run(network, Path(folder, "images"), out, words, kind == "one killed", count)
                seconds[kind].append(time.perf_counter() - start)
                results[kind] = read_features(out)
            paths, embeddings, _ = results["plain"]
            for kind, (others, theirs, _) in results.items():
                assert others == paths, kind
                print(f"{kind:12}{count / seconds[kind][-1]:6.0f} images/s, largest difference "
                      f"{np.abs(theirs - embeddings).max():.1g}", flush=True)  # fmt: skip
        for kind, times in seconds.items():
            print(f"{kind:12}{count / np.median(times):6.0f} images/s, median of {ROUNDS}", flush=True)


def _run(network, images, out, words, kill, count):
    """Runs the command; with `kill`, kills a worker when a third of the parts is there."""
    command = [sys.executable, "-m", "iaunet_tf", "embed", str(network), str(images), "--out", str(out)]
    size = max(count // 16, 1)
    process = subprocess.Popen([*command, *words, *(["--engine=ray", f"--part_size={size}"] if words else [])])
    while kill and process.poll() is None:
        if len(list(out.glob("part-*"))) >= 5:
            found = psutil.Process(process.pid).children(recursive=True)
            workers = [child for child in found if "MapWorker" in " ".join(child.cmdline())]
            workers[0].kill()
            kill = False
        time.sleep(0.05)
    if process.wait() or kill:
        raise SystemExit(f"error: {' '.join(command)} {'ended' if kill else 'failed'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
