"""Cost of the blocks, IAUnet compared with the plain ResNet-50, and of batches, at full size 256×128."""

import tensorflow as tf

from benchmarks.step import BATCH, CLASSES, SHAPE, random_batch, training_step
from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.evaluation.extraction import embedding_function

BATCHES = (1, 8, 16, 32, 64)


def main(rounds: int = 4) -> None:
    """Prints images/s of inference and training, and their ratios; then of inference for batches of several sizes."""
    batch = random_batch()
    forward, train = {}, {}
    for name, block in (("IAUnet", "iau"), ("ResNet-50", None)):
        model = IAUNet(CLASSES, SHAPE, block=block)
        embed = embedding_function(model)
        forward[name] = lambda embed=embed: embed(batch["images"]).numpy()
        train[name] = training_step(model, batch)
    for what, actions in (("inference", forward), ("training step", train)):
        seconds = interleaved(actions, rounds)
        for name, value in seconds.items():
            print(f"{what:14}{name:10}{BATCH / value:7.1f} images/s")
        print(f"{what:14}ratio of times {seconds['IAUnet'] / seconds['ResNet-50']:.2f}", flush=True)
    embed = embedding_function(IAUNet(None, SHAPE))
    batches = {size: tf.repeat(batch["images"], 4, axis=0)[:size] for size in BATCHES}
    seconds = interleaved(
        {size: lambda images=images: embed(images).numpy() for size, images in batches.items()}, rounds
    )
    for size, value in seconds.items():
        print(f"inference     batch of {size:2}{size / value:8.1f} images/s", flush=True)
