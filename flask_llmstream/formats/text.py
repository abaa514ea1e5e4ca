"""The text format: only ``data`` lines, as Spring sends a ``Flux<String>``.

data: Hello
"""

from __future__ import annotations

from typing import Any, Optional

from ..deltas import Delta
from ..records import Ending
from ..sse.event import ServerSentEvent, data_lines
from .base import EventStreamFormat, as_block
from .message import ending_object
from .texts import WritesText


class TextFormat(WritesText, EventStreamFormat):
    """Each delta as an event with its words; a mapping, list or dataclass as JSON.

    A comment is a block by itself. People read this format by hand, and take the blocks that begin
    with ``data:``. A reader that makes an event of a comment gets no text, which adds nothing.

    :param event: the type of the deltas' events. Default: none.
    """

    may_be_plain = True

    def __init__(self, event: Optional[str] = None) -> None:
        head = b"" if event is None else ServerSentEvent(event=event).encode()[:-1]
        self._event_head = head + b"data: "
        super().__init__(head.decode())

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        return as_block(super().opening(comment, event_id))

    def heartbeat(self) -> bytes:
        return as_block(super().heartbeat())

    def event(self, event: ServerSentEvent) -> bytes:
        return as_block(super().event(event))

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            return self.event(item)
        return self._event_head + self.json_item(item) + b"\n\n"

    def _written(self, text: str) -> bytes:
        return f"{self._head}{data_lines(text)}\n".encode()

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        """``event: ended`` without text if there is an ID to send, else nothing."""
        if ending.reason != "complete":  # an answer that was cut short must not look whole
            return ServerSentEvent(ending_object(ending), event="error", id=event_id).encode()
        if event_id is None:
            return b""
        return ServerSentEvent(self.empty_delta, event="ended", id=event_id).encode()
