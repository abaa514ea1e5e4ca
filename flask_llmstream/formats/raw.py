"""``RawFormat``: ready bytes, sent as they are, for an event stream that another program made.

Such a stream may come in pieces: ``data: one``, and later its blank line. Nothing may be sent
between them, so this format observes the blocks that are sent.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Callable, Optional

from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent
from .base import EventStreamFormat, as_block
from .message import ending_object

_LONGEST_END = 4
"""The most bytes that end an event: two CRLF."""


class RawFormat(EventStreamFormat):
    """Sends bytes as they are. Only heartbeats and errors are added, and no event IDs.

    A comment is a block by itself. It stays apart from the events of the other program, whose
    readers may take the blocks that begin with ``data:``.

    :param event: not used: the bytes name their own types.
    """

    is_resumable = False  # an item may be a part of an event

    def __init__(self, event: Optional[str] = None) -> None:
        self._tail = b"\n\n"  # an event may begin at the start of the stream
        self._has_begun = False

    def item(self, item: Any) -> bytes:
        if not isinstance(item, bytes):
            raise TypeError(f"{type(item).__name__} can't be streamed; give bytes")
        if not self._has_begun:
            self._has_begun = True
            if item.startswith(BOM_UTF8):  # readers skip it at the very start, before the opening
                return item[len(BOM_UTF8) :]
        return item

    def observe_receive(
        self, receive: Callable[[Optional[float]], Optional[bytes]]
    ) -> Callable[[Optional[float]], Optional[bytes]]:
        def observed(timeout: Optional[float]) -> Optional[bytes]:
            block = receive(timeout)
            if block:
                self._tail = (self._tail + block[-_LONGEST_END:])[-_LONGEST_END:]
            return block

        return observed

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        return as_block(super().opening(comment, None))

    def heartbeat(self) -> bytes:
        return as_block(super().heartbeat()) if self._ended_lines(2) else b""

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        if ending.reason == "complete":  # the source has sent an end of its own
            return b""
        error = ServerSentEvent(ending_object(ending), event="error").encode()
        return self._terminate_partial_event() + error

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return self._terminate_partial_event() + super().failure(failure, None)

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        return self._terminate_partial_event() + as_block(super().reconnect_notice(failure))

    def _ended_lines(self, count: int) -> bool:
        """Whether the last bytes are that many line ends in a row. CRLF is one."""
        lines = self._tail.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return lines.endswith(b"\n" * count)

    def _terminate_partial_event(self) -> bytes:
        """The bytes that end an event which was cut short. It becomes an ``error``, so that no
        reader takes it for a whole event."""
        if self._ended_lines(2):
            return b""
        return b"event: error\n\n" if self._ended_lines(1) else b"\nevent: error\n\n"
