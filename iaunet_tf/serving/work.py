"""Threads for what would block the service, and bounds on what waits for them."""

import asyncio
from collections.abc import Callable, Hashable, Iterator
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


class Together:
    """`await together(item, key)` is what `work(items, key)` returns for the item, in one thread.

    What has come while the thread was busy is done in one call, up to `most` items of the same key: an embedding or a
    search of many takes far less than as many times one.
    """

    def __init__(self, work: Callable, most: int):
        self._work, self._most, self._thread = work, most, Threads(1)
        self._waiting: dict[Hashable, list] = {}
        self._run = None

    async def __call__(self, item, key: Hashable = None):
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append((item, future))
        if self._run is None or self._run.done():
            self._run = asyncio.create_task(self._all())
        return await future

    def close(self) -> None:
        """As that of `Threads`."""
        self._thread.close()

    async def _all(self):
        while self._waiting:
            key = next(iter(self._waiting))
            queue = self._waiting.pop(key)
            if queue[self._most :]:
                self._waiting[key] = queue[self._most :]  # behind the other keys
            items, futures = zip(*queue[: self._most], strict=True)
            try:
                results = await self._thread(self._work, list(items), key)
            except Exception as error:
                for future in futures:
                    if not future.done():  # somebody may wait no longer
                        future.set_exception(error)
            else:
                for future, result in zip(futures, results, strict=True):
                    if not future.done():
                        future.set_result(result)


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
