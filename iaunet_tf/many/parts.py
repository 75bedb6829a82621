"""A folder of embeddings in parts: Parquet files `part-00000.parquet` and so on, of equally many images each, and
`_manifest.json`, which says of what they are. A part is there whole or not at all, so that what is missing is known."""

import contextlib
import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from iaunet_tf.errors import InputError
from iaunet_tf.features import MANIFEST, part_file, read_manifest, write_parquet
from iaunet_tf.files import alone, check_space, holds_something, printable, replacing, write_json

PART_SIZE = 1024
LEFT_OUT = "_left_out.csv"
LEFT = "left_out"  # in the metadata of a part: JSON, the number and the fault of each image that is not in it


class Parts:
    """Parts of the embeddings of `paths` by one network.

    Args:
        folder: where they are, or will be.
        network: the fingerprint of the network, and `runtime` what it runs in.
        dimensions: of its embeddings.
        sources: what the user called the images.
        size: images of a part, but for the last.

    Raises:
        InputError: the folder holds something else, or embeddings of another network or of other images.
    """

    def __init__(
        self,
        folder: Path,
        network: str,
        runtime: str,
        dimensions: int,
        sources: Sequence[str],
        paths: Sequence[str],
        size: int = PART_SIZE,
    ):
        self.folder, self.paths, self.size, self.dimensions = folder, paths, size, dimensions
        digest = hashlib.sha256()
        for path in paths:
            digest.update(path.encode("utf-8", "surrogateescape") + b"\n")
        self.manifest = {
            "network": network,
            "runtime": runtime,
            "dimensions": dimensions,
            "sources": [printable(source) for source in sources],
            "images": len(paths),
            "images_sha256": digest.hexdigest(),
            "part_size": size,
            "embedded": None,
            "left_out": None,
        }
        self._check()

    def _check(self):
        """Refuses a folder in which something else is."""
        folder, ours = self.folder, self.manifest
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--out {folder}: is a file; with --engine ray it is a folder of Parquet files")
        there = read_manifest(folder)
        if there is None:
            if folder.is_dir() and holds_something(folder):
                raise InputError(f"{folder}: is not empty, and holds no {MANIFEST}; choose another --out")
            return
        other = "choose another --out"
        if there["network"] != ours["network"]:
            raise InputError(f"{folder}: holds embeddings of another network; {other}")
        if there["runtime"] != ours["runtime"]:
            runtimes = f"{there['runtime']}, not {ours['runtime']}"
            raise InputError(f"{folder}: was begun in {runtimes}; give --runtime, or {other}")
        if there["images_sha256"] != ours["images_sha256"]:
            names = f"{', '.join(map(str, there['sources']))[:100]}, {there['images']} images"
            raise InputError(f"{folder}: holds embeddings of other images ({names}); {other}")
        if there["part_size"] != ours["part_size"]:
            raise InputError(f"{folder}: was begun with --part_size {there['part_size']}; give that, or {other}")

    @contextlib.contextmanager
    def begun(self) -> Iterator[list[int]]:
        """Makes the folder, or goes on in it; yields the numbers of the parts that are not there. Until the block ends,
        it is for this process alone.

        Raises:
            InputError: there is no space for them, or another process is at work.
        """
        with alone(self.folder):
            missing = [number for number in range(self._count) if not self._is_whole(number)]
            check_space(self.folder, 4 * self.dimensions * min(self.size * len(missing), len(self.paths)))
            if missing:
                write_json(self.folder / MANIFEST, self.manifest)
            yield missing

    def paths_of(self, number: int) -> Sequence[str]:
        """The images of a part."""
        return self.paths[number * self.size : (number + 1) * self.size]

    def write(self, number: int, embeddings: np.ndarray, reasons: dict[int, str]) -> None:
        """Writes a part: `(N, D)` embeddings of its images but for those that `reasons` keep out, by their place."""
        paths = [path for place, path in enumerate(self.paths_of(number)) if place not in reasons]
        left = json.dumps([[place, printable(reason)] for place, reason in sorted(reasons.items())])
        with replacing(self._file(number)) as temporary:
            write_parquet(temporary, paths, embeddings, self.manifest["network"], **{LEFT: left})

    def finish(self) -> tuple[int, int]:
        """Counts what is embedded and what is left out, and writes both down; to be called when no part is missing."""
        embedded, left = 0, []
        for number in range(self._count):
            paths, (rows, reasons) = self.paths_of(number), _contents(self._file(number))
            embedded += rows
            left += [(printable(paths[place]), reason) for place, reason in reasons]
        if left:
            with replacing(self.folder / LEFT_OUT) as temporary, temporary.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("path", "reason"))
                writer.writerows(left)
        self.manifest |= {"embedded": embedded, "left_out": len(left)}
        write_json(self.folder / MANIFEST, self.manifest)
        return embedded, len(left)

    @property
    def _count(self):
        return -(-len(self.paths) // self.size)

    def _file(self, number):
        return part_file(self.folder, number)

    def _is_whole(self, number):
        """Whether a part is there; after a power failure a file may be there by its name alone."""
        try:
            rows, reasons = _contents(self._file(number))
        except Exception:  # pyarrow raises various ones for damaged files
            return False
        return rows + len(reasons) == len(self.paths_of(number))


def _contents(file):
    """How many rows a part has, and what is left out of it."""
    from pyarrow import parquet

    with parquet.ParquetFile(file) as part:
        return part.metadata.num_rows, json.loads(part.schema_arrow.metadata[LEFT.encode()])
