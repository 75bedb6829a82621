"""Throughput of the input pipeline for training at 256×128, with and without cache."""

import tempfile
import time
from pathlib import Path

from iaunet_tf.data.batches import train_batches
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.sources import open_source
from iaunet_tf.data.synthetic.images import ImageOptions, ensure_images


def main(epochs: int = 3) -> None:
    """Prints images/s with and without part masks for each kind of cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "synthetic"
        ensure_images(root, ImageOptions(train_people=120, test_people=2, distractors=0))
        subset = read_market1501(root).train
        for masks, sizes in (("masks", [(32, 16), (16, 8)]), ("no masks", [])):
            rates = {}
            for cache in ("none", "disk", "memory"):
                source = open_source(subset, (256, 128), cache, Path(folder) / "cache", mask_sizes=sizes)
                list(train_batches(source, 64, 4, seed=0, epoch=0))
                start, images = time.perf_counter(), 0
                for epoch in range(1, epochs + 1):
                    for batch in train_batches(source, 64, 4, seed=0, epoch=epoch):
                        images += len(batch["labels"])
                rates[cache] = images / (time.perf_counter() - start)
                gain = rates[cache] / rates["none"]
                print(f"{masks:10}cache {cache:8}{rates[cache]:8.0f} images/s, {gain:.1f} x none", flush=True)
