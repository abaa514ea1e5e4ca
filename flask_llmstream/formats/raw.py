"""Ready frames: bytes that go out as they are. For the event streams of others.

What was made elsewhere may come in pieces, ``data: one`` and its blank line apart. Nothing of ours
may come between: so this format follows what the reader was given.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Callable, Optional

from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent
from .base import EventStreamFormat
from .message import ending_object

_LONGEST_END = 4
"""Bytes that tell whether a block ended: two CRLF."""


class RawFormat(EventStreamFormat):
    """Bytes as they are; only heartbeats and a failure are added. Event IDs are the source's own.

    :param event: has no place here and is not sent.
    """

    def __init__(self, event: Optional[str] = None) -> None:
        self._tail = b"\n\n"  # a block may begin where the stream does
        self._has_begun = False

    def item(self, item: Any) -> bytes:
        if not isinstance(item, bytes):
            raise TypeError(f"{type(item).__name__} can't be streamed; give bytes")
        if not self._has_begun:
            self._has_begun = True
            if item.startswith(BOM_UTF8):  # no longer first: a heartbeat came before
                return item[len(BOM_UTF8) :]
        return item

    def observe_receive(
        self, receive: Callable[[Optional[float]], Optional[bytes]]
    ) -> Callable[[Optional[float]], Optional[bytes]]:
        def follow(timeout: Optional[float]) -> Optional[bytes]:
            block = receive(timeout)
            if block:
                self._tail = (self._tail + block[-_LONGEST_END:])[-_LONGEST_END:]
            return block

        return follow

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        return super().opening(comment, None)

    def heartbeat(self) -> bytes:
        return super().heartbeat() if self._ended_lines(2) else b""

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        if ending.reason == "complete":  # its own end was the end
            return b""
        told = ServerSentEvent(ending_object(ending), event="error").encode()
        return self._terminate_partial_event() + told

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return self._terminate_partial_event() + super().failure(failure, None)

    def reconnect_notice(self, failure: ErrorInfo) -> bytes:
        return self._terminate_partial_event() + super().reconnect_notice(failure)

    def _ended_lines(self, count: int) -> bool:
        """Were the last bytes that many ends of lines in a row? (CRLF is one.)"""
        lines = self._tail.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return lines.endswith(b"\n" * count)

    def _terminate_partial_event(self) -> bytes:
        """What ends a block that was cut short, so that no reader takes it for a whole event:
        it becomes an ``error`` as well."""
        if self._ended_lines(2):
            return b""
        return b"event: error\n\n" if self._ended_lines(1) else b"\nevent: error\n\n"
