"""Throughput of the input pipeline for training at 256×128, with and without cache and part masks."""

import itertools
import tempfile
from collections import deque
from functools import partial
from pathlib import Path

from benchmarks.timing import interleaved
from iaunet_tf.data.batches import train_batches
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.sources import open_source
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images

EPOCHS = {"none": 1, "disk": 50, "memory": 50}  # by cache: long enough to time
MASKS = {"with part masks": [(32, 16), (16, 8)], "without": []}


def main(rounds: int = 3) -> None:
    """Prints images/s for each kind of cache with and without part masks, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "synthetic"
        ensure_images(root, ImageOptions(train_people=120, test_people=2, distractors=0))
        subset = read_market1501(root).train
        images, actions = 0, {}
        for cache, (masks, sizes) in itertools.product(EPOCHS, MASKS.items()):
            source = open_source(subset, (256, 128), cache, Path(folder) / "cache", mask_sizes=sizes)
            batches = train_batches(source, 64, 4, seed=0, epoch=0)
            images = sum(len(batch["labels"]) for batch in batches)
            actions[cache, masks] = partial(deque, batches.repeat(EPOCHS[cache]), maxlen=0)
        seconds = interleaved(actions, rounds)
        for cache in EPOCHS:
            rates = {masks: EPOCHS[cache] * images / seconds[cache, masks] for masks in MASKS}
            figures = ", ".join(f"{rate:.0f} images/s {masks}" for masks, rate in rates.items())
            print(f"cache {cache:8}{figures}, ratio {rates['with part masks'] / rates['without']:.2f}", flush=True)
