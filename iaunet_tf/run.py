"""The folder of a run: the names of its files, and one process at a time that writes them."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from iaunet_tf.errors import InputError

try:
    import fcntl
except ImportError:  # not POSIX: nothing is locked
    fcntl = None


def _file(name):
    return property(lambda run: run.path / name)


@dataclass(frozen=True)
class Run:
    """Paths inside a run's folder; each fold of a cross-validation has such a folder of its own."""

    path: Path

    lock = _file("lock")  # there while a process writes into the folder
    config = _file("config.yaml")  # every key of the configuration
    history = _file("history.csv")  # a line for each epoch
    tensorboard = _file("tensorboard")  # the same for TensorBoard
    last = _file("checkpoints/last.keras")  # the newest state with the optimizer's, for `--resume`
    previous = _file("checkpoints/previous.keras")  # the one before
    best = _file("checkpoints/best.keras")  # of the best mAP (top-1), with `--eval.every`
    model = _file("model.keras")  # the trained network
    network = _file("network.yaml")  # instead, of an evaluation alone: which network in a file it is of
    metrics = _file("metrics.json")  # its evaluation
    cmc = _file("cmc.png")  # this and the next three: of re-identification
    roc = _file("roc.png")
    cameras = _file("cameras.csv")
    embeddings = _file("embeddings")
    confusion = _file("confusion.csv")  # of classification, with confusion.png
    evaluations = _file("evaluations")  # evaluations with other keys, a folder each
    report = _file("report")  # of `iaunet report`
    card = _file("README.md")  # the model card
    facts = _file("card.json")  # what the card says that is in no other file: counts of network and data, versions

    def fold(self, number: int) -> "Run":
        """The run of one fold; older versions called it a split."""
        old = self.path / f"split-{number}"
        return Run(old if old.is_dir() else self.path / f"fold-{number}")

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to continue from."""
        return self.last.is_file() or self.previous.is_file()

    def contents(self) -> set[str]:
        """Names of what the folder holds, but for the lock and hidden files."""
        names = (path.name for path in self.path.glob("*")) if self.path.is_dir() else ()
        return {name for name in names if name != self.lock.name and not name.startswith(".")}

    def require(self) -> "Run":
        """Refuses a folder that is not that of a run."""
        if self.network.is_file():
            raise InputError(
                f"{self.path}: is not a run but the evaluation of a network in a file, which {self.network.name} names "
                "and iaunet report shows"
            )
        if not self.config.is_file():
            why = "it holds no config.yaml" if self.path.exists() else "there is no such folder"
            raise InputError(f"{self.path}: is not a run folder ({why}); name one that iaunet train has made")
        return self

    def require_new(self) -> None:
        """Refuses a folder for a new run in which there is something."""
        if self.contents() or (os.path.lexists(self.path) and not self.path.is_dir()):
            run = self.config.is_file() and not self.network.is_file()
            continued = f"continue it with --resume {self.path}, or " if run else ""
            raise InputError(f"{self.path}: exists; {continued}choose another --run_dir")
        above = next(folder for folder in self.path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise InputError(f"{self.path}: cannot be made, since {above} is a file; choose another --run_dir")


@contextlib.contextmanager
def claim(run: Run, new: bool = False, numbered: bool = False) -> Iterator[Run]:
    """Keeps other processes out of a run's folder, until the block or the process ends.

    A `new` run's folder must hold nothing; with `numbered`, a name that is taken gets a number, and the result is the
    run that has it. A folder that is made here goes again if no run begins in it.
    """
    name = run.path.name
    with contextlib.ExitStack() as held:
        for number in itertools.count(2):
            try:
                held.enter_context(_locked(run, new))
                break
            except InputError:
                if not numbered:
                    raise
            run = Run(run.path.with_name(f"{name}-{number}"))
        yield run


@contextlib.contextmanager
def _locked(run, new):
    missing = [folder for folder in (run.path, *run.path.parents) if not folder.exists()]
    lock = _lock(run)
    try:
        if new:
            run.require_new()
        yield
    finally:
        if missing and run.contents() <= {run.config.name}:
            run.config.unlink(missing_ok=True)
        run.lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            for folder in missing:
                folder.rmdir()
        lock.close()


def _lock(run):
    """Makes a run's folder and locks it, which the kernel undoes when the process ends; returns the open file."""
    while True:
        run.path.mkdir(parents=True, exist_ok=True)
        try:
            lock = run.lock.open("a")
        except FileNotFoundError:  # another process has just removed the folder
            continue
        except OSError as error:
            raise InputError(
                f"{run.path}: cannot be written ({error.strerror}); give another --run_dir, for which --resume needs a "
                "copy of the folder, or make it writable"
            ) from None
        try:
            if fcntl:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise InputError(
                f"{run.path}: another process is training or evaluating in it; wait until it ends, or choose another "
                "--run_dir"
            ) from None
        except OSError:  # a file system without locks
            pass
        # Another process may have removed the file after it was opened.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), run.lock.stat()):
                return lock
        lock.close()
