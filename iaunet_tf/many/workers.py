"""What runs in the workers of Ray: reading a part's images, and embedding them.

A row that travels between them is one part. Faults that the user can mend travel in it as text, since Ray wraps
exceptions in tracebacks.
"""

import contextlib
import io
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import iaunet_tf
from iaunet_tf.data.decoding import load_image
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.stated import Input
from iaunet_tf.many.sources import read_bytes
from iaunet_tf.threads import use_cores

READERS = 16  # files of a part that are read at a time: storage answers late, not slowly
ATTEMPTS = 3  # at a part on which workers die


@dataclass(frozen=True)
class Order:
    """How a worker opens the network.

    Attributes:
        network: the name of a published network; otherwise of its file, or "" for the folder of its files.
        files: reference to the contents of all its files by their names, or None for a published network.
        device: `"cpu"` or `"cuda"`.
        runtime: that is to be asked for, and `runs_in` what it has to come to, if not None.
        cores: that a worker may use.
        version: of iaunet-tf, that of the command.
        attempts: handle of `Attempts`.
    """

    network: str
    files: object | None
    batch_size: int
    device: str
    input: Input | None
    runtime: str
    runs_in: str | None
    cores: int
    version: str
    attempts: Any


class Attempts:
    """An actor that counts how often a part was begun and not ended, which is how often its worker died."""

    def __init__(self):
        self._begun = Counter()

    def begin(self, part: int) -> int:
        self._begun[part] += 1
        return self._begun[part]

    def end(self, part: int) -> None:
        del self._begun[part]


def fetch(row: dict) -> dict:
    """Reads the images of a part: adds `contents`, empty for those that cannot be read, `reasons` why, and `error`."""

    def read(path):
        try:
            return read_bytes(path), ""
        except InputError as error:
            return b"", str(error)

    names = [os.fsdecode(path) for path in row["paths"]]
    try:
        with ThreadPoolExecutor(READERS) as pool:
            contents, reasons = zip(*pool.map(read, names), strict=True)
    except OSError as error:
        fault = f"{names[0]} and others: cannot be read ({reason_of(error)}); repeat the command when they can"
        return {**row, "contents": [], "reasons": [], "error": fault}
    return {**row, "contents": list(contents), "reasons": list(reasons), "error": ""}


class Worker:
    """Embeds the images of parts; one for each process."""

    def __init__(self, order: Order):
        self._attempts, self._fault = order.attempts, ""
        try:
            self._embed = _opened(order)
        except InputError as error:
            self._fault = f"a worker cannot embed: {error}"

    def __call__(self, row: dict) -> dict:
        """Returns the `part`; its embeddings as bytes of float32 in `rows`, and the `places` of their images in it; the
        `reasons` why images are left out, '' for others; how many are `absent`; and an `error` that ends it all."""
        import ray

        part, names = int(row["part"]), [os.fsdecode(path) for path in row["paths"]]
        fault = self._fault or row["error"]
        if fault:
            return _answer(part, error=fault)
        begun = ray.get(self._attempts.begin.remote(part))
        if begun > ATTEMPTS:
            where = f"{names[0]} to {os.path.basename(names[-1])}"
            return _answer(part, error=f"{ATTEMPTS} workers died while they embedded {where}; is there memory enough?")
        answer = self._answer(part, names, row["contents"], [str(reason) for reason in row["reasons"]])
        ray.get(self._attempts.end.remote(part))
        return answer

    def _answer(self, part, names, contents, reasons):
        absent = sum(map(bool, reasons))
        pictures = {place: bytes(contents[place]) for place, reason in enumerate(reasons) if not reason}
        try:
            try:
                rows = self._embed(list(pictures.values()))
            except InputError:
                faults = dict(_faults(pictures))
                if not faults:
                    raise
                for place, fault in faults.items():
                    reasons[place] = f"{names[place]}: {fault}"
                    del pictures[place]
                rows = self._embed(list(pictures.values()))
        except InputError as error:
            return _answer(part, error=f"{names[0]} and others: {error}")
        return _answer(part, rows, list(pictures), reasons, absent)


def _answer(part, rows=None, places=(), reasons=(), absent=0, error=""):
    content = b"" if rows is None else np.ascontiguousarray(rows, "float32").tobytes()
    return {
        "part": part,
        "rows": content,
        "places": list(places),
        "reasons": list(reasons),
        "absent": absent,
        "error": error,
    }


def _faults(pictures) -> Iterator[tuple[int, str]]:
    """What is wrong with the images that cannot be decoded, by their places."""
    for place, content in pictures.items():
        try:
            load_image(io.BytesIO(content))
        except InputError as error:
            yield place, str(error)


def _opened(order):
    """The network, as ordered."""
    if iaunet_tf.__version__ != order.version:
        raise InputError(f"it has iaunet-tf {iaunet_tf.__version__}, and the command {order.version}; install the same")
    if order.cores < (os.cpu_count() or 1):
        use_cores(order.cores)
    with _placed(order) as network:
        embed = Embedder(network, order.batch_size, order.device, order.input, order.runtime)
    if order.runs_in not in (None, embed.runtime):
        raise InputError(f"its network runs in {embed.runtime}, and here in {order.runs_in}; install the same there")
    return embed


@contextlib.contextmanager
def _placed(order):
    """The network's name, or its files in a folder until it is read."""
    if order.files is None:
        yield order.network
        return
    import ray

    with tempfile.TemporaryDirectory() as folder:
        for name, content in ray.get(order.files).items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        yield Path(folder, order.network)
