"""Measurement of time and memory, robust to noise."""

import threading
import time
from collections.abc import Callable

import numpy as np
import psutil


def interleaved(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Measures the median time of each action in seconds, after a first round that is not counted.

    The actions take turns so that noise and heat affect all of them equally.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(times[1:])) for name, times in seconds.items()}


def peak_memory(action: Callable[[], object]) -> int:
    """Measures the peak memory of an action in bytes, in addition to what the process used before."""
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch():
        nonlocal most
        while not done.wait(0.005):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    action()
    done.set()
    watcher.join()
    return most - before
