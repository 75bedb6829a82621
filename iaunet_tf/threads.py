"""Work ahead of what needs it."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


def ahead(work: Callable, items: Iterable, most: int) -> Iterator:
    """Yields what `work` makes of each item, in order. Meanwhile all cores work on up to `most` of the next."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
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
