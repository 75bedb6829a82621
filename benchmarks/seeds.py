"""The README's table: what masks and blocks are worth on the embedded data, same budget, three seeds.

`python -m benchmarks.seeds FOLDER` (about 40 minutes on two cores); runs that are in FOLDER already are not repeated.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

SEEDS = (0, 1, 2)
VARIANTS = {
    "untrained IAUnet": ["--train.epochs=0", "--eval.every=0"],
    "ResNet-50 baseline": ["--config=configs/demo_baseline.yaml"],
    "IAUnet without masks": ["--data.masks=none"],
    "IAUnet with masks": [],
}


def main(folder: Path) -> None:
    """Runs what is missing and prints the table."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in SEEDS:
        for name, options in VARIANTS.items():
            run = folder / f"{name.replace(' ', '-')}-{seed}"
            if not (run / "metrics.json").is_file():
                base = ["--config=configs/demo.yaml", *options, f"--seed={seed}", f"--run_dir={run}", "--name=ours"]
                subprocess.run([sys.executable, "train_keras.py", *base], check=True)
            metrics = json.loads((run / "metrics.json").read_text())
            for key, label in (("ours", name), ("colour histograms", "colour histograms")):
                scores.setdefault(label, []).append((metrics[key]["mAP"], metrics[key]["rank-1"]))
    print("| | mAP | rank-1 |\n| --- | --- | --- |")
    for name in ("untrained IAUnet", "colour histograms", *list(VARIANTS)[1:]):
        values = 100 * np.array(scores[name])
        mean, spread = values.mean(0), values.std(0, ddof=1)
        print(f"| {name} | {mean[0]:.1f} ± {spread[0]:.1f} | {mean[1]:.1f} ± {spread[1]:.1f} |")
    print(f"\nsingle runs: {json.dumps(scores)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
