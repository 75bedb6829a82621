"""Galleries in Milvus Lite and on a Milvus server, beside exact search in NumPy and FAISS' flat index.

`python -m benchmarks.gallery --sizes 100000 1000000 --places lite server`; the server is that of the package `milvus`.
"""

import argparse
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from iaunet_tf.evaluation import nearest
from iaunet_tf.gallery import Entry, Gallery
from iaunet_tf.gallery.collection import FRESH

K, CAMERAS, STEP = 10, 6, 10_000
NETWORK = "be" * 32
FILTERS = {"": {}, "1 of 6 cameras": {"cameras": "1"}, "a tenth of the time": {"after": 1.7e9, "before": 1.7e9 + 0.1}}


def main() -> None:
    """Prints a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--places", nargs="+", default=["lite", "server"], choices=["lite", "server"])
    options = parser.parse_args()
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            vectors, queries = people(Path(folder), size, options.dimension, options.queries)
            print(f"\n{size} entries of {options.dimension} numbers, {len(queries)} queries one by one, k = {K}")
            best = exact(vectors, queries)
            faiss_flat(vectors, queries)
            for place in options.places:
                with opened(place, Path(folder)) as (uri, process, data):
                    measure(place, uri, process, data, vectors, queries, best)


def people(folder: Path, size: int, dimension: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of people seen 20 times each, `(size, dimension)` in a file, and others of them as queries."""
    rng = np.random.default_rng(0)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", "float32", (size, dimension))
    centres = rng.standard_normal((max(1, size // 20), dimension), "float32")
    for start in range(0, size, STEP):
        rows = np.arange(start, min(start + STEP, size))
        vectors[rows] = noisy(rng, centres[rows % len(centres)])
    return vectors, noisy(rng, centres[rng.integers(0, len(centres), queries)])


def noisy(rng, centres):
    """Embeddings of length 1 around their people's centres."""
    found = centres + rng.standard_normal(centres.shape, "float32")
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def exact(vectors, queries) -> np.ndarray:
    """Prints the time of exact search, of one query at a time and of all at once; returns the nearest `(Q, K)`."""
    ids = np.arange(len(vectors))
    few = [timed(lambda q=q: nearest(q[None], vectors, [-1], ids, k=K))[0] for q in queries[:20]]
    seconds, (places, _) = timed(lambda: nearest(queries, vectors, np.full(len(queries), -1), ids, k=K))
    say("iaunet_tf.evaluation.nearest", query=np.median(few) * 1000, together=seconds / len(queries) * 1000)
    return places


def faiss_flat(vectors, queries) -> None:
    """Prints the time of FAISS' flat index, if it is installed."""
    try:
        import faiss
    except ImportError:
        print("  faiss is not installed")
        return
    before = memory(psutil.Process())
    index = faiss.IndexFlatIP(vectors.shape[1])
    seconds, _ = timed(lambda: [index.add(vectors[start : start + STEP]) for start in range(0, len(vectors), STEP)])
    times = [timed(lambda q=q: index.search(q[None], K))[0] for q in queries]
    together, _ = timed(lambda: index.search(queries, K))
    used = memory(psutil.Process()) - before
    query, many = np.median(times) * 1000, together / len(queries) * 1000
    say("faiss.IndexFlatIP", add=len(vectors) / seconds, query=query, together=many, memory=used)


def measure(place, uri, process, data, vectors, queries, best) -> None:
    """Prints what adding and searching takes, exactly and by an index."""
    before, size = memory(process), len(vectors)
    entries = [Entry(id=f"{i:09}", camera=str(i % CAMERAS), time=1.7e9 + i / size) for i in range(size)]

    def add(gallery):
        for start in range(0, size, STEP):
            gallery.add(entries[start : start + STEP], vectors[start : start + STEP])

    with Gallery(uri, (NETWORK, vectors.shape[1]), timeout=600, exact_up_to=size) as gallery:
        seconds, _ = timed(lambda: add(gallery))
        assert gallery.count() == size
        again, added = timed(lambda: gallery.add(entries[:STEP], vectors[:STEP]))
        say(f"{place}: adding", add=size / seconds)
        print(f"    {len(entries[:STEP])} that are there: {again:.2f} s, {added}")
    seconds, gallery = timed(lambda: Gallery(uri, timeout=600, exact_up_to=0))
    print(f"    opening: {seconds:.1f} s")
    with gallery:
        searches(f"{place}, exact", gallery, queries, best)
        say("", memory=memory(process) - before, disk=disk(data))
        print(f"    info: {timed(gallery.info)[0]:.1f} s")
        seconds, _ = timed(lambda: gallery.add(entries[:1], vectors[:1]))
        info = gallery.info()
        print(f"    building {info['index']} and measuring its recall ({info['recall']:.4f}): {seconds:.1f} s")
        searches(f"{place}, {info['index']}", gallery, queries, best)
        say("", memory=memory(process) - before, disk=disk(data))


def searches(name, gallery, queries, best) -> None:
    """Prints the time of searches with and without filters, and their recall."""
    if "://" in gallery.uri:
        query = timed(lambda: gallery.search(queries[0], K))[0] * 1000
        print(f"    just after it was opened or changed: {query:.0f} ms for a query")
        time.sleep(FRESH)
    for what, filters in FILTERS.items():
        gallery.search(queries[:1], K, **filters)
        found = [timed(lambda q=q, filters=filters: gallery.search(q, K, **filters)) for q in queries]
        together, _ = timed(lambda filters=filters: gallery.search(queries, K, **filters))
        times = {"query": np.median([each[0] for each in found]) * 1000, "together": together / len(queries) * 1000}
        if not filters:
            pairs = zip(found, best, strict=True)
            hits = [{int(hit.entry.id) for hit in each[1][0]} & {*row.tolist()} for each, row in pairs]
            times["recall"] = sum(map(len, hits)) / best.size
        say(f"{name} {what}", **times)


@contextlib.contextmanager
def opened(place: str, folder: Path) -> Iterator[tuple[str, psutil.Process, Path]]:
    """Address, process and folder of a new gallery."""
    if place == "lite":
        yield str(folder / "people.db"), psutil.Process(), folder / "people.db"
        return
    import milvus

    here = os.getcwd()
    server = milvus.MilvusServer(milvus.MilvusServerConfig(data_dir=str(folder / "server")))
    try:
        server.start()
        os.chdir(here)
        yield (
            f"http://127.0.0.1:{server.listen_port}",
            psutil.Process(server.server_proc.pid),
            folder / "server" / "data",
        )
    finally:
        os.chdir(here)
        server.stop()


def timed(action):
    """Seconds, and what the action returns."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def memory(process: psutil.Process) -> int:
    """Bytes of memory of a process, without those of files that it has mapped."""
    found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) * 1024


def disk(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def say(name: str, add=None, query=None, together=None, recall=None, memory=None, disk=None) -> None:
    """Prints a line of figures."""
    parts = (
        (add, "{:.0f} added/s"),
        (query, "{:.2f} ms per query"),
        (together, "{:.3f} ms in one call"),
        (recall, "recall {:.4f}"),
        (memory and memory / 2**20, "{:.0f} MiB of memory"),
        (disk and disk / 2**20, "{:.0f} MiB on disk"),
    )
    print(f"  {name:32}" + ", ".join(text.format(value) for value, text in parts if value is not None), flush=True)


if __name__ == "__main__":
    main()
