"""What appears on the terminal: progress, and nothing else that a user need not read."""

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

_quiet = threading.RLock()  # standard error is one for all threads


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps warnings and messages off the terminal during imports and conversions, even those of C++ libraries, which
    no setting stops. Errors are raised as usual."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet:
        stderr = os.dup(2)
        logging.disable(logging.WARNING)
        try:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            logging.disable(logging.NOTSET)
            os.dup2(stderr, 2)
            os.close(stderr)


def watched(stream: TextIO) -> bool:
    """Whether somebody looks on, in a terminal or a notebook; logs get no progress bars."""
    return stream.isatty() or "ipykernel" in sys.modules


def progress(what: str, count: int | None, shown: bool = True) -> "tqdm":
    """A progress bar, on which the `with` block calls `update` with what it has done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets, a notebook gets a bar of text
        from tqdm.auto import tqdm
    return tqdm(total=count, desc=what, disable=not (shown and watched(sys.stderr)))


def in_threads(work: Callable[[int], object], count: int, what: str) -> None:
    """Calls `work` with 0..count-1 on all cores, and shows progress."""
    with progress(what, count) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, range(count)):
            bar.update()
