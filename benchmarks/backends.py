"""IAUnet in Keras on JAX, PyTorch or TensorFlow, on whatever device that finds: speed, and the same embeddings.

`KERAS_BACKEND=jax python -m benchmarks.backends [MODEL.keras EXPECTED.npy]`. EXPECTED holds what another backend gave;
it is written if it is not there.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np

import iaunet_tf
from iaunet_tf.losses import BatchHardTripletLoss

SHAPE, IDENTITIES, BATCH, ROUNDS = (256, 128, 3), 751, 64, 20
KINDS = {"baseline": None, "IAUnet": "iau"}


def main(model: str = "", expected: str = "") -> None:
    """Prints images/s of embedding and of training steps, with and without blocks, in float32 and bfloat16."""
    print(f"Keras {keras.__version__} on {keras.backend.backend()}: {_device()}", flush=True)
    if model:
        compare(Path(model), Path(expected))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, *SHAPE)).astype("float32")
    labels = np.repeat(np.arange(BATCH // 4), 4)
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        for name, block in KINDS.items():
            keras.utils.set_random_seed(0)
            network = iaunet_tf.IAUNet(num_classes=IDENTITIES, input_shape=SHAPE, block=block)
            crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            losses = {"logits": crossentropy, "embedding": BatchHardTripletLoss(margin=0.3)}
            network.compile("adam", losses)
            truth = {"logits": labels, "embedding": labels}
            embedding = rate(lambda network=network: network.predict_on_batch(images))
            training = rate(lambda network=network, truth=truth: network.train_on_batch(images, truth))
            print(f"  {name:9} {policy:15} {embedding:8.0f} embedded/s {training:8.0f} trained/s", flush=True)


def compare(model: Path, expected: Path) -> None:
    """Prints how far embeddings are from those of another backend, by the same weights."""
    network = keras.saving.load_model(model)
    shape = network.input_shape[1:]
    images = np.random.default_rng(1).integers(0, 256, (16, *shape)).astype("float32")
    found = network.predict_on_batch(images)["embedding"]
    if not expected.is_file():
        np.save(expected, found)
        print(f"  {expected}: written")
        return
    theirs = np.load(expected)
    cosines = (found * theirs).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(theirs, axis=1)
    largest = np.abs(found - theirs).max() / np.abs(theirs).max()
    print(f"  same weights, {len(images)} images: largest difference {largest:.2g} of the largest value, "
          f"least cosine {cosines.min():.7f}")  # fmt: skip


def rate(work) -> float:
    """Images per second; results arrive in host memory, so that nothing is left to be done."""
    for _ in range(3):
        work()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return ROUNDS * BATCH / (time.perf_counter() - start)


def _device():
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    return ", ".join(keras.distribution.list_devices())


if __name__ == "__main__":
    main(*sys.argv[1:])
