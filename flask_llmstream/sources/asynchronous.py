"""``AsyncSource``: an asynchronous iterable as a plain one, for a worker on the event loop."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, AsyncIterable, Awaitable, Callable, Iterator

from ..runtime.event_loop.worker import on_loop, wait_for
from ..runtime.generator_cleanup import in_async_cleanup


class AsyncSource:
    """An iterable. A greenlet of a :class:`LoopWorker` iterates and closes it.

    :param source: an async generator, or anything else for ``async for``. It is closed by its
        ``aclose()``, or by its ``close()``, which may be a coroutine.
    :param with_contexts: runs an awaitable inside the contexts that are entered here.
    """

    def __init__(
        self, source: AsyncIterable[Any], with_contexts: Callable[[Awaitable[Any]], Awaitable[Any]]
    ) -> None:
        self._source = source
        self._with_contexts = with_contexts
        self._is_iterated = False
        self._iterator: Any = None

    def __iter__(self) -> Iterator[Any]:
        self._is_iterated = True
        iterator = self._iterator = self._source.__aiter__()
        try:
            while True:
                try:
                    item = wait_for(self._with_contexts(iterator.__anext__()))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if iterator is not self._source:
                self._close(iterator)

    @property
    def model(self) -> Any:
        """The model that the source says it chose."""
        return getattr(self._source, "model", None)

    def in_cleanup(self) -> bool:
        """Whether the source waits in its own clean-up. Call it on the loop."""
        return in_async_cleanup(self._iterator)

    def close(self) -> None:
        """Close the source, and wait until it is closed.

        A source that was never iterated is closed on the loop, without waiting. A generator that
        never began has nothing to close.
        """
        if self._is_iterated:
            self._close(self._source)
        elif not inspect.isasyncgen(self._source):
            on_loop(partial(self._close, self._source), "closing")

    def _close(self, iterable: Any) -> None:
        close = getattr(iterable, "aclose", None) or getattr(iterable, "close", None)
        closing = None if close is None else close()
        if inspect.isawaitable(closing):
            wait_for(self._with_contexts(closing))
