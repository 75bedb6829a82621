"""Where very many images are: local folders and files, places in object storage, and lists of them.

A place in object storage is an address that pyarrow knows, such as `s3://bucket/folder`.
"""

import contextlib
import csv
import io
import os
import posixpath
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.data.walking import DROPPINGS, images_of
from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.extras import needed
from iaunet_tf.features import check_parquet

LISTS = (".csv", ".parquet")
# What is wrong with one image. Other errors, such as a connection that is lost, are no reason to leave images out.
OF_AN_IMAGE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


def list_images(sources: Sequence[str]) -> list[str]:
    """Paths and addresses of all images of some sources, in order, each once.

    Relative paths in a list are relative to it. The images of a list, unlike others, need not be readable here.

    Raises:
        InputError: a source does not exist, holds no images, or is a list without a column `path`.
    """
    found: list[str] = []
    for source in sources:
        if os.path.splitext(source)[1].lower() in LISTS:
            found += _listed(source)
        elif is_remote(source):
            found += _below(source)
        else:
            found += map(str, images_of(Path(source)))
    once: dict[str, str] = {}
    for path in found:
        once.setdefault(path if is_remote(path) else os.path.abspath(path), path)
    if len(once) < len(found):
        print(f"{len(found) - len(once)} images are given twice, and are embedded once")
    return list(once.values())


def is_remote(path: str) -> bool:
    """Whether a path is an address, such as `s3://bucket/a.jpg`."""
    return "://" in path


def read_bytes(path: str) -> bytes:
    """The content of a file.

    Raises:
        InputError: it is missing or may not be read.
        OSError: its storage cannot be reached.
    """
    try:
        if not is_remote(path):
            return Path(path).read_bytes()
        root, key = _split(path)
        files, base = _storage(root)
        with files.open_input_stream(f"{base}/{key}") as stream:
            return stream.read()
    except OF_AN_IMAGE as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path}: {reason}") from None


def _split(path):
    """`s3://bucket` and the key in it, whatever letters that has."""
    scheme, _, rest = path.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


@cache
def _storage(root):
    """What pyarrow knows of the storage `root`, such as `s3://bucket`, and its name there."""
    with needed(root):
        from pyarrow.fs import FileSystem
    try:
        return FileSystem.from_uri(root)
    except (ValueError, OSError) as error:
        raise InputError(f"{root}: cannot be reached ({reason_of(error)})") from None


def _below(address):
    """The images whose addresses begin as a folder's, or the one image that it is."""
    from pyarrow.fs import FileSelector, FileType

    root, key = _split(address)
    files, base = _storage(root)
    place = f"{base}/{key}".rstrip("/")
    try:
        # A key may have to be looked up in a bucket that has millions: a folder is asked for at once.
        found = files.get_file_info(FileSelector(place, recursive=True, allow_not_found=True))
        if not found and files.get_file_info(place).type == FileType.File:
            return [address]
    except OSError as error:
        raise InputError(f"{address}: cannot be listed ({reason_of(error)})") from None
    images = [
        f"{root}{info.path.removeprefix(base)}"
        for info in found
        if info.type == FileType.File
        and os.path.splitext(info.path)[1].lower() in SUFFIXES
        and not any(_hidden(part) for part in info.path.removeprefix(place).split("/") if part)
    ]
    if not images:
        raise InputError(f"{address}: contains no images ({', '.join(sorted(SUFFIXES))})")
    if len(images) < len(found):
        print(f"{address}: {len(images)} images; other files and folders are left out")
    return sorted(images, key=lambda path: path.split("/"))


def _hidden(name):
    return name.startswith(".") or name.lower() in DROPPINGS


def _listed(source):
    """The column `path` of a table, of which each is relative to it."""
    try:
        content = read_bytes(source)
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({reason_of(error)})") from None
    by_parquet = source.lower().endswith(".parquet")
    if by_parquet:
        check_parquet(source)
    try:
        values = (_parquet if by_parquet else _csv)(content)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    except Exception as error:  # pyarrow raises various exceptions for damaged files
        raise InputError(f"{source}: not a readable list of images ({reason_of(error)})") from None
    if not values:
        raise InputError(f"{source}: lists no images")
    for row, value in enumerate(values, 1):
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{source}: row {row} has no path; fill it in or remove the row")
    if not is_remote(source):
        return [value if is_remote(value) else os.path.join(os.path.dirname(source), value) for value in values]
    root, key = _split(source)
    folder = posixpath.dirname(key)
    return [
        value if is_remote(value) else f"{root}/{posixpath.normpath(posixpath.join(folder, value))}" for value in values
    ]


def _parquet(content):
    import pyarrow
    from pyarrow import parquet

    with contextlib.closing(parquet.ParquetFile(pyarrow.BufferReader(content))) as file:
        _require_path(file.schema_arrow.names)
        return file.read(["path"])["path"].to_pylist()


def _csv(content):
    lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    _require_path(lines.fieldnames or [])
    return [line["path"] for line in lines]


def _require_path(names):
    if "path" not in names:
        raise InputError(f"has no column path, but {', '.join(names) or 'none'}"[:200])
