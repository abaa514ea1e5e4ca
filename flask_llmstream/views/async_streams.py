"""A stream whose source is asynchronous: its producer is a task of the one event loop.

This module loads asyncio, so it is imported with the first asynchronous source.
"""

from __future__ import annotations

from functools import partial
from typing import Any, AsyncIterable, Callable

from ..app.current import Current
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
    """A stream whose producer runs on the event loop. It can be read anywhere."""

    __slots__ = ()

    def start(self, runtime: Runtime, release: Callable[[Stream], None]) -> None:
        """Start the producer on the loop. Callbacks are called on the runtime's own workers."""
        in_cleanup = getattr(self._source, "in_cleanup", _never)
        self._make_worker = partial(LoopWorker, runtime=runtime, in_cleanup=in_cleanup)
        super().start(runtime.shared(LoopWakeup), release)

    def run_blocking(self, work: Callable[[], None]) -> None:
        """Call ``work`` where it may block, and wait for it. Must be called on the worker."""
        self._worker.run_blocking(work)


def _never() -> bool:
    """For a source without a clean-up of its own."""
    return False


class AsyncFlaskHooks(FlaskHooks):
    """The hooks of an asynchronous stream: its task has the contexts, and the app's callbacks may
    block."""

    def enter(self, work: Work) -> None:
        """Run ``work`` with ``request``, ``session``, ``g`` and contextvars as in the view."""
        # Set in the task's own context, which its coroutines see. No other stream has it.
        for variable, value in self._context.items():
            variable.set(value)
        self._enter(work)

    def finished(self, stream: Any, summary: Summary) -> None:
        """Report the stream's end, outside the event loop."""
        stream.run_blocking(bind_contexts(partial(super().finished, stream, summary)))


def new_async_stream(
    current: Current,
    source: AsyncIterable[Any],
    options: StreamOptions,
    name: str,
    model: str = "",
) -> Stream:
    """As :func:`new_stream`, for an asynchronous iterable."""
    iterable = AsyncSource(source, with_contexts)
    return new_stream(current, iterable, options, name, model, AsyncStream, AsyncFlaskHooks)
