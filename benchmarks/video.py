"""Speed of clips compared with single frames, and memory of long clips and of recomputing, at full size 256×128."""

import multiprocessing
import resource

import numpy as np
import psutil

from benchmarks.timing import interleaved

FRAMES, HEIGHT, WIDTH, CLASSES = 8, 256, 128, 625


def main(rounds: int = 4) -> None:
    """Prints clips/s and ratios, then peak memory, each measured in a separate process."""
    # "spawn", because peak memory is that of a process, so each measurement requires a fresh one.
    context = multiprocessing.get_context("spawn")
    for measure, arguments in (
        (_speed, (rounds,)),
        (_embed_peak, (32,)),
        (_train_peak, (False,)),
        (_train_peak, (True,)),
    ):
        process = context.Process(target=measure, args=arguments)
        process.start()
        process.join()


def _speed(rounds):
    import tensorflow as tf

    from iaunet_tf import IAUNet
    from iaunet_tf.evaluation.extraction import embedding_function

    clips_network = IAUNet(CLASSES, (HEIGHT, WIDTH, 3), video=True)
    image_network = IAUNet(CLASSES, (HEIGHT, WIDTH, 3))
    image_network.set_weights(clips_network.get_weights())
    pixels = np.random.default_rng(0).uniform(0, 255, (FRAMES, HEIGHT, WIDTH, 3)).astype("float32")
    images = tf.constant(pixels)
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
        print(
            f"T = {frames}: {FRAMES / frames / value:5.2f} clips/s, {value / one_by_one:.2f} of the time of the same "
            "frames one by one",
            flush=True,
        )


def _peak() -> float:
    """Returns the peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now() -> float:
    """Returns the current resident memory of this process in MiB."""
    return psutil.Process().memory_info().rss / 2**20


def _embed_peak(frames):
    import tensorflow as tf

    from iaunet_tf import IAUNet
    from iaunet_tf.evaluation.extraction import embedding_function

    model = IAUNet(None, (HEIGHT, WIDTH, 3), video=True)
    embed = embedding_function(model)
    clip = np.random.default_rng(0).uniform(0, 255, (1, frames, HEIGHT, WIDTH, 3)).astype("float32")
    embed(tf.constant(clip[:, :1]))
    loaded = _now()
    embed(tf.constant(clip))
    print(f"embedding a clip of {frames} frames: {_peak() - loaded:.0f} MiB more than the loaded process", flush=True)


def _train_peak(recompute):
    import keras
    import tensorflow as tf

    from iaunet_tf import IAUNet
    from iaunet_tf.config.reid import ReIdLoss
    from iaunet_tf.losses.objective import make_objective

    keras.utils.set_random_seed(0)
    model = IAUNet(CLASSES, (HEIGHT, WIDTH, 3), video=True, recompute=recompute)
    optimizer = keras.optimizers.Adam(3e-4)
    optimizer.build(model.trainable_variables)
    weights = model.trainable_variables
    objective = make_objective(ReIdLoss())
    clips = np.random.default_rng(0).uniform(0, 255, (2, 4, HEIGHT, WIDTH, 3)).astype("float32")

    @tf.function
    def step(clips):
        batch = {"labels": tf.constant([0, 1])}
        with tf.GradientTape() as tape:
            total, _ = objective(model(clips, training=True), batch)
        optimizer.apply(tape.gradient(total, [weight.value for weight in weights]), weights)
        return total

    loaded = _now()
    step(tf.constant(clips)).numpy()
    step(tf.constant(clips)).numpy()
    name = "recomputing" if recompute else "keeping"
    print(f"training step on two clips of 4, {name:11} the channel attention: {_peak() - loaded:.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
