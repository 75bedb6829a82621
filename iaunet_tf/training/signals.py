"""Handling of requests to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sigterm() -> Iterator[Callable[[], bool]]:
    """Catches SIGTERM, which schedulers send before they end a job; yields a function that returns whether it came.

    Outside the main thread, signals cannot be caught, and the function always returns False.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
