"""Threads: how many, and work ahead of what needs it."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor

_limit: int | None = None


def use_cores(count: int) -> None:
    """Limits the networks that this process opens from now on, and its decoding of images, to `count` cores."""
    global _limit
    _limit = count
    # What TensorFlow reads when it is first used.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(count)


def limit() -> int | None:
    """The limit that `use_cores` has set, or None."""
    return _limit


def cores() -> int:
    """How many cores this process may use."""
    return _limit or os.cpu_count() or 1


def ahead(work: Callable, items: Iterable, most: int) -> Generator:
    """Yields what `work` makes of each item, in order. Meanwhile all `cores` work on up to `most` of the next."""
    with ThreadPoolExecutor(cores()) as pool:
        futures = deque()
        try:
            for item in items:
                futures.append(pool.submit(work, item))
                if len(futures) > most:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()
