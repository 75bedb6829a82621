"""Speed of a training step of IAUnet with all three losses, compared with a plain Keras ResNet-50 and `model.fit`."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.config.reid import ReIdLoss, ReIdTrain
from iaunet_tf.layers.parts import BatchNorm
from iaunet_tf.losses.objective import make_objective
from iaunet_tf.training.step import make_train_step

SHAPE = (256, 128, 3)
BATCH, CLASSES, STEPS = 16, 751, 2
PRECISIONS = ("float32", "mixed_bfloat16")


def main(rounds: int = 4) -> None:
    """Prints images/s and ratios for batch size 16 at full size 256×128, with stride 1 in stage 4 of both networks."""
    batch = random_batch()
    actions = {}
    for precision in PRECISIONS:
        keras.config.set_dtype_policy(precision)
        actions[f"plain Keras, fit, {precision}"] = _plain(batch)
        step = training_step(IAUNet(CLASSES, SHAPE), batch)
        actions[f"iaunet-tf, {precision}"] = lambda step=step: [step() for _ in range(STEPS)]
    keras.config.set_dtype_policy("float32")
    seconds = interleaved(actions, rounds)
    for name, value in seconds.items():
        print(f"{name:34}{STEPS * BATCH / value:6.1f} images/s")
    for precision in PRECISIONS:
        ratio = seconds[f"iaunet-tf, {precision}"] / seconds[f"plain Keras, fit, {precision}"]
        print(f"{precision:15} time of iaunet-tf relative to plain Keras {ratio:.2f}")
    for name in ("plain Keras, fit", "iaunet-tf"):
        ratio = seconds[f"{name}, float32"] / seconds[f"{name}, mixed_bfloat16"]
        print(f"{name:17} bfloat16 is {ratio:.2f} x float32", flush=True)


def random_batch() -> dict[str, tf.Tensor]:
    """Four random images of each person, with masks in the sizes of the part attention."""
    rng = np.random.default_rng(0)
    return {
        "images": tf.constant(rng.uniform(0, 255, (BATCH, *SHAPE)), "float32"),
        "labels": tf.repeat(tf.range(BATCH // 4), 4),
        "masks_1": tf.constant(rng.uniform(size=(BATCH, 32, 16, 4)), "float32"),
        "masks_2": tf.constant(rng.uniform(size=(BATCH, 16, 8, 4)), "float32"),
        "has_masks": tf.ones(BATCH),
    }


def training_step(model: keras.Model, batch: dict[str, tf.Tensor]) -> Callable[[], dict[str, float]]:
    """Compiles a training step of a network on a batch, with all losses that they have data for."""
    model.compile(keras.optimizers.Adam(3.5e-4), auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    options = ReIdTrain(batch_size=len(batch["labels"]))
    step = make_train_step(model, make_objective(ReIdLoss()), options)
    return lambda: step(batch)


def _plain(batch):
    network = keras.models.clone_model(IAUNet(CLASSES, SHAPE, block=None), clone_function=_keras_layer)
    model = keras.Model(network.input, network.output["logits"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # By default, fit compiles with XLA, which is slower on CPUs.
    model.compile(keras.optimizers.Adam(3.5e-4), loss, auto_scale_loss=False, jit_compile=False)
    data = tf.data.Dataset.from_tensors((batch["images"], batch["labels"])).repeat()
    return lambda: model.fit(data, steps_per_epoch=STEPS, verbose=0)


def _keras_layer(layer):
    kind = keras.layers.BatchNormalization if isinstance(layer, BatchNorm) else type(layer)
    return kind.from_config(layer.get_config())
