"""Files inside shards, few large files that hold many small ones, in a folder or behind an address such as `gs://`."""

import contextlib
import errno
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from iaunet_tf.errors import InputError

SUFFIX = ".tfrecord"  # of a shard
SHARD = re.compile(rf".*?-of-\d+\{SUFFIX}(?=/)", re.DOTALL)
# Where a file is in its shard; the checksum is the CRC-32 of its bytes.
PLACE = np.dtype([("offset", "int64"), ("length", "int32"), ("checksum", "uint32")])


def read_bytes(path: str, offset: int = 0, length: int = -1) -> bytes:
    """Reads `length` bytes of a file from `offset` on, all if it is -1.

    Raises:
        OSError: it cannot be read.
    """
    if "://" not in path:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)
    with remote(path) as gfile, gfile.GFile(path, "rb") as file:
        file.seek(offset)
        return file.read(length)


@contextlib.contextmanager
def remote(path: str) -> Iterator:
    """TensorFlow's `tf.io.gfile`, whose errors in the block are those of `open`."""
    import tensorflow as tf

    try:
        yield tf.io.gfile
    except tf.errors.NotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, " ".join(error.message.split())[:160], path) from None


if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12, Path itself cannot be derived from


class PackedPath(_Path):
    """The path of a file inside a shard, `SHARD/NAME`. What `pathlib.Path` says of a file is known without reading."""

    shard: str
    offset: int
    length: int
    checksum: int

    @classmethod
    def of(cls, file: str, place: np.void) -> "PackedPath":
        """The file `SHARD/NAME` at a `PLACE`."""
        path = cls(file)
        path.shard = SHARD.findall(file)[0]
        path.offset, path.length, path.checksum = (int(number) for number in place)
        return path

    def is_file(self) -> bool:
        return self.length > 0

    def stat(self, *, follow_symlinks: bool = True) -> Any:  # what is used of it
        return SimpleNamespace(st_size=self.length, st_mtime_ns=self.checksum)

    def resolve(self, strict: bool = False) -> "PackedPath":
        return self

    def read_bytes(self) -> bytes:
        """Reads the file.

        Raises:
            InputError: the shard is not as it was packed.
        """
        try:
            content = read_bytes(self.shard, self.offset, self.length)
        except OSError as error:
            raise InputError(f"{error.strerror or error}; pack the data set again") from None
        if zlib.crc32(content) != self.checksum:
            raise InputError("is not as it was packed: the shard is damaged; pack the data set again")
        return content


class PackedMasks:
    """Part masks inside a shard, by their names as if in a folder."""

    def __init__(self, files: dict[str, PackedPath]):
        self._files = files

    def __truediv__(self, name: str) -> PackedPath:
        return self._files[name]
