"""Data sets packed by `iaunet data pack`: few large shards, and an index of what is where in them."""

import io
import os
import re
from pathlib import Path

import numpy as np

from iaunet_tf.data.dataset import PARTS, Dataset, Subset
from iaunet_tf.data.packed import PLACE, SUFFIX, read_bytes, remote
from iaunet_tf.errors import InputError, reason_of

INDEX = "index.npz"
SUBSETS = ("train", "query", "gallery")
COLUMNS = ("shards", "sizes", "shard", "names", "pids", "camids", "masked", "packed")


def read_packed(root: str | Path) -> Dataset:
    """Reads a packed data set from a folder, or an address such as `gs://bucket/folder`."""
    root = str(root).rstrip("/") if "://" in str(root) else str(Path(root).expanduser())
    index = f"{root}/{INDEX}"
    try:
        with np.load(io.BytesIO(read_bytes(index))) as arrays:
            name = str(arrays["name"])
            if not re.fullmatch(r"\w{1,80}", name):
                raise ValueError(f"a data set called {name}")
            columns = {subset: {column: arrays[f"{subset}_{column}"] for column in COLUMNS} for subset in SUBSETS}
        return Dataset(name, **{subset: _subset(root, subset, **columns[subset]) for subset in SUBSETS})
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{index}: no such file; make it, or finish an interrupted packing, by iaunet data pack NAME=ROOT {root}, "
            "or set --data.root"
        ) from None
    except InputError:
        raise
    except Exception as error:  # NumPy and zipfile raise various ones for damaged files
        raise InputError(f"{index}: damaged ({reason_of(error, 80)}); pack the data set again") from None


def _subset(root, name, shards, sizes, shard, names, pids, camids, masked, packed):
    """A subset by its columns; refuses shards that are missing or have another size than the index says."""
    columns = (shard, names, pids, camids, masked, packed)
    if not len(names) or any(len(column) != len(names) for column in columns):
        raise ValueError(f"columns of {', '.join(str(len(column)) for column in columns)} images")
    kinds = [column.ndim for column in columns], {pids.dtype.kind, camids.dtype.kind}, packed.dtype, packed.shape[1:]
    if kinds != ([1, 1, 1, 1, 1, 2], {"i"}, PLACE, (1 + len(PARTS) if masked.any() else 1,)):
        raise ValueError("columns of other kinds")
    if not all(re.fullmatch(rf"\w+-\d+-of-\d+\{SUFFIX}", file) for file in shards.tolist()) or shard.min() < 0:
        raise ValueError("names of other files")
    paths = [f"{root}/{file}" for file in shards.tolist()]
    for path, size in zip(paths, sizes.tolist(), strict=True):
        try:
            found = _size(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; pack the data set again") from None
        if found != size:
            raise InputError(f"{path}: has {found} bytes, {size} were packed; pack the data set again")
    folders = np.array([os.fsencode(f"{path}/") for path in paths])
    files = np.char.add(folders[shard], names)
    masks = np.where(masked, files, b"") if masked.any() else None
    entries = np.arange(len(files))
    return Subset(name, files, entries, np.ones_like(entries), pids, camids, masks, packed=packed)


def _size(path):
    if "://" not in path:
        return Path(path).stat().st_size
    with remote(path) as gfile:
        return gfile.stat(path).length
