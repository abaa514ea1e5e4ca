"""The message format, the default: each delta is a JSON object that says if more will follow.

event: message
data: {"ended":false,"message":"Hello"}
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Optional, Tuple

from ..records import Ending, Usage
from ..sse.event import ServerSentEvent
from ..sse.json import escaped_json_string, json_string, quoted
from .base import EventStreamFormat

DELTA_HEAD, DELTA_TAIL = b'{"ended":false,"message":', b"}"


class MessageFormat(EventStreamFormat):
    """Deltas as ``{"ended": false, "message": …}``; a mapping, list or dataclass by itself.

    :param event: the type of the deltas' events and of the last one. Default: ``message``.
    """

    empty_delta = (DELTA_HEAD + b'""' + DELTA_TAIL).decode()

    def __init__(self, event: Optional[str] = None) -> None:
        self._event = event or "message"
        self._head, self._delta_head = _heads(self._event)

    def item(self, item: Any) -> bytes:
        if item.__class__ is str:
            try:
                return f"{self._delta_head}{quoted(item)}}}\n\n".encode()
            except UnicodeEncodeError:  # a lone surrogate
                return self._delta(escaped_json_string(item))
        if item.__class__ is dict:
            return self._head + self.as_json(item) + b"\n\n"
        return self._other(item)

    def _other(self, item: Any) -> bytes:
        if isinstance(item, str):
            return self._delta(json_string(item))
        if isinstance(item, ServerSentEvent):
            return self.event(item)
        return self._head + self.json_item(item) + b"\n\n"

    def _delta(self, text: bytes) -> bytes:
        return self._head + DELTA_HEAD + text + DELTA_TAIL + b"\n\n"

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return ServerSentEvent(ending_object(ending), event=self._event, id=event_id).encode()


@lru_cache(maxsize=64)
def _heads(event: str) -> Tuple[bytes, str]:
    """The bytes before an item's JSON, and the text before a delta's."""
    head = ServerSentEvent("", event=event).encode()[:-2]
    return head, (head + DELTA_HEAD).decode()


def ending_object(ending: Ending) -> Dict[str, Any]:
    """The content of the last event of an answer."""
    body: Dict[str, Any] = {"ended": True, "message": "", "reason": ending.reason}
    if ending.usage is not None:
        body["usage"] = usage_object(ending.usage)
    return body


def usage_object(usage: Usage) -> Dict[str, Any]:
    """A usage as an object, without the counts that are ``None``."""
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "finish_reason": usage.finish_reason,
    }
    return {name: value for name, value in counts.items() if value is not None}
