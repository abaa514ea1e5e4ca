"""How a body starts: its stream's connection, its slot's release, and how long the status waits."""

from __future__ import annotations

from functools import partial
from typing import Callable, Optional

from ..connection.connection import Connection
from ..runtime.runtime import Runtime
from ..stream.limits import StreamLimiter
from ..stream.stream import Stream
from .request_body import UnreadBody
from .types import Environ


def new_connection(stream: Stream, environ: Environ, runtime: Runtime) -> Connection:
    """The connection to the client that reads a stream."""
    return Connection(
        environ, runtime, stream.leave, stream.options.send_timeout, stream.sink.received_items
    )


def releasing(slots: StreamLimiter, unread: Optional[UnreadBody]) -> Callable[[Stream], None]:
    """A function that gives a stream's slot back. It holds ``unread`` for the stream's producer,
    which may read from it until then."""
    return slots.release if unread is None else partial(_release, slots, unread)


def _release(slots: StreamLimiter, unread: UnreadBody, stream: Stream) -> None:
    slots.release(stream)


def hold_seconds(stream: Stream) -> Optional[float]:
    """How long the status waits for the first block; ``None``: without a limit."""
    options = stream.options
    if stream.format.is_whole:
        return None
    if not stream.format.is_event_stream:
        return options.hold
    return min(options.hold, options.heartbeat or options.hold)


def heartbeat_seconds(stream: Stream) -> Optional[float]:
    """How long the stream may be silent before a heartbeat is sent; ``None``: none is sent."""
    return stream.options.heartbeat or None if stream.format.is_event_stream else None
