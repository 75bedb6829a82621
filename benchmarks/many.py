"""Start-up and input of training from 200,000 small files, and from the same in shards."""

import itertools
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.embedder import write_images
from iaunet_tf.data.batches import train_batches
from iaunet_tf.data.packing import pack
from iaunet_tf.data.readers.market1501 import read_market1501
from iaunet_tf.data.readers.packed import read_packed
from iaunet_tf.data.sources import open_source

PEOPLE, IMAGES, BATCHES = 20_000, 10, 100


def main(people: int = PEOPLE) -> None:
    """Prints the seconds until the first batch of 64 images at 256×128, memory, and images/s after it."""
    with tempfile.TemporaryDirectory() as folder:
        root, shards = Path(folder) / "files", f"{folder}/packed"
        names = (f"{pid:05}_c{1 + k % 6}s1_{k:06}_01.jpg" for pid in range(1, people + 1) for k in range(IMAGES))
        write_images(root / "bounding_box_train", names)
        for split in ("query", "bounding_box_test"):
            write_images(root / split, [f"{people + 1:05}_c{1 + (split == 'query')}s1_000000_01.jpg"])
        _measure("files, checked before", lambda: read_market1501(root))
        _measure("files, checked while training", lambda: read_market1501(root), check=False)
        start = time.perf_counter()
        pack(read_market1501(root), str(root), shards)
        seconds = time.perf_counter() - start
        print(f"{'packed':30}in {seconds:.0f} s, {len(list(Path(shards).glob('*.tfrecord')))} shards", flush=True)
        _measure("shards", lambda: read_packed(shards))


def _measure(name, read, check=True):
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    subset = read().train
    listed = time.perf_counter()
    source = open_source(subset, (256, 128), check=check)
    checked = time.perf_counter()
    batches = iter(train_batches(source, 64, 4, seed=0, epoch=0))
    next(batches)
    first = time.perf_counter()
    images = sum(len(batch["labels"]) for batch in itertools.islice(batches, BATCHES))
    rate, memory = images / (time.perf_counter() - first), (process.memory_info().rss - before) / 2**20
    print(
        f"{name:30}{len(subset)} images: listed in {listed - start:.1f} s, checked in {checked - listed:.1f} s, first "
        f"batch {first - checked:.1f} s later; {memory:.0f} MiB; {rate:.0f} images/s",
        flush=True,
    )
