"""``smooth`` for asynchronous sources. It loads asyncio, so the first of them imports it."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import Any, AsyncGenerator, AsyncIterable, Awaitable, Deque, NoReturn, Optional

from .asyncio_context import with_contexts
from .pacing import Pacer
from .pump import MOST_WAITING


class _AsyncPump:
    """Iterates a source in a task of its own. Its items wait for one consumer.

    All of the source runs in one task: a generator may hold a timeout or a task group open while it
    yields, which must be left in the task that entered it.
    """

    def __init__(self, source: AsyncIterable[Any]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._items: Deque[Any] = deque()
        self._error: Optional[BaseException] = None
        self._is_stopped = False
        self._task = asyncio.ensure_future(with_contexts(self._run()))
        self._task.add_done_callback(lambda task: self._arrived.set())

    def take(self, pacer: Pacer) -> bool:
        """Give the pacer all items that wait. ``False``: the source has ended."""
        goes_on = not self._task.done()
        while self._items:
            pacer.take(*self._items.popleft())
        self._room.set()
        return goes_on

    async def wait(self, seconds: Optional[float]) -> None:
        """Wait until an item comes, the source ends, or the time runs out."""
        timer = None if seconds is None else self._loop.call_later(seconds, self._arrived.set)
        try:
            await self._arrived.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._arrived.clear()

    @property
    def has_failed(self) -> bool:
        """Whether the source ended with an exception."""
        return self._error is not None

    def raise_error(self) -> NoReturn:
        """Raise the exception with which the source ended."""
        error: Any = self._error
        self._error = None
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    async def finish(self) -> None:
        """Cancel the source, and wait until it is closed. One that goes on nevertheless is closed
        at its next item. A failure of its clean-up is raised."""
        self._is_stopped = True
        self._room.set()
        self._task.cancel()
        await asyncio.wait({self._task})
        if self.has_failed and not isinstance(self._error, asyncio.CancelledError):
            self.raise_error()
        self._error = None

    async def _run(self) -> None:
        try:
            await self._iterate()
        except BaseException as error:  # a task's SystemExit would end the event loop
            self._error = error

    async def _iterate(self) -> None:
        iterator = self._source.__aiter__()
        try:
            async for item in iterator:
                if self._is_stopped:
                    break
                await self._put(item)
        finally:
            if iterator is not self._source:
                await _close(iterator)
            await _close(self._source)

    async def _put(self, item: Any) -> None:
        self._items.append((item, self._loop.time()))
        self._arrived.set()
        while len(self._items) >= MOST_WAITING and not self._is_stopped:
            self._room.clear()
            await self._room.wait()


class SmoothedItems:
    """The items of an asynchronous source, as a pacer gives them. It is iterated once.

    :param name: the name of the source in the log.
    """

    def __init__(self, source: AsyncIterable[Any], name: str, pacer: Pacer) -> None:
        self._source = source
        self._items = _smoothed(source, pacer)
        self.__qualname__ = name  # the name in the log

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        return self._items

    def __anext__(self) -> Awaitable[Any]:
        return self._items.__anext__()

    @property
    def model(self) -> Any:
        """The model that the source says it chose."""
        return getattr(self._source, "model", None)

    async def aclose(self) -> None:
        """Close the source, if its iteration has begun."""
        await self._items.aclose()


async def _smoothed(source: AsyncIterable[Any], pacer: Pacer) -> AsyncGenerator[Any, None]:
    now = asyncio.get_running_loop().time
    pump = _AsyncPump(source)
    try:
        while pump.take(pacer):
            for item in pacer.due(now()):
                yield item
            await pump.wait(pacer.seconds_until_due(now()))
        if pump.has_failed:
            for item in pacer.all():
                yield item
            pump.raise_error()
        pacer.finish()
        while not pacer.is_empty:
            for item in pacer.due(now()):
                yield item
            await asyncio.sleep(pacer.seconds_until_due(now()) or 0)
    finally:
        await pump.finish()


async def _close(iterable: Any) -> None:
    close = getattr(iterable, "aclose", None) or getattr(iterable, "close", None)
    closing = None if close is None else close()
    if inspect.isawaitable(closing):
        await closing
