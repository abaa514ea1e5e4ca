"""How a body ends: with the stream's last frame, by a cut, or because its reader is gone."""

from __future__ import annotations

from typing import Optional

from ..connection.connection import Connection
from ..errors import StreamError
from ..stream.frames import last_frame
from ..stream.stream import Stream


def last_block(stream: Stream, connection: Connection) -> Optional[bytes]:
    """The end of the answer, behind its last item; ``None`` where the connection must be cut."""
    last = None if _would_look_complete(stream) else _last_frame(stream)
    if last is None or _would_look_complete(stream):  # making the last frame may have failed
        return None
    connection.control_blocks += 1
    return last


def _last_frame(stream: Stream) -> Optional[bytes]:
    """The frame of the end. A stream that is kept has made it already, for all its readers."""
    if stream.recorder is None:
        return last_frame(stream)
    farewell = stream.farewell
    return stream.recorder.ending if farewell is None else farewell


def cut(stream: Stream, connection: Connection) -> None:
    """Cut the connection, once the client has taken what was sent.

    :raises StreamError: this server does not show its client's socket. The exception makes the
        server end the connection itself.
    """
    has_left = stream.has_lost_reader
    if not has_left:
        connection.wait_for_acks()
    if not connection.cut() and not has_left:
        raise cut_error()


def close_stream(stream: Stream, connection: Optional[Connection]) -> None:
    """Close a stream that is read no more. Must be called on the greenlet or thread that read it,
    or on another thread if it was read on a thread."""
    try:
        if connection is not None:
            connection.close()
    finally:
        stream.abandon()


def close_lost_stream(stream: Stream, connection: Optional[Connection]) -> None:
    """Close a stream whose body was dropped without a ``close()``. It is not cut: the connection
    may carry another answer by now."""
    if connection is not None:
        connection.release()
    close_stream(stream, connection)


def cut_error() -> StreamError:
    """The error that is raised when a failure can be shown only by a cut connection."""
    return StreamError("the stream has failed, and its format has no words for that")


def _would_look_complete(stream: Stream) -> bool:
    """Whether an end that the server makes now would wrongly look like the end of the answer."""
    if stream.has_lost_reader:  # perhaps only the client's sending side is closed
        return True
    if stream.format.tells_its_end:
        return False
    return stream.reason != "complete" or stream.told is not None
