"""The paper's ablation: which block stands behind which stage, and with how many body parts.

`python -m benchmarks.ablation cost` prints parameters, multiply-adds and time per image of every row at full size,
256×128, about 15 minutes on two cores; `python -m benchmarks.ablation FOLDER` trains the rows on drawn people, three
seeds, about two hours. Existing runs in FOLDER are not repeated.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.recipes import RECIPE, mean_and_spread
from benchmarks.seeds import SEEDS, run
from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.evaluation.extraction import embedding_function
from iaunet_tf.models.folding import inference

SHAPE, CLIP, IMAGES = (256, 128, 3), 4, 8
CLIPS = ["--config=configs/demo_video.yaml", "--eval.every=0", "--name=ours"]
# Rows: kind of block, places, parts.
BOTH = ("layer2", "layer3")
OF_IMAGES = {
    "none": (None, BOTH, 4),
    "channel": ("channel", BOTH, 4),
    "spatial": ("spatial", BOTH, 4),
    "both": ("iau", BOTH, 4),
    "both, behind stage 2": ("iau", BOTH[:1], 4),
    "both, behind stage 3": ("iau", BOTH[1:], 4),
    **{f"both, {parts} part{'s' * (parts > 1)}": ("iau", BOTH, parts) for parts in (1, 2, 6)},
}
OF_CLIPS = {
    "clips, none": (None, BOTH, 4),
    "clips, channel": ("channel", BOTH, 4),
    "clips, spatial": ("spatial", BOTH, 4),
    "clips, temporal": ("temporal", BOTH, 4),
    "clips, spatial and temporal": ("spatial_temporal", BOTH, 4),
    "clips, all": ("iau", BOTH, 4),
}


def cost(rounds: int = 3) -> None:
    """Parameters, multiply-adds and milliseconds of an image, or of a frame of a clip of four."""
    print("| | parameters, M | multiply-adds, G | ms |\n| --- | --- | --- | --- |")
    for rows, video in ((OF_IMAGES, False), (OF_CLIPS, True)):
        actions, sizes = {}, {}
        for name, (kind, places, parts) in rows.items():
            model = IAUNet(None, SHAPE, video, block=kind, blocks=places, parts=parts)
            sizes[name] = sum(int(np.prod(v.shape)) for v in model.trainable_variables), multiply_adds(model, video)
            frames = tf.random.uniform((IMAGES // CLIP, CLIP, *SHAPE) if video else (IMAGES, *SHAPE), maxval=255)
            embed = embedding_function(model, frames=CLIP)
            actions[name] = lambda embed=embed, frames=frames: embed(frames).numpy()
        for name, seconds in interleaved(actions, rounds).items():
            parameters, adds = sizes[name]
            print(f"| {name} | {parameters / 1e6:.2f} | {adds / 1e9:.2f} | {1000 * seconds / IMAGES:.1f} |", flush=True)


def multiply_adds(model: keras.Model, video: bool) -> float:
    """Multiply-adds of an image or a frame, as TensorFlow counts operations."""
    shape = (1, CLIP, *SHAPE) if video else (1, *SHAPE)
    network = inference(model)
    function = tf.function(lambda images: network(images)["embedding"])
    graph = function.get_concrete_function(tf.TensorSpec(shape, "float32")).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    counted = profiler.profile(graph, options=options.with_empty_output().build())
    return counted.total_float_ops / 2 / (CLIP if video else 1)


def train(folder: Path) -> None:
    """mAP and rank-1 of every row on drawn people; IAU blocks with and without the mask loss."""
    print("| | mAP | rank-1 |\n| --- | --- | --- |")
    rows = {name: (RECIPE, *row) for name, row in OF_IMAGES.items()}
    rows["both, without the mask loss"] = ([*RECIPE, "--data.masks=none"], *OF_IMAGES["both"])
    rows |= {name: (CLIPS, *row) for name, row in OF_CLIPS.items()}
    for name, (recipe, kind, places, parts) in rows.items():
        options = ["--model.block=null"] if kind is None else [f"--model.block={kind}"]
        if kind is not None:
            options += [f"--model.blocks=[{', '.join(places)}]", *([f"--model.parts={parts}"] if parts != 4 else [])]
        folders = [folder / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}" for seed in SEEDS]
        for seed, each in zip(SEEDS, folders, strict=True):
            run(each, *recipe, *options, f"--seed={seed}")
        print(f"| {name} | {' | '.join(mean_and_spread(folders))} |", flush=True)


if __name__ == "__main__":
    cost() if sys.argv[1] == "cost" else train(Path(sys.argv[1]))
