"""README tables on the embedded data: the effect of blocks, masks and clips with the same budget and three seeds.

`python -m benchmarks.seeds FOLDER [images|tracklets]` takes about 40 minutes per table on two cores. Existing runs in
FOLDER are not repeated.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

SEEDS = (0, 1, 2)
# The same numbers of steps and frames as for clips: a batch of 96 frames instead of 24 clips of 4 frames.
FRAMES = ["--data.clip_length=1", "--train.batch_size=96", "--train.epochs=60"]
# Rows of a table: options for training, and options for evaluation if they differ.
SUITES = {
    "images": (
        "configs/demo.yaml",
        {
            "untrained IAUnet": (["--train.epochs=0", "--eval.every=0"], []),
            "ResNet-50 baseline": (["--config=configs/demo_baseline.yaml"], []),
            "IAUnet without masks": (["--data.masks=none"], []),
            "IAUnet with guessed masks": (["--data.masks=prior"], []),
            "IAUnet with masks": ([], []),
        },
    ),
    "tracklets": (
        "configs/demo_video.yaml",
        {
            "image IAUnet, one frame": (FRAMES, ["--eval.clips=1"]),
            "image IAUnet, mean of the frames": (FRAMES, ["--eval.clips=0"]),
            "clips without blocks": (["--model.block=null"], []),
            "clips with IAU blocks": ([], []),
        },
    ),
}


def main(folder: Path, suite: str) -> None:
    """Performs missing runs and prints the table."""
    config, variants = SUITES[suite]
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in SEEDS:
        for name, (train, evaluate) in variants.items():
            first = next(other for other, (options, _) in variants.items() if options == train)
            place = folder / f"{first.replace(' ', '-')}-{seed}"
            run(place, f"--config={config}", *train, f"--seed={seed}", "--name=ours")
            if evaluate:
                trained, place = place, folder / f"{name.replace(' ', '-')}-{seed}-evaluated"
                run(place, "--evaluate", str(trained), *evaluate)
            metrics = json.loads((place / "metrics.json").read_text())
            for key, label in (("ours", name), ("colour histograms", "colour histograms")):
                scores.setdefault(label, []).append((metrics[key]["mAP"], metrics[key]["rank-1"]))
    print("| | mAP | rank-1 |\n| --- | --- | --- |")
    for name in ("colour histograms", *variants):
        values = 100 * np.array(scores[name])
        mean, spread = values.mean(0), values.std(0, ddof=1)
        print(f"| {name} | {mean[0]:.1f} ± {spread[0]:.1f} | {mean[1]:.1f} ± {spread[1]:.1f} |")
    print(f"\nsingle runs: {json.dumps(scores)}")


def run(folder: Path, *options: str) -> None:
    """Performs a run unless it is there."""
    if not (folder / "metrics.json").is_file():
        subprocess.run([sys.executable, "train_keras.py", *options, f"--run_dir={folder}"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "images")
