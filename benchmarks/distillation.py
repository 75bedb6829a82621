"""A small network alone, taught by a larger one, and that one, on drawn people.

`python -m benchmarks.distillation FOLDER` takes about 12 minutes on two cores. Existing runs are kept.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.recipes import score
from benchmarks.seeds import SEEDS, run
from benchmarks.timing import interleaved
from iaunet_tf import Embedder

TEACHER = ["--config=configs/demo.yaml", "--eval.every=0", "--eval.histograms=false", "--name=ours"]
TEACHER += ["--model.pooling=gem", "--loss.circle_weight=1", "--loss.circle_scale=16", "--loss.triplet_weight=0"]
STUDENTS = {"IAUnet, width 0.125": ["--model.width=0.125"]}
RECIPE = ["--config=configs/demo.yaml", "--train.epochs=6", "--eval.every=0", "--eval.histograms=false", "--name=ours"]


def main(folder: Path) -> None:
    """Prints mAP, rank-1 and images/s of the network alone."""
    teacher = folder / "teacher"
    run(teacher, *TEACHER)
    rows = {"teacher, IAUnet of width 0.25": [teacher]}
    for name, options in STUDENTS.items():
        for kind, taught in {"alone": [], "taught": [f"--loss.teacher={teacher}"]}.items():
            folders = [folder / f"{name.replace(' ', '-').replace(',', '')}-{kind}-{seed}" for seed in SEEDS]
            for seed, each in zip(SEEDS, folders, strict=True):
                run(each, *RECIPE, *options, *taught, f"--seed={seed}")
            rows[f"{name}, {kind}"] = folders
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 48, 3), "uint8")
    embedders = {name: Embedder(folders[0], 64) for name, folders in rows.items()}
    inputs = {name: embed.prepare(list(pixels)) for name, embed in embedders.items()}
    seconds = interleaved({name: partial(embedders[name]._network.embed, inputs[name]) for name in rows}, 5)
    print("| | mAP | rank-1 | images/s |\n| --- | --- | --- | --- |")
    for name, folders in rows.items():
        values = 100 * np.array([score(each) for each in folders])
        spread = values.std(0, ddof=1) if len(values) > 1 else None
        cells = [f"{m:.1f}" + (f" ± {spread[k]:.1f}" if len(values) > 1 else "") for k, m in enumerate(values.mean(0))]
        print(f"| {name} | {' | '.join(cells)} | {64 / seconds[name]:.0f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
