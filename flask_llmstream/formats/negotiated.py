"""The formats that ``Accept`` chooses. They send nothing but the items.

They are what Spring answers for a ``Flux`` or a ``Flowable``. None of them can carry an error, so
the connection is cut when a stream does not end well.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent, utf8
from ..sse.json import json_string
from .base import Format
from .text import TextFormat


class _BareItems(Format):
    """The base of the formats without events.

    :param event: not used: items have no type.
    """

    tells_its_end = False

    def __init__(self, event: Optional[str] = None) -> None:
        pass

    def item_as_json(self, item: Any) -> bytes:
        """An item as JSON; a text becomes a string."""
        if isinstance(item, ServerSentEvent):
            item = item.data
        return json_string(item) if isinstance(item, str) else self.json_item(item)

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b""

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return b""


class JSONLines(_BareItems):
    """Each item as a line of JSON."""

    content_type = "application/x-ndjson"

    def item(self, item: Any) -> bytes:
        return self.item_as_json(item) + b"\n"


class PlainText(_BareItems):
    """Text as it is, other items as JSON, one right behind the other."""

    content_type = "text/plain; charset=utf-8"

    def item(self, item: Any) -> bytes:
        if isinstance(item, ServerSentEvent):
            item = item.data
        return utf8(item) if isinstance(item, str) else self.item_as_json(item)


class JSONArray(_BareItems):
    """All items as one JSON array, each sent when it comes. An array that is cut is not JSON."""

    content_type = "application/json"

    def __init__(self, event: Optional[str] = None) -> None:
        self._before = b"["

    def item(self, item: Any) -> bytes:
        before, self._before = self._before, b",\n"
        return before + self.item_as_json(item)

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b"[]" if self._before == b"[" else b"]"


BY_MEDIA_TYPE: Dict[str, Callable[[Optional[str]], Format]] = {
    "application/json": JSONArray,
    "text/event-stream": TextFormat,
    "application/x-ndjson": JSONLines,
    "text/plain": PlainText,
}
"""The formats by the media types of ``Accept``; the first one where it prefers none."""
