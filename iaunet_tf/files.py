"""Files written whole or not at all."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, with its suffix, that takes its place when the block ends well
    and is removed when it does not. Works for files and folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def remove_unfinished(*folders: Path) -> None:
    """Removes what a killed process was writing by `replacing`."""
    for path in [path for folder in folders for path in folder.glob(".*")]:
        if re.match(r"\.\d+-", path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


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
