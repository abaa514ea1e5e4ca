"""How a body starts and waits: its connection, its slot, its status and its heartbeats."""

from __future__ import annotations

from typing import Optional

from ..connection.connection import Connection
from ..runtime.runtime import Runtime
from ..stream.frames import opening_frame
from ..stream.limits import StreamLimiter
from ..stream.stream import Stream
from .request_body import UnreadBody
from .types import Environ


def new_connection(stream: Stream, environ: Environ, runtime: Runtime) -> Connection:
    """The connection to the client that reads a stream."""
    return Connection(
        environ, runtime, stream.leave, stream.options.send_timeout, stream.sink.received_items
    )


def release_slot(slots: StreamLimiter, unread: Optional[UnreadBody], stream: Stream) -> None:
    """Give a stream's slot back, once its producer has ended.

    :param unread: is not used. The argument keeps the body of the request alive until then: the
        producer may read from it.
    """
    slots.release(stream)


def opening_of(stream: Stream) -> bytes:
    """The first bytes. A stream that is kept has made them already, for all its readers."""
    return opening_frame(stream) if stream.recorder is None else stream.recorder.opening


def hold_seconds(stream: Stream) -> Optional[float]:
    """How long the status waits for the first block; ``None``: without a limit."""
    options = stream.options
    if stream.format.is_whole:
        return None
    if not options.hold or not stream.format.is_event_stream:
        return options.hold
    return min(options.hold, options.heartbeat or options.hold)


def heartbeat_seconds(stream: Stream) -> Optional[float]:
    """How long the stream may be silent before a heartbeat is sent; ``None``: none is sent."""
    return stream.options.heartbeat or None if stream.format.is_event_stream else None


def heartbeat(stream: Stream, connection: Connection) -> bytes:
    """A heartbeat; ``b""`` where the format has none."""
    block = stream.format.heartbeat()
    if block:
        connection.control_blocks += 1
    return block
