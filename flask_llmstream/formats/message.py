"""The message format, the default: each delta is a JSON object that says if more will follow.

event: message
data: {"ended":false,"message":"Hello"}
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Optional, Tuple

from ..deltas import Delta
from ..records import Ending, Usage
from ..sse.event import ServerSentEvent, with_id
from ..sse.json import json_bytes, json_text, quoted
from .base import EventStreamFormat, one_event_a_text
from .texts import ShowsDeltas

DELTA_HEAD, DELTA_TAIL = '{"ended":false,"message":', "}"


class MessageFormat(ShowsDeltas, EventStreamFormat):
    """Deltas as ``{"ended": false, "message": …}``; a mapping, list or dataclass by itself.

    :param event: the type of the deltas' events and of the last one. Default: ``message``.
    """

    empty_delta = DELTA_HEAD + '""' + DELTA_TAIL
    unshown = ("extra",)
    may_be_plain = True

    def __init__(self, event: Optional[str] = None) -> None:
        self._event = event or "message"
        self._event_head, head = _heads(self._event)
        super().__init__(head)

    @one_event_a_text
    def item(self, item: Any) -> bytes:
        if item.__class__ is str:
            try:
                if item.isascii() or item.isprintable():  # no line separator is either of the two
                    return f"{self._head}{quoted(item)}}}\n\n".encode()
                return self._written(item)
            except UnicodeEncodeError:
                return self._mended(item)
        if item.__class__ is dict:
            return b"".join((self._event_head, self.as_json(item), b"\n\n"))
        return self._other(item)

    def _written(self, text: str) -> bytes:
        return f"{self._head}{json_text(text)}}}\n\n".encode()

    def _other(self, item: Any) -> bytes:
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, Delta):
            return self.delta(item)
        if isinstance(item, ServerSentEvent):
            return self.event(item)
        return self._event_head + self.json_item(item) + b"\n\n"

    def _shown(self, delta: Delta) -> bytes:
        return self._event_head + json_bytes(delta_object(delta)) + b"\n\n"

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        lines = _plain_ending if ending.usage is None else _ending_lines
        return with_id(lines(self._event, ending), event_id)


@lru_cache(maxsize=64)
def _heads(event: str) -> Tuple[bytes, str]:
    """The bytes before an item's JSON, and the text before a delta's."""
    head = ServerSentEvent("", event=event).encode()[:-2]
    return head, head.decode() + DELTA_HEAD


def _ending_lines(event: str, ending: Ending) -> bytes:
    """The lines of an end but its ID."""
    return ServerSentEvent(ending_object(ending), event=event).encode()[:-1]


_plain_ending = lru_cache(maxsize=64)(_ending_lines)
"""The lines of an end without a usage, of which there are few."""


def delta_object(delta: Delta) -> Dict[str, Any]:
    """A delta as an object. Readers join each ``message`` to the text, so it is always there; the
    other members are there where they say something."""
    body: Dict[str, Any] = {
        "reasoning": delta.reasoning,
        "refusal": delta.refusal,
        "tool_calls": [call.as_json() for call in delta.tool_calls],
        "annotations": list(delta.annotations),
        "logprobs": delta.logprobs,
    }
    said = {name: value for name, value in body.items() if value}
    return {"ended": False, "message": delta.words, **said}


def ending_object(ending: Ending) -> Dict[str, Any]:
    """The content of the last event of an answer."""
    body: Dict[str, Any] = {"ended": True, "message": "", "reason": ending.reason}
    if ending.usage is not None:
        body["usage"] = usage_object(ending.usage)
    return body


def usage_object(usage: Usage) -> Dict[str, Any]:
    """A usage as an object, without the counts that are ``None``. ``finish_reason`` is the word
    of the model's server."""
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "finish_reason": usage.finish_reason,
    }
    said = {name: value for name, value in counts.items() if value is not None}
    return {**usage.extra, **said}
