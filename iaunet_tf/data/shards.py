"""Writes a shard: a TFRecord file with a person's images in one `tf.train.Example`.

Its features: `identity` and `cameras` (int64), `names` and `images` (bytes, the files as they are), and, if there are
part masks, `masks` (bytes, four PNG files for each image in the order of `PARTS`, empty where there are none).
"""

import contextlib
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from iaunet_tf.data.dataset import PARTS, Subset
from iaunet_tf.data.decoding import load_with_masks
from iaunet_tf.data.packed import PLACE, remote
from iaunet_tf.errors import InputError
from iaunet_tf.files import replacing

HEAD, FOOT = 12, 4  # bytes of a TFRecord before and behind its content
LARGEST = 2**28  # bytes of a record, of which TensorFlow takes eight times as many


@dataclass(frozen=True)
class Shard:
    """Which entries of a subset a shard is to hold, those of a person in a row."""

    file: str
    subset: Subset
    entries: np.ndarray


def write_shard(
    shard: Shard, root: str, target: str, skip: bool, done: Callable[[int], object]
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Writes a shard into a folder, without unreadable images if they may be skipped; `done` takes the progress.

    Returns the file's name, size and digest, the number of its images, and a line for each that is left out; the
    entries that it holds; and their `PLACE`s, `(N, 5)`, of the image and its masks.
    """
    entries, places, left_out = [], [], []
    with writing(f"{target}/{shard.file}") as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            record, start = _Record(), 0

            def finish():
                nonlocal record, start
                content, found = record.serialised()
                if len(content):
                    writer.write(content)
                    places.extend((start + HEAD + offset, *rest) for each in found for offset, *rest in each)
                    start += HEAD + len(content) + FOOT
                record = _Record()

            for entry in shard.entries:
                pid = int(shard.subset.pids[entry])
                if record.pid not in (None, pid) or record.size > LARGEST:
                    finish()
                try:
                    files = read_files(shard.subset, entry)
                except InputError as error:
                    if not skip:
                        raise InputError(f"{error}; --on_corrupt skip leaves such images out") from None
                    left_out.append(str(error))
                else:
                    entries.append(int(entry))
                    record.add(pid, int(shard.subset.camids[entry]), name_below(root, shard.subset, entry), files)
                done(1)
            finish()
        size, sha256 = temporary.stat().st_size, digest(str(temporary))
    notes = {"file": shard.file, "images": len(entries), "bytes": size, "sha256": sha256, "left_out": left_out}
    return notes, np.array(entries, int), np.array(places, PLACE).reshape(-1, 1 + len(PARTS))


def read_files(subset: Subset, entry: int) -> list[bytes]:
    """The content of an image's file and of its four part masks, empty if it has none; makes sure that all can be
    decoded."""
    frame = subset.starts[entry]
    path, folder = subset.path(frame), subset.mask_folder(frame)
    _, masks = load_with_masks(path, folder, (16, 8))
    parts = (
        [b""] * len(PARTS)
        if masks is None or folder is None
        else [(folder / f"{part}.png").read_bytes() for part in PARTS]
    )
    return [path.read_bytes(), *parts]


class _Record:
    """A person's images, as they become a `tf.train.Example`."""

    def __init__(self):
        self.pid: int | None = None
        self.cameras, self.names, self.files, self.size = [], [], [], 0

    def add(self, pid: int, camera: int, name: bytes, files: list[bytes]) -> None:
        self.pid = pid
        self.cameras.append(camera)
        self.names.append(name)
        self.files.append(files)
        self.size += sum(map(len, files))

    def serialised(self) -> tuple[bytes, list]:
        """The bytes, and for each image the offset, length and checksum of its files in them."""
        if not self.files:
            return b"", []
        masks = [file for files in self.files for file in files[1:]]
        features = {
            "identity": tf.train.Feature(int64_list=tf.train.Int64List(value=[self.pid])),
            "cameras": tf.train.Feature(int64_list=tf.train.Int64List(value=self.cameras)),
            "names": tf.train.Feature(bytes_list=tf.train.BytesList(value=self.names)),
            "images": tf.train.Feature(bytes_list=tf.train.BytesList(value=[files[0] for files in self.files])),
        }
        if any(masks):
            features["masks"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=masks))
        content = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
        # Files of a feature follow each other. Wherever the same bytes are found, they are the same file.
        after = [0] * (1 + len(PARTS))
        places = [[(0, 0, 0)] * len(after) for _ in self.files]
        for row, files in enumerate(self.files):
            for kind, file in enumerate(files):
                if file:
                    offset = content.index(file, after[kind])
                    after[kind] = offset + len(file)
                    places[row][kind] = (offset, len(file), zlib.crc32(file))
        return content, places


def name_below(root: str, subset: Subset, entry: int) -> bytes:
    """The name of an image below its data set's root."""
    path = os.path.relpath(subset.path(subset.starts[entry]), root)
    return os.fsencode(os.path.basename(path) if path.startswith("..") else path)


def digest(path: str) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with remote(path) as gfile, gfile.GFile(path, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def writing(path: str) -> Iterator[Path]:
    """Yields a local path whose file becomes `path`, whole or not at all, also where that is behind an address."""
    if "://" not in path:
        with replacing(path) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "file"
        yield temporary
        with remote(path) as gfile:
            gfile.copy(str(temporary), path, overwrite=True)
