"""What appears on the terminal: progress, and nothing else that a user need not read."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keeps warnings and messages off the terminal during imports and conversions, even those of C++ libraries, which
    no setting stops. Errors are raised as usual."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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


def show_progress(what: str, done: int, count: int, step: int = 1) -> None:
    """Shows on a terminal how much is done, every `step` and at the end."""
    if sys.stderr.isatty() and (done % step == 0 or done == count):
        print(f"\r{what}: {done}/{count}", end="\n" if done == count else "", file=sys.stderr, flush=True)


def in_threads(work: Callable[[int], object], count: int, what: str, unit: str = "") -> None:
    """Calls `work` with 0..count-1 on all cores, and shows progress."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(work, range(count)), start=1):
            show_progress(f"{what} {unit}".rstrip(), done, count, step=100)
