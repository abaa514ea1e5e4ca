"""How a body ends: with the stream's last frame, by a cut, or because nobody reads it any more.

Floor 3.
"""

from __future__ import annotations

from typing import Optional

from ..connection.connection import Connection
from ..errors import StreamError
from ..exceptions.steps import run_all
from ..stream.frames import last_frame
from ..stream.stream import Stream


def end(stream: Stream, connection: Connection) -> bytes:
    """End the answer, of which the client has had all but the end.

    :returns: the last block.
    :raises StreamError: the answer has to be cut, and this server does not show its client's
        socket. An exception has the server end the connection itself.
    """
    connection.unwatch()
    last = None if _looks_whole_but_is_not(stream) else last_frame(stream)
    if last is None or _looks_whole_but_is_not(stream):  # it may have failed only now
        _cut(stream, connection)
        return b""
    connection.release()
    connection.control_blocks += 1
    return last


def let_go(stream: Stream, connection: Optional[Connection]) -> None:
    """Nobody reads it any more. Where it was read, or on a thread where it was read on one."""
    if connection is None:
        stream.abandon()
    else:
        run_all(connection.close, stream.abandon)


def drop(stream: Stream, connection: Optional[Connection]) -> None:
    """The same, late: somebody else's answer may come over the connection by now."""
    if connection is not None:
        connection.release()
    let_go(stream, connection)


def no_words() -> StreamError:
    """What is raised where the client can be told of a failure in no other way."""
    return StreamError("the stream has failed, and its format has no words for that")


def _looks_whole_but_is_not(stream: Stream) -> bool:
    """Would an end that the server makes now be taken for the answer's?"""
    if stream.reason == "disconnect":  # or a reader who has closed its sending side alone
        return True
    well = stream.reason == "complete" and stream.told is None
    return not well and not stream.format.tells_its_end


def _cut(stream: Stream, connection: Connection) -> None:
    if stream.reason != "disconnect":
        connection.wait_for_acks()
    if not connection.cut() and stream.reason != "disconnect":
        raise no_words()
