"""Cost of the blocks: IAUnet compared with the plain ResNet-50, at full size 256×128."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.config.reid import ReIdLoss
from iaunet_tf.losses.objective import make_objective

BATCH, HEIGHT, WIDTH, CLASSES = 16, 256, 128, 751


def main(rounds: int = 4) -> None:
    """Prints images/s of inference and training, and their ratios."""
    rng = np.random.default_rng(0)
    batch = {
        "images": tf.constant(rng.uniform(0, 255, (BATCH, HEIGHT, WIDTH, 3)), "float32"),
        "labels": tf.repeat(tf.range(BATCH // 4), 4),
    }
    forward, train = {}, {}
    for name, block in (("IAUnet", "iau"), ("ResNet-50", None)):
        model = IAUNet(CLASSES, (HEIGHT, WIDTH, 3), block=block)
        forward[name], train[name] = _forward(model, batch), _train_step(model, batch)
    for what, actions in (("inference", forward), ("training step", train)):
        seconds = interleaved(actions, rounds)
        for name, value in seconds.items():
            print(f"{what:14}{name:10}{BATCH / value:7.1f} images/s")
        print(f"{what:14}ratio of times {seconds['IAUnet'] / seconds['ResNet-50']:.2f}", flush=True)


def _forward(model, batch):
    function = tf.function(lambda images: model(images, training=False)["embedding"])
    return lambda: function(batch["images"]).numpy()


def _train_step(model, batch):
    optimizer = keras.optimizers.Adam(3.5e-4)
    optimizer.build(model.trainable_variables)
    weights = model.trainable_variables
    objective = make_objective(ReIdLoss())

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            total, _ = objective(model(batch["images"], training=True), batch)
        optimizer.apply(tape.gradient(total, [weight.value for weight in weights]), weights)
        return total

    return lambda: step().numpy()
