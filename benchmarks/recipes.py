"""docs/recipes.md's table on drawn people: what each switch gains, three seeds, IAUnet and baseline, the same steps.

`python -m benchmarks.recipes FOLDER choose` tries settings of each switch on other drawn people in other cameras, one
seed, about 40 minutes on two cores; `python -m benchmarks.recipes FOLDER test` evaluates the chosen ones on the demo's,
about three hours. Existing runs in FOLDER are not repeated.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.seeds import SEEDS, run
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images

RECIPE = ["--config=configs/demo.yaml", "--train.epochs=6", "--eval.every=0", "--eval.histograms=false", "--name=ours"]
NETWORKS = {"IAUnet": [], "baseline": ["--model.block=null"]}
OTHER_PEOPLE = ImageOptions(seed=1)
# Settings of each switch that were tried on the other people; the first is the chosen one.
SWITCHES = {
    "soft margin": [["--loss.margin=soft", "--loss.distance=euclidean"], ["--loss.margin=soft"]],
    "weighted triplet": [["--loss.triplet=weighted"]],
    "circle loss, no triplet": [
        ["--loss.circle_weight=1", "--loss.circle_scale=16", "--loss.triplet_weight=0"],
        ["--loss.circle_weight=0.5", "--loss.circle_scale=64", "--loss.triplet_weight=0"],
    ],
    "centre loss": [["--loss.centre_weight=5e-4"], ["--loss.centre_weight=5e-4", "--loss.features=before_neck"]],
    "CosFace": [
        ["--loss.softmax=cosface", "--loss.softmax_scale=16", "--loss.softmax_margin=0.1"],
        ["--loss.softmax=cosface", "--loss.softmax_scale=32", "--loss.softmax_margin=0.35"],
    ],
    "triplet before the neck": [
        ["--loss.features=before_neck", "--loss.distance=euclidean"],
        ["--loss.features=before_neck"],
    ],
    "GeM": [["--model.pooling=gem"], ["--model.pooling=learned_gem"]],
    "embedding of 256": [["--model.dimension=256"]],
    "moving average": [["--train.ema=0.95"], ["--train.ema=0.99"]],
    "AdamW": [["--train.optimizer=adamw", "--train.weight_decay=0.05"]],
    "random crop": [["--data.pad=4"]],
    "colour jitter": [["--data.jitter=1"], ["--data.jitter=0.5"]],
    "grey": [["--data.grey=0.1"]],
    "random patch": [["--data.patch=0.2"]],
    "RandAugment": [["--data.randaugment=0.1"], ["--data.randaugment=0.5"]],
    "cameras spread": [["--train.spread_cameras=true"]],
}
# The switches that lost more than five points of mAP on the other people, which the baseline is not tried with, and
# those that gained more than one.
LOST = ("weighted triplet", "CosFace", "embedding of 256", "random patch")
TOGETHER = ("circle loss, no triplet", "centre loss", "GeM", "cameras spread")


def choose(folder: Path) -> None:
    """mAP and rank-1 of every setting on the other people."""
    root = folder / "people"
    ensure_images(root, OTHER_PEOPLE)
    there = ["--data.name=market1501", f"--data.root={root}"]
    settings = {"recipe": [], **{f"{name}: {' '.join(o)}": o for name, tried in SWITCHES.items() for o in tried}}
    for number, (name, options) in enumerate(settings.items()):
        own = folder / f"choose-{number:02d}"
        run(own, *RECIPE, *there, *options)
        print(f"{name}: mAP {100 * score(own)[0]:.1f}, rank-1 {100 * score(own)[1]:.1f}", flush=True)


def test(folder: Path) -> None:
    """The table, on the demo's people."""
    rows = {"recipe": [], **{name: tried[0] for name, tried in SWITCHES.items()}}
    rows["all that gained elsewhere"] = [option for name in TOGETHER for option in SWITCHES[name][0]]
    print("| | IAUnet mAP | rank-1 | baseline mAP | rank-1 |\n| --- | --- | --- | --- | --- |")
    for name, options in rows.items():
        cells = []
        for network, own in NETWORKS.items():
            if name in LOST and network == "baseline":
                cells += ["", ""]
                continue
            folders = [folder / f"{network}-{name.replace(' ', '-')}-{seed}" for seed in SEEDS]
            for seed, each in zip(SEEDS, folders, strict=True):
                run(each, *RECIPE, *own, *options, f"--seed={seed}")
            cells += mean_and_spread(folders)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def score(folder: Path) -> tuple[float, float]:
    """mAP and rank-1 of a run."""
    metrics = json.loads((folder / "metrics.json").read_text())["ours"]
    return metrics["mAP"], metrics["rank-1"]


def mean_and_spread(folders: list[Path]) -> list[str]:
    """mAP and rank-1 of runs that differ by their seeds, in percent."""
    values = 100 * np.array([score(each) for each in folders])
    return [f"{m:.1f} ± {s:.1f}" for m, s in zip(values.mean(0), values.std(0, ddof=1), strict=True)]


if __name__ == "__main__":
    {"choose": choose, "test": test}[sys.argv[2]](Path(sys.argv[1]))
