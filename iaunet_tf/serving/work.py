"""Threads for what would block the service, and bounds on what waits for them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from starlette.exceptions import HTTPException


class Threads:
    """`await threads(work, ...)` is what `work(...)` returns, in one of a few threads."""

    def __init__(self, count: int):
        self._pool = ThreadPoolExecutor(count)

    async def __call__(self, work: Callable, *arguments, **options):
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *arguments, **options))

    def close(self) -> None:
        """Drops what waits, and waits for what is being done."""
        self._pool.shutdown(cancel_futures=True)


class Busy(HTTPException):
    """Too many requests are under way."""

    def __init__(self):
        reason = "too many requests wait already; ask again in a few seconds"
        super().__init__(503, reason, {"retry-after": "5"})


class Places:
    """As many requests as may be under way at once; others are refused, by `Busy`."""

    def __init__(self, count: int):
        self._free = count

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place until the end of `with`."""
        if not self._free:
            raise Busy
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
