"""The raw kinds: nothing but the items, in the form that the client's ``Accept`` names.

What Spring answers for a ``Flux`` or a ``Flowable``. None of them has a place for what went wrong,
so a stream that ends otherwise than well has its connection cut.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent, utf8
from ..sse.json import json_string
from .base import Format
from .text import TextFormat


class _ItemsAlone(Format):
    """What the kinds without events share.

    :param event: has no place here and is not sent.
    """

    tells_its_end = False

    def __init__(self, event: Optional[str] = None) -> None:
        pass

    def item_as_json(self, item: Any) -> bytes:
        """An item as JSON, text as a string."""
        if isinstance(item, ServerSentEvent):
            item = item.data
        return json_string(item) if isinstance(item, str) else self.json_item(item)

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b""

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return b""


class JSONLines(_ItemsAlone):
    """Each item a line of JSON."""

    content_type = "application/x-ndjson"

    def item(self, item: Any) -> bytes:
        return self.item_as_json(item) + b"\n"


class PlainText(_ItemsAlone):
    """The text itself, as it comes; what is no text as JSON."""

    content_type = "text/plain; charset=utf-8"

    def item(self, item: Any) -> bytes:
        if isinstance(item, ServerSentEvent):
            item = item.data
        return utf8(item) if isinstance(item, str) else self.item_as_json(item)


class JSONArray(_ItemsAlone):
    """All items as one JSON array, each sent as it comes. One that was cut short is no JSON."""

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
"""The kinds by their media type; the first answers who has no preference."""
