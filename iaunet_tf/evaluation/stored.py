"""Embeddings in a run's folder, used again for as long as what they were made of is the same."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from iaunet_tf.files import intact, replacing, write_json


def read_embeddings(path: Path, count: int, of: str) -> np.ndarray | None:
    """`count` embeddings from a `.npy` file, memory-mapped, if the `.json` beside it says that they are those of the
    fingerprint `of`, and the file is whole; else None."""

    def read():
        known = json.loads(path.with_suffix(".json").read_text())
        if known.get("fingerprint") != of:
            return None
        vectors = np.load(path, mmap_mode="r")
        if vectors.dtype != "float32" or vectors.shape[:-1] != (count,):
            raise ValueError("not these embeddings")
        if known.get("sha256") not in (None, hashlib.sha256(vectors).hexdigest()):  # older versions kept none
            raise ValueError("its content has changed")
        return vectors

    return intact(read, path)


@contextlib.contextmanager
def writing_embeddings(path: Path, of: str) -> Iterator[Path]:
    """Yields a path to write a `.npy` file to, which then takes the place of `path`, with the `.json` beside it."""
    beside = path.with_suffix(".json")
    beside.unlink(missing_ok=True)
    with replacing(path) as temporary:
        yield temporary
    write_json(beside, {"fingerprint": of, "sha256": hashlib.sha256(np.load(path, mmap_mode="r")).hexdigest()})
