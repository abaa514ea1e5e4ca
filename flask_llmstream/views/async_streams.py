"""A stream whose source is asynchronous: its producer is a task of the one event loop.

Roof: Flask. Loaded with the first such source, as it loads asyncio.
"""

from __future__ import annotations

from functools import partial
from typing import Any, AsyncIterable, Callable

from ..records import Summary
from ..runtime.event_loop.worker import LoopWakeup, LoopWorker
from ..runtime.runtime import Runtime
from ..sources.asynchronous import AsyncSource
from ..sources.asyncio_context import bind_contexts, with_contexts
from ..stream.hooks import Work
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from .streams import FlaskHooks, new_stream


class AsyncStream(Stream):
    """A stream that produces on the event loop, wherever it is read."""

    __slots__ = ()

    def start(self, runtime: Runtime, release: Callable[[Stream], None]) -> None:
        """Start the producer on the loop. Callbacks are called on the runtime's own workers."""
        in_cleanup = getattr(self._source, "in_cleanup", _never)
        self._make_worker = partial(LoopWorker, runtime=runtime, in_cleanup=in_cleanup)
        super().start(runtime.shared(LoopWakeup), release)

    def run_blocking(self, work: Callable[[], None]) -> None:
        """Have ``work`` called where it may block, and return when it has ended. For the worker
        itself to call."""
        self._worker.run_blocking(work)


def _never() -> bool:
    """What has no clean-up of its own."""
    return False


class AsyncFlaskHooks(FlaskHooks):
    """Its contexts are its task's, and what the app is told at the end may block."""

    def enter(self, work: Work) -> None:
        """Run ``work`` with ``request``, ``session``, ``g`` and contextvars as in the view."""
        # Into the task's own context, which its coroutines see. It is this stream's alone.
        for variable, value in self._context.items():
            variable.set(value)
        self._enter(work)

    def finished(self, stream: Any, summary: Summary) -> None:
        """Report the stream's end, beside the loop."""
        stream.run_blocking(bind_contexts(partial(super().finished, stream, summary)))


def new_async_stream(source: AsyncIterable[Any], options: StreamOptions, name: str) -> Stream:
    """As :func:`new_stream`, of an asynchronous iterable."""
    iterable = AsyncSource(source, with_contexts)
    return new_stream(iterable, options, name, AsyncStream, AsyncFlaskHooks)
