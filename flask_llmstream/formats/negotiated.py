"""The formats that ``Accept`` can choose. They send nothing but the items.

They are what Spring answers for a ``Flux`` or a ``Flowable``. None of them can carry an error, so
the connection is cut when a stream does not end well.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import AbstractSet, Any, Callable, Dict, Optional

from ..deltas import Delta
from ..records import Ending, ErrorInfo
from ..sse.event import ServerSentEvent
from ..sse.json import json_text
from .base import Format
from .text import TextFormat
from .texts import WritesText


class _BareItems(WritesText):
    """The base of the formats without events. Of a delta they send the words.

    :param event: not used: items have no type.
    """

    tells_its_end = False

    def __init__(self, event: Optional[str] = None) -> None:
        super().__init__("")

    def item(self, item: Any) -> bytes:
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            if item.data is None:
                return b""
            item = item.data
        return self.text(item) if isinstance(item, str) else self._json(self.json_item(item))

    @abstractmethod
    def _json(self, item: bytes) -> bytes:
        """Write an item that is no text."""

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b""

    def failure(self, failure: ErrorInfo, event_id: Optional[str]) -> bytes:
        return b""


class JSONLines(_BareItems):
    """Each item as a line of JSON; a text is a string."""

    content_type = "application/x-ndjson"

    def _written(self, text: str) -> bytes:
        return f"{self._head}{json_text(text)}\n".encode()

    def _json(self, item: bytes) -> bytes:
        return item + b"\n"


class PlainText(_BareItems):
    """Text as it is, other items as JSON, one right behind the other: ``format="plain"``."""

    content_type = "text/plain; charset=utf-8"

    def _written(self, text: str) -> bytes:
        return (self._head + text).encode()

    def _json(self, item: bytes) -> bytes:
        return item


class JSONArray(_BareItems):
    """All items as one JSON array, each sent when it comes. An array that is cut is not JSON."""

    content_type = "application/json"

    def __init__(self, event: Optional[str] = None) -> None:
        super().__init__()
        self._before = b"["

    def _written(self, text: str) -> bytes:
        return self._json(f"{self._head}{json_text(text)}".encode())

    def _json(self, item: bytes) -> bytes:
        before, self._before = self._before, b",\n"
        return before + item

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b"[]" if self._before == b"[" else b"]"


BY_MEDIA_TYPE: Dict[str, Callable[[Optional[str]], Format]] = {
    "application/json": JSONArray,
    "text/event-stream": TextFormat,
    "application/x-ndjson": JSONLines,
    "text/plain": PlainText,
}
"""The formats by the media types of ``Accept``; the first one where it prefers none."""

_STREAMS = frozenset({"*/*", "text/*", "application/*", "text/event-stream", "application/json"})


def wants_plain_text(accepted: AbstractSet[str], content_type: str) -> bool:
    """Whether a reader can take plain text, and none of what is sent otherwise.

    :param accepted: the media types of its ``Accept``.
    :param content_type: of the format that it would get.
    """
    own_type = content_type.partition(";")[0].strip()
    return "text/plain" in accepted and accepted.isdisjoint(_STREAMS | {own_type})
