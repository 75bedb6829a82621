"""README tables on the embedded data: the effect of blocks, masks and clips with the same budget and three seeds.

`python -m benchmarks.seeds FOLDER [images|tracklets]` takes about 40 minutes per table on two cores. Existing runs in
FOLDER are not repeated.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Variant:
    """Row of a table: options for training, and options for evaluation if they differ."""

    train: list[str]
    evaluate: list[str] = field(default_factory=list)


# The same numbers of steps and frames as for clips: a batch of 96 frames instead of 24 clips of 4 frames.
FRAMES = ["--data.clip_length=1", "--train.batch_size=96", "--train.epochs=60"]
SUITES = {
    "images": (
        "configs/demo.yaml",
        {
            "untrained IAUnet": Variant(["--train.epochs=0", "--eval.every=0"]),
            "ResNet-50 baseline": Variant(["--config=configs/demo_baseline.yaml"]),
            "IAUnet without masks": Variant(["--data.masks=none"]),
            "IAUnet with guessed masks": Variant(["--data.masks=prior"]),
            "IAUnet with masks": Variant([]),
        },
    ),
    "tracklets": (
        "configs/demo_video.yaml",
        {
            "image IAUnet, one frame": Variant(FRAMES, ["--eval.clips=1"]),
            "image IAUnet, mean of the frames": Variant(FRAMES, ["--eval.clips=0"]),
            "clips without blocks": Variant(["--model.block=null"]),
            "clips with IAU blocks": Variant([]),
        },
    ),
}


def main(folder: Path, suite: str) -> None:
    """Performs missing runs and prints the table."""
    config, variants = SUITES[suite]
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in SEEDS:
        for name, variant in variants.items():
            first = next(other for other, v in variants.items() if v.train == variant.train)
            run = folder / f"{first.replace(' ', '-')}-{seed}"
            if not (run / "metrics.json").is_file():
                base = [f"--config={config}", *variant.train, f"--seed={seed}", f"--run_dir={run}", "--name=ours"]
                subprocess.run([sys.executable, "train_keras.py", *base], check=True)
            if variant.evaluate:
                own = folder / f"{name.replace(' ', '-')}-{seed}-evaluated"
                if not (own / "metrics.json").is_file():
                    again = ["--evaluate", str(run), *variant.evaluate, f"--run_dir={own}"]
                    subprocess.run([sys.executable, "train_keras.py", *again], check=True)
                run = own
            metrics = json.loads((run / "metrics.json").read_text())
            for key, label in (("ours", name), ("colour histograms", "colour histograms")):
                scores.setdefault(label, []).append((metrics[key]["mAP"], metrics[key]["rank-1"]))
    print("| | mAP | rank-1 |\n| --- | --- | --- |")
    for name in ("colour histograms", *variants):
        values = 100 * np.array(scores[name])
        mean, spread = values.mean(0), values.std(0, ddof=1)
        print(f"| {name} | {mean[0]:.1f} ± {spread[0]:.1f} | {mean[1]:.1f} ± {spread[1]:.1f} |")
    print(f"\nsingle runs: {json.dumps(scores)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "images")
