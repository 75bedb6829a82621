"""A network trained on drawn people, in other cameras at dusk: as it is, adapted without labels, trained with them.

`python -m benchmarks.adaptation FOLDER` takes about 30 minutes on two cores. Existing runs in FOLDER are not repeated.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.seeds import SEEDS, run
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images

# Settings were chosen in the world of seed 7.
OTHER_WORLD = ImageOptions(seed=8, dusk=True)
RECIPE = ["--config=configs/demo.yaml", "--eval.every=0", "--eval.histograms=false", "--name=ours"]


def main(folder: Path) -> None:
    """Prints mAP and rank-1 in the other world, of embeddings and of those standardised per camera."""
    root = folder / "dusk"
    ensure_images(root, OTHER_WORLD)
    there = ["--data.name=market1501", f"--data.root={root}"]
    scores: dict[str, list] = {}
    for seed in SEEDS:
        source, adapted, ceiling = (folder / f"{name}-{seed}" for name in ("source", "adapted", "labels"))
        run(source, *RECIPE, f"--seed={seed}")
        if not (adapted / "model.keras").is_file():
            command = [sys.executable, "-m", "iaunet_tf", "adapt", str(source), str(root / "bounding_box_train")]
            subprocess.run([*command, f"--run_dir={adapted}"], check=True)
        run(ceiling, *RECIPE, *there, f"--seed={seed}")
        for name, trained in (("before", source), ("adapted", adapted), ("trained with labels", ceiling)):
            evaluated = folder / f"{trained.name}-evaluated"
            if not (evaluated / "metrics.json").is_file():
                command = [sys.executable, "-m", "iaunet_tf", "evaluate", str(trained), *there]
                subprocess.run([*command, "--eval.per_camera=true", f"--run_dir={evaluated}"], check=True)
            metrics = json.loads((evaluated / "metrics.json").read_text())
            for label, suffix in (("ours", ""), ("ours, per camera", ", per camera")):
                scores.setdefault(name + suffix, []).append((metrics[label]["mAP"], metrics[label]["rank-1"]))
    print("| | mAP | rank-1 |\n| --- | --- | --- |")
    for name, values in scores.items():
        mean, spread = 100 * np.mean(values, axis=0), 100 * np.std(values, axis=0, ddof=1)
        print(f"| {name} | {mean[0]:.1f} ± {spread[0]:.1f} | {mean[1]:.1f} ± {spread[1]:.1f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
