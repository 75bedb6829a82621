"""Files written whole or not at all."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from iaunet_tf.errors import FULL, InputError, reason_of

if TYPE_CHECKING:
    import numpy as np

try:
    import fcntl
except ImportError:  # not POSIX: nothing is locked
    fcntl = None

Content = TypeVar("Content")
UNFINISHED = ".unfinished-"


@contextlib.contextmanager
def unfinished(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path`, for a file or a folder, with its suffix; what is there when the block ends is
    removed. An OSError in the block names `path`: it may not know its file, and nobody else knows the temporary one.
    So does a full disk by whatever exception a library tells it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the process id: two containers on shared storage may have the same. The name's end: names have limits.
    temporary = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}-{path.name[-50:]}")
    try:
        yield temporary
    except Exception as error:
        full = os.strerror(errno.ENOSPC)
        if full in str(error) and not isinstance(error, InputError):
            raise OSError(errno.ENOSPC, full, str(path)) from error
        if isinstance(error, OSError) and (not error.filename or UNFINISHED in os.fsdecode(error.filename)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            with contextlib.suppress(OSError):  # where nothing can be written, what the block raised says so
                temporary.unlink()


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a path for a file or a folder that takes the place of `path` when the block ends well."""
    with unfinished(path) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Yields a path for a folder that is made once: if another process was faster, its result stays and this one
    goes."""
    try:
        with replacing(folder) as temporary:
            yield temporary
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not folder.is_dir():
            raise


def remove_unfinished(*folders: Path) -> None:
    """Removes what a killed process was writing. Only for who holds the lock on the folders: a living process may be
    writing just now."""
    for path in [path for folder in folders for path in folder.glob(f"{UNFINISHED}*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def holds_something(folder: Path) -> bool:
    """Whether there is anything in a folder but hidden files, such as locks."""
    return any(not path.name.startswith(".") for path in folder.iterdir())


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes a folder for this process alone, until the block ends; what a killed process was writing there goes.

    Raises:
        InputError: another process is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            if fcntl:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another process is at work in it; wait until it ends") from None
        except OSError:  # a file system without locks
            pass
        remove_unfinished(folder)
        yield


def new_array(path: Path, shape: tuple[int, ...], dtype: str) -> "np.memmap":
    """A `.npy` file to fill, memory-mapped: on a full disk an OSError, where writing to it would be a SIGBUS."""
    import numpy as np

    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    size = path.stat().st_size
    allocate(path, size - array.nbytes, size)
    return array


def allocate(path: Path, start: int, end: int) -> None:
    """Takes the space between two places of a file now, for what does not survive a full disk later."""
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), start, end - start)
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", None) in FULL:
                raise
            file.seek(start)  # systems that cannot allocate take zeros
            while left := end - file.tell():
                file.write(bytes(min(left, 2**20)))


def check_space(folder: Path, needed: int) -> None:
    """Refuses a folder that has fewer bytes of space than are needed."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: has {free / 2**30:.1f} GiB of space, {needed / 2**30:.1f} are needed")


def intact(read: Callable[[], Content], path: Path) -> Content | None:
    """What `read` makes of the derived file `path`; None if it is missing or damaged and has to be made anew."""
    try:
        return read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise InputError(f"{error.filename}: is a folder where a file is to be written; remove it") from None
    except Exception as error:  # numpy, zipfile and json raise various ones for damaged files
        print(f"{path}: damaged, made anew ({reason_of(error, 80)})", flush=True)
        return None


def printable(name: str | Path) -> str:
    r"""A file name in valid Unicode: bytes that are not UTF-8 become `\xff`."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def fingerprint(things: Iterable) -> str:
    """Sixteen hexadecimal digits that tell whether any of the things, by their `repr`, is another."""
    digest = hashlib.sha256()
    for thing in things:
        digest.update(f"{thing!r}\n".encode())
    return digest.hexdigest()[:16]


def state(path: Path) -> tuple:
    """Name, size and time of a file, without the latter two if there is none."""
    stat = path.stat() if path.is_file() else None
    return str(path.resolve()), stat and stat.st_size, stat and stat.st_mtime_ns


def write_json(path: str | Path, content) -> None:
    """Writes `content` as indented JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
