"""Speed of clips compared with single frames, and memory of long clips and of recomputing, at full size 256×128."""

import multiprocessing

import keras
import numpy as np
import tensorflow as tf

from benchmarks.step import training_step
from benchmarks.timing import interleaved, peak_memory
from iaunet_tf import IAUNet
from iaunet_tf.evaluation.extraction import embedding_function

HEIGHT, WIDTH, CLASSES = 256, 128, 625
LENGTHS = (1, 2, 4, 8, 16, 32)


def main(rounds: int = 3) -> None:
    """Prints frames/s, ratios and peak memory for clips of each length, then peak memory of training."""
    # Freed memory stays with a process, so each measurement gets a fresh one.
    context = multiprocessing.get_context("spawn")
    work = [(_embed, (frames, rounds)) for frames in LENGTHS] + [
        (_train_peak, (recompute,)) for recompute in (False, True)
    ]
    for measure, arguments in work:
        process = context.Process(target=measure, args=arguments)
        process.start()
        process.join()


def _embed(frames, rounds):
    images = _random(1, frames)
    network = IAUNet(None, (HEIGHT, WIDTH, 3), video=True)
    embed = embedding_function(network, frames=frames)
    embedding_function(network, frames=1)(images[:, :1])
    peak = peak_memory(lambda: embed(images).numpy())
    single = IAUNet(None, (HEIGHT, WIDTH, 3))
    embed_images = embedding_function(single)
    actions = {
        "clip": lambda: embed(images).numpy(),
        "frames": lambda: [embed_images(images[0, k : k + 1]).numpy() for k in range(frames)],
    }
    seconds = interleaved(actions, rounds)
    ratio = seconds["clip"] / seconds["frames"]
    print(
        f"a clip of {frames:2}: {seconds['clip']:.2f} s, {frames / seconds['clip']:5.1f} frames/s, {ratio:.2f} of the "
        f"time of the same frames one by one, {peak / 2**20:.0f} MiB more than the loaded process",
        flush=True,
    )


def _train_peak(recompute):
    keras.utils.set_random_seed(0)
    model = IAUNet(CLASSES, (HEIGHT, WIDTH, 3), video=True, recompute=recompute)
    step = training_step(model, {"images": _random(2, 4), "labels": tf.constant([0, 1])})
    peak = peak_memory(lambda: [step(), step()])
    name = "recomputing" if recompute else "keeping"
    print(f"training step on two clips of 4, {name:11} the channel attention: {peak / 2**20:.0f} MiB", flush=True)


def _random(*shape):
    """Random images `(*shape, H, W, 3)`."""
    pixels = np.random.default_rng(0).uniform(0, 255, (*shape, HEIGHT, WIDTH, 3))
    return tf.constant(pixels, "float32")


if __name__ == "__main__":
    main()
