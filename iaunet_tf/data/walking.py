"""The one way that folders are searched for images."""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from iaunet_tf.data.decoding import SUFFIXES
from iaunet_tf.errors import InputError

# What systems and tools leave in folders, in lower case; names that begin with a dot are left out, too.
DROPPINGS = {
    "@eadir", "__macosx", "#recycle", "@recycle", "$recycle.bin", "lost+found", "system volume information",
    "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip


class Walker:
    """Lists images and folders, sorted, and remembers what it leaves out.

    Links are followed, unless they lead back to a folder above them. Hidden files, those of systems
    (`DROPPINGS`), other kinds of files, pipes, sockets, devices and broken links are left out.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self._left_out: dict[str, tuple[int, str]] = {}  # by kind: how many, and the first

    def images(self, folder: str | Path, deep: bool = False) -> list[Path]:
        """The images in a folder, and if `deep` in the folders below; none if there is no such folder."""
        real = Path(os.path.realpath(folder))
        found, stack = [], [(os.fspath(folder), (*map(str, real.parents), str(real)))]
        while stack:
            current, above = stack.pop()
            for entry, is_folder in self._entries(current):
                if not is_folder:
                    suffix = os.path.splitext(entry.name)[1].lower()
                    if suffix in SUFFIXES:
                        found.append(entry.path)
                    else:
                        self._leave_out(suffix or "no suffix", entry)
                elif not deep:
                    self._leave_out("folders", entry)
                else:
                    linked = entry.is_symlink()
                    real = os.path.realpath(entry.path) if linked else os.path.join(above[-1], entry.name)
                    if real in above:
                        self._leave_out("links in a circle", entry)
                    else:
                        stack.append((entry.path, (*above, real)))
        return [Path(path) for path in sorted(found, key=lambda path: path.split(os.sep))]

    def folders(self, folder: str | Path) -> list[Path]:
        """The folders in a folder; none if there is no such folder."""
        found = []
        for entry, is_folder in self._entries(folder):
            if is_folder:
                found.append(Path(entry.path))
            else:
                self._leave_out("files beside folders", entry)
        return sorted(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line about what was left out, if anything was."""
        kinds = []
        for kind, (count, first) in sorted(self._left_out.items()):
            others = ", ..." if count > 1 else ""
            kinds.append(f"{kind}: {count} ({os.path.relpath(first, self.root)}{others})")
        return (f"left out of {self.root}: {'; '.join(kinds)}",) if kinds else ()

    def _entries(self, folder):
        """Yields what is wanted in a folder, and whether it is a folder itself."""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    kind = _kind(entry)
                    if kind in ("folder", "file"):
                        yield entry, kind == "folder"
                    else:
                        self._leave_out(kind, entry)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise InputError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from None

    def _leave_out(self, kind, entry):
        count, first = self._left_out.get(kind, (0, entry.path))
        self._left_out[kind] = count + 1, min(first, entry.path)


def images_of(name: Path) -> list[Path]:
    """An image file itself, or the images in a folder and below it; prints what is left out of the latter.

    Raises:
        InputError: there is neither, or a folder without images.
    """
    if name.is_file():
        return [name]
    if not name.is_dir():
        raise InputError(f"{name}: no such file or folder")
    walker = Walker(name)
    found = walker.images(name, deep=True)
    for note in walker.notes:
        print(note)
    if not found:
        raise InputError(f"{name}: contains no images ({', '.join(sorted(SUFFIXES))})")
    return found


def _kind(entry):
    if entry.name.startswith(".") or entry.name.lower() in DROPPINGS:
        return "hidden or of the system"
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:  # a link to itself
        pass
    return "broken links" if entry.is_symlink() and not os.path.exists(entry.path) else "pipes, sockets or devices"


def missing(files: Iterable[str | Path]) -> list[str]:
    """Those that are no regular files. A folder is listed once, which is faster than asking for each file."""

    @cache
    def names_in(folder):
        try:
            with os.scandir(folder or ".") as entries:
                return {entry.name for entry in entries if entry.is_file()}
        except OSError:
            return set()

    def exists(file):
        folder, name = os.path.split(file)
        return name in names_in(folder) or os.path.isfile(file)  # names may differ in case on some systems

    return [path for path in (os.fspath(file) for file in files) if not exists(path)]


def real_paths(files: Iterable[str | Path]) -> list[str]:
    """Files by the names that no links are in. A folder is looked up once."""
    folder_of = cache(os.path.realpath)

    def real(path):
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        return os.path.join(folder_of(folder), name)

    return [real(path) for path in files]
