"""Speed of clips compared with single frames, and memory of long clips and of recomputing, at full size 256×128."""

import multiprocessing

import keras
import numpy as np
import tensorflow as tf

from benchmarks.step import training_step
from benchmarks.timing import interleaved, peak_memory
from iaunet_tf import IAUNet
from iaunet_tf.evaluation.extraction import embedding_function

FRAMES, HEIGHT, WIDTH, CLASSES = 8, 256, 128, 625


def main(rounds: int = 4) -> None:
    """Prints clips/s and ratios, then peak memory."""
    # Freed memory stays with a process, so each measurement gets a fresh one.
    context = multiprocessing.get_context("spawn")
    for measure, argument in ((_speed, rounds), (_embed_peak, 32), (_train_peak, False), (_train_peak, True)):
        process = context.Process(target=measure, args=(argument,))
        process.start()
        process.join()


def _speed(rounds):
    clips_network = IAUNet(CLASSES, (HEIGHT, WIDTH, 3), video=True)
    image_network = IAUNet(CLASSES, (HEIGHT, WIDTH, 3))
    image_network.set_weights(clips_network.get_weights())
    images = _random(FRAMES)
    embed_images = embedding_function(image_network)
    actions = {"frames one by one": lambda: [embed_images(images[k : k + 1]).numpy() for k in range(FRAMES)]}
    for frames in (4, 8):
        clips = tf.reshape(images, (FRAMES // frames, frames, HEIGHT, WIDTH, 3))
        embed = embedding_function(clips_network, frames=frames)
        actions[f"clips of {frames}"] = lambda embed=embed, clips=clips: embed(clips).numpy()
    seconds = interleaved(actions, rounds)
    one_by_one = seconds["frames one by one"]
    for frames in (4, 8):
        value = seconds[f"clips of {frames}"]
        speed = f"{FRAMES / frames / value:5.2f} clips/s"
        print(f"T = {frames}: {speed}, {value / one_by_one:.2f} of the time of the same frames one by one", flush=True)


def _embed_peak(frames):
    embed = embedding_function(IAUNet(None, (HEIGHT, WIDTH, 3), video=True))
    clip = _random(1, frames)
    embed(clip[:, :1])
    peak = peak_memory(lambda: embed(clip))
    print(f"embedding a clip of {frames} frames: {peak / 2**20:.0f} MiB more than the loaded process", flush=True)


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
