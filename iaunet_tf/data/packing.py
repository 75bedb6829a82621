"""Packs a data set of images into shards, with an index of what is where in them."""

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from iaunet_tf.data.dataset import PARTS, Dataset, Subset
from iaunet_tf.data.packed import SUFFIX, read_bytes, remote
from iaunet_tf.data.readers.packed import INDEX, SUBSETS, read_packed
from iaunet_tf.data.shards import Shard, digest, name_below, write_shard, writing
from iaunet_tf.errors import InputError
from iaunet_tf.files import fingerprint, remove_unfinished, state
from iaunet_tf.terminal import progress
from iaunet_tf.threads import ahead

SUMMARY, BEGUN = "index.json", "packing.json"  # what is packed, and what is being packed
BESIDE = ".npz"  # beside a finished shard, until all are


def pack(
    dataset: Dataset,
    root: str,
    target: str,
    images: int = 10_000,
    on_corrupt: str = "error",
    say: Callable[[str], None] = print,
) -> dict:
    """Packs a data set in `root` into a folder, or an address such as `gs://bucket/folder`; returns what is in there.

    Every image is decoded once, so that training need not. Shards have about `images` images, and are written on all
    cores; those that an interrupted packing has finished stay. If `on_corrupt` is `"skip"` rather than `"error"`,
    unreadable images are left out, which `say` is told.

    Raises:
        InputError: the data set consists of tracklets, `target` holds something else, or an image is unreadable.
    """
    if dataset.train.video:
        raise InputError(f"{dataset.name}: consists of tracklets; only images can be packed")
    shards = [shard for name in SUBSETS for shard in plan(getattr(dataset, name), images)]
    of = fingerprint([dataset.name, *(value for shard in shards for value in _states(shard, root))])
    if _is_done(target, of):
        return _read(f"{target}/{SUMMARY}")
    with progress("packing", sum(len(shard.entries) for shard in shards)) as bar:

        def work(shard):
            beside = f"{target}/{shard.file}{BESIDE}"
            with contextlib.suppress(FileNotFoundError), np.load(io.BytesIO(read_bytes(beside))) as arrays:
                bar.update(len(shard.entries))
                return {**json.loads(str(arrays["notes"])), "entries": arrays["entries"], "packed": arrays["packed"]}
            notes, entries, packed = write_shard(shard, root, target, on_corrupt == "skip", bar.update)
            with writing(beside) as temporary, temporary.open("wb") as file:
                np.savez(file, notes=json.dumps(notes), entries=entries, packed=packed)
            return {**notes, "entries": entries, "packed": packed}

        finished = list(ahead(work, shards, os.cpu_count() or 1))
    summary = {"name": dataset.name, "packing": of, "subsets": {}}
    arrays: dict[str, Any] = {"name": dataset.name}
    for name in SUBSETS:
        subset = getattr(dataset, name)
        notes = [each for shard, each in zip(shards, finished, strict=True) if shard.subset is subset]
        if lost := [line for each in notes for line in each["left_out"]]:
            say(f"{name}: {len(lost)} of {len(subset)} images are left out, the first: {lost[0]}")
        columns, summary["subsets"][name] = _columns(subset, root, notes)
        arrays |= {f"{name}_{column}": values for column, values in columns.items()}
    with writing(f"{target}/{INDEX}") as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    _write(f"{target}/{SUMMARY}", summary)
    for file in [BEGUN, *(f"{shard.file}{BESIDE}" for shard in shards)]:
        with contextlib.suppress(FileNotFoundError), remote(target) as gfile:
            gfile.remove(f"{target}/{file}")
    if "://" not in target:
        remove_unfinished(Path(target))
    return summary


def plan(subset: Subset, images: int) -> list[Shard]:
    """Cuts a subset, sorted by identity, into shards of at least `images` images, in which people are whole."""
    order = np.argsort(subset.pids, kind="stable")
    pids = subset.pids[order]
    ends, begin = [], 0
    for end in [*(1 + np.flatnonzero(np.diff(pids))), len(pids)]:
        if end - begin >= images or end == len(pids):
            ends.append(end)
            begin = end
    files = (f"{subset.name}-{number:05}-of-{len(ends):05}{SUFFIX}" for number in range(len(ends)))
    parts = np.split(order, ends[:-1])
    return [Shard(file, subset, entries) for file, entries in zip(files, parts, strict=True)]


def _columns(subset, root, notes):
    """The index's columns of a subset in the order of its entries, and what people are told of it."""
    entries = np.concatenate([each["entries"] for each in notes])
    if not len(entries):
        raise InputError(f"{subset.path(0).parent}: none of its {len(subset)} images is readable")
    order = np.argsort(entries)
    entries = entries[order]
    packed = np.concatenate([each["packed"] for each in notes])[order]
    masked = packed["length"][:, 1] > 0
    pids, camids = subset.pids[entries], subset.camids[entries]
    columns = {
        "shards": np.array([each["file"] for each in notes]),
        "sizes": np.array([each["bytes"] for each in notes]),
        "shard": np.repeat(np.arange(len(notes)), [each["images"] for each in notes])[order],
        "names": np.array([name_below(root, subset, entry) for entry in entries]),
        "pids": pids,
        "camids": camids,
        "masked": masked,
        "packed": packed if masked.any() else packed[:, :1],
    }
    said = {
        "images": len(entries),
        "identities": len(np.unique(pids)),
        "cameras": len(np.unique(camids)),
        "with_masks": int(masked.sum()),
        "shards": [{key: each[key] for key in ("file", "images", "bytes", "sha256")} for each in notes],
    }
    return columns, said


def _states(shard, root):
    """Values that change when a shard would."""
    subset = shard.subset
    yield from (shard.file, subset.pids[shard.entries].tolist(), subset.camids[shard.entries].tolist())
    for entry in shard.entries:
        folder = subset.mask_folder(subset.starts[entry])
        yield name_below(root, subset, entry), state(subset.path(subset.starts[entry]))[1:]
        yield from (state(folder / f"{part}.png")[1:] for part in PARTS if folder is not None)


def _is_done(target, of):
    """Whether everything is packed, and still as it was; makes the folder, or makes sure that it is of this packing."""
    with remote(target) as gfile:
        found = gfile.listdir(target) if gfile.exists(target) else []
    summary, begun = (_read(f"{target}/{file}") for file in (SUMMARY, BEGUN))
    if found and not (summary or begun):
        raise InputError(f"{target}: holds other files; choose another folder")
    if found and (begun or summary)["packing"] != of:
        raise InputError(
            f"{target}: holds another data set, other sizes of shards, or images that have changed since; choose "
            "another folder, or remove that one"
        )
    if summary and not begun and _is_whole(target, summary):
        return True
    with remote(target) as gfile:
        gfile.makedirs(target)
    _write(f"{target}/{BEGUN}", {"packing": of})
    return False


def _is_whole(target, summary):
    """Whether all shards have the digests that are written down."""
    shards = [shard for subset in summary["subsets"].values() for shard in subset["shards"]]
    with progress("checking", len(shards)) as bar, contextlib.suppress(InputError, OSError):
        read_packed(target)
        found = ahead(lambda shard: digest(f"{target}/{shard['file']}"), shards, os.cpu_count())
        for shard, sha256 in zip(shards, found, strict=True):
            if sha256 != shard["sha256"]:
                return False
            bar.update()
        return True
    return False


def _read(path):
    """What `_write` has written, None if there is no such file."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        content = json.loads(read_bytes(path))
        return content if "packing" in content else None


def _write(path, content):
    with writing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
