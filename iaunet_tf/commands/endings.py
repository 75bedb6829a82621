"""How a command ends when something stops it: a line on the terminal, and an exit code."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator

from iaunet_tf.errors import FULL, InputError, Stopped

# What NumPy, TensorFlow, ONNX Runtime and C++ say of memory that there is not.
NO_MEMORY = re.compile(
    r"(unable to allocate|failed to allocate|oom when|out of memory|bad_alloc)[^\n;]*", re.IGNORECASE
)


@contextlib.contextmanager
def catching_signals() -> Iterator[list[int]]:
    """Makes SIGINT and SIGTERM a KeyboardInterrupt, which cleans up on its way; yields a list of those that came.

    A second one within a second, as some send it, does not stop the cleaning. Signals that are ignored stay so, and
    outside the main thread none can be caught.
    """
    came, before, last = [], {}, -1.0

    def handle(number, frame):
        nonlocal last
        came.append(number)
        again, last = time.monotonic() - last < 1, time.monotonic()
        if not again:
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending(error: BaseException, signals: list[int], advice: str) -> tuple[int, str] | None:
    """Exit code and line, empty if there is nothing to say, for what ended a command; None if it is a fault of the
    program. `advice` is for who interrupted it."""
    if signals or isinstance(error, KeyboardInterrupt):
        stopped = signals and signals[0] == signal.SIGTERM
        return (143, f"\nstopped by SIGTERM{advice}") if stopped else (130, f"\ninterrupted{advice}")
    if isinstance(error, Stopped):
        return 143, f"\n{error}"
    if isinstance(error, InputError):
        return 1, f"error: {error}"
    if isinstance(error, BrokenPipeError):  # as in `iaunet ... | head`
        return 141, ""
    text = " ".join(str(error).split())
    if isinstance(error, OSError):
        if error.errno in FULL:  # what commands write to files has their names
            where, reason = error.filename or "standard output", os.strerror(error.errno)
            return 1, f"error: {where}: {reason}; free some space there, or write elsewhere"
        if isinstance(error, FileNotFoundError) and error.filename is None:  # os.getcwd fails without a name
            return 1, "error: the current folder was removed; change to another one"
        return 1, f"error: {error.filename or 'a file'}: {error.strerror or text[:200]}"
    memory = NO_MEMORY.search(str(error))
    if isinstance(error, MemoryError) or memory:
        reason = f" ({memory[0][:160]})" if memory else ""
        return 1, f"error: out of memory{reason}; smaller batches or images need less"
    if isinstance(error, UnicodeEncodeError) or "converting unicode string" in text:  # the latter is TensorFlow's
        name = repr(error.object[-160:]) if isinstance(error, UnicodeEncodeError) else "a name"
        return 1, f"error: {name} is not valid Unicode; give files and folders names in UTF-8"
    return None


def flush_output() -> None:
    """Writes out what was printed. If it cannot be, nothing is left for Python to fail on when it exits."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
