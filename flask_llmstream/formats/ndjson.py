"""Newline-delimited JSON: the objects of the message format, one on each line."""

from __future__ import annotations

from typing import Any, Optional

from ..deltas import Delta
from ..records import Ending, ErrorInfo, Gap
from ..sse.event import ServerSentEvent
from ..sse.json import json_bytes, json_string, json_text
from .base import failure_object
from .message import DELTA_HEAD, DELTA_TAIL, delta_object, ending_object
from .texts import ShowsDeltas


class NDJSONFormat(ShowsDeltas):
    """One JSON object on each line.

    :param event: not used: lines have no type.
    """

    content_type = "application/x-ndjson"
    unshown = ("extra",)
    may_be_plain = True

    def __init__(self, event: Optional[str] = None) -> None:
        super().__init__(DELTA_HEAD)

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            return self._event(item)
        return self.json_item(item) + b"\n"

    def _written(self, text: str) -> bytes:
        return f"{self._head}{json_text(text)}{DELTA_TAIL}\n".encode()

    def _shown(self, delta: Delta) -> bytes:
        return json_bytes(delta_object(delta)) + b"\n"

    def _event(self, event: ServerSentEvent) -> bytes:
        if event.data is None:
            return b""
        is_text = isinstance(event.data, str)
        data = json_string(event.data) if is_text else self.as_json(event.data)
        return _event_line(event.event or "message", data)

    def gap(self, gap: Gap) -> bytes:
        return _event_line("gap", json_bytes(gap.as_json()))

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return json_bytes(ending_object(ending)) + b"\n"

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return json_bytes(failure_object(failure)) + b"\n"


def _event_line(event: str, data: bytes) -> bytes:
    return b'{"event":' + json_string(event) + b',"data":' + data + b"}\n"
