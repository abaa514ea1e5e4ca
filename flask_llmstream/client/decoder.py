"""``AnswerDecoder``: an event stream, an object on each line, or one JSON object, as events.

Standard library only, no I/O.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, List, Optional

from ..sse.decoder import EventStreamDecoder, MessageEvent

_STREAM_START = re.compile(rb"\s*([{:]|(data|event|id|retry|error)[:\r\n])")
_LONGEST_START = len("event:")
_STRING_OR_BRACE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}]')


def begins_answer(start: bytes) -> Optional[bool]:
    """Whether a body with this start can be read; ``None`` where more of it must be seen.

    The first bytes decide. The type does not: servers label event streams as anything.
    """
    text = start[3:] if start.startswith(codecs.BOM_UTF8) else start
    if _STREAM_START.match(text):
        return True
    return False if len(text.strip()) > _LONGEST_START else None


def object_in(text: "str | bytes") -> Any:
    """The JSON in a text; ``None`` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The most bytes of one event, which may be a whole answer."""


class AnswerDecoder(EventStreamDecoder):
    """Reads what the standard ignores, too: JSON without a field, by itself or on each line, a
    field ``error`` (ggml-org/llama.cpp#16109), and a gap, which some formats tell in a comment.

    :param last_event_id: that of the connection before. It stays until another comes.
    :ivar has_bare_json: whether an object stood by itself or on a line, as in no event stream.
    """

    def __init__(self, max_event_bytes: int, last_event_id: str = "") -> None:
        super().__init__(max_event_bytes)
        self.last_event_id = self._id = last_event_id
        self._json = bytearray()
        self._depth = 0
        self.has_bare_json = False

    def ignored(self, line: bytes, events: List[MessageEvent]) -> None:
        if line.startswith(b"error:"):
            events.append(self._told("error", line[6:]))
        elif line.startswith(b": gap "):
            events.append(self._told("gap", line[6:]))
        elif not line.startswith(b":") and (self._json or line.lstrip().startswith(b"{")):
            self._gather(line, events)

    def _gather(self, line: bytes, events: List[MessageEvent]) -> None:
        """Add a line to an object, perhaps over several lines. Its last brace ends it."""
        self._json += line + b"\n"
        self._overgrown |= len(self._json) > self.max_event_bytes
        self._depth += _braces_opened(line)
        if self._depth <= 0:
            if isinstance(object_in(bytes(self._json)), dict):
                self.has_bare_json = True
                events.append(self._told("message", bytes(self._json)))
            self._json.clear()
            self._depth = 0

    @property
    def is_within_event(self) -> bool:
        """Whether the bytes so far end in the middle of an event."""
        return bool(self._line or self._data or self._json)

    def end(self) -> List[MessageEvent]:
        """The body is over. Its last line may lack its end where it is JSON. An event without the
        blank line behind it is none."""
        is_json = self._json or self._line.lstrip().startswith((b"{", b"}"))
        return self.feed(b"\n" if is_json else b"")

    def _told(self, kind: str, data: bytes) -> MessageEvent:
        return MessageEvent(kind, data.decode("utf-8", "replace").strip(), self.last_event_id)


def _braces_opened(line: bytes) -> int:
    """How many more braces a line of JSON opens than it closes."""
    found = _STRING_OR_BRACE.findall(line)
    return found.count(b"{") - found.count(b"}")
