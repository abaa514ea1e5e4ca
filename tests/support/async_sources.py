"""Asynchronous sources that wait until the test lets them go on."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any, AsyncIterator, Iterable

from tests.support.runtimes import HANG_GUARD, Place


class AsyncSign:
    """An event on which coroutines wait. Any thread may set it."""

    def __init__(self) -> None:
        self._came: Future[None] = Future()

    def set(self) -> None:
        if not self._came.done():
            self._came.set_result(None)

    async def wait(self) -> None:
        coming = asyncio.shield(asyncio.wrap_future(self._came))
        await asyncio.wait_for(coming, HANG_GUARD / 2)


class AsyncWaiting:
    """Gives ``one``, waits, and gives ``two``.

    :ivar waits: set when it waits.
    :ivar go_on: the event for which it waits; the test sets it.
    :ivar cancelled: set when it was cancelled while it waited.
    :ivar closed: set when its ``finally`` has run, which also awaits.
    """

    def __init__(self, place: Place) -> None:
        self.waits = place.for_reader()
        self.go_on = AsyncSign()
        self.cancelled = place.for_reader()
        self.closed = place.for_reader()

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            yield "one"
            self.waits.set()
            await self.go_on.wait()
            yield "two"
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            await asyncio.sleep(0)
            self.closed.set()


async def asynchronous(items: Iterable[Any]) -> AsyncIterator[Any]:
    """The same items, from an asynchronous generator that awaits before each of them."""
    for item in items:
        await asyncio.sleep(0)
        yield item


class Closing:
    """An asynchronous iterator that is no generator. Its ``close()`` is a coroutine function."""

    def __init__(self, items: Iterable[Any], closed: Any) -> None:
        self._items = iter(items)
        self._closed = closed

    def __aiter__(self) -> Closing:
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return item
        raise StopAsyncIteration

    async def close(self) -> None:
        await asyncio.sleep(0)
        self._closed.set()
