"""An answer in the background: its producer starts here, and its readers come later, to the log."""

from __future__ import annotations

from typing import Any, AsyncIterable, Tuple

from ..app.current import Current
from ..runtime.runtime import runtime_for
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from .streams import new_stream


def begin_in_background(
    here: Current,
    source: Any,
    options: StreamOptions,
    slots: StreamLimiter,
    name: str,
    model: str,
) -> Tuple[str, bytes]:
    """Start a stream that goes on to its end without a reader.

    :returns: its ID, and its first event.
    :param options: its format can be resumed.
    :raises StreamRefused: no slot is free.
    :raises StreamError: the log has no room, or can't be reached.
    """
    options = options.merged(on_leave="finish", on_disconnect=None)
    stream = _new(here, source, options, name, model)
    stream.take()
    runtime = runtime_for(options.worker)
    refusal = slots.acquire(stream, slots.client())
    if refusal is not None:
        stream.abandon()
        raise refusal
    stream.start(runtime, slots.release)
    stream.leave()
    return stream.id, b"" if stream.recorder is None else stream.recorder.opening


def _new(
    here: Current, source: Any, options: StreamOptions, name: str, model: str
) -> Stream:
    if isinstance(source, AsyncIterable):
        from .async_streams import new_async_stream  # loads asyncio

        return new_async_stream(here, source, options, name, model)
    return new_stream(here, source, options, name, model)
