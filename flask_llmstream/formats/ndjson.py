"""Newline-delimited JSON: the objects of the message format, one on each line."""

from __future__ import annotations

from typing import Any, Optional

from ..records import Ending, ErrorInfo, Gap
from ..sse.event import ServerSentEvent
from ..sse.json import json_bytes, json_string
from .base import Format, failure_object
from .message import DELTA_HEAD, DELTA_TAIL, ending_object


class NDJSONFormat(Format):
    """One JSON object on each line.

    :param event: not used: lines have no type.
    """

    content_type = "application/x-ndjson"

    def __init__(self, event: Optional[str] = None) -> None:
        pass

    def item(self, item: Any) -> bytes:
        if isinstance(item, str):
            return DELTA_HEAD + json_string(item) + DELTA_TAIL + b"\n"
        if isinstance(item, ServerSentEvent):
            return self._event(item)
        return self.json_item(item) + b"\n"

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
