"""``unsendable``: the error for an item that a format can't hold. It names the cure."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..deltas import Delta, ToolCallDelta
from ..records import Usage

SENDABLE = "text, a Delta, a mapping, a list, a dataclass or a ServerSentEvent"


def unsendable(item: Any, sendable: str = SENDABLE) -> TypeError:
    """The error for an item that a format can't hold.

    :param sendable: the items that the format can hold, in words.
    """
    return TypeError(f"{type(item).__name__} can't be streamed; give {sendable}{_cure(item)}")


def _cure(item: Any) -> str:
    if item is None:
        return "; where a piece has no text, give text or ''"
    if isinstance(item, Delta):
        return "; have the format's item() return self.delta(item), which sends the words"
    if isinstance(item, ToolCallDelta):
        return "; give a Delta(tool_calls=[…]) with it"
    if isinstance(item, Usage):
        return "; give a Usage, and no subclass of it"
    if isinstance(item, (bytes, bytearray, memoryview)):
        return "; decode it, or have ready frames sent as they are, with format=RawFormat"
    if isinstance(item, (int, float)):
        return "; give str() of it"
    if inspect.iscoroutine(item):
        return "; await it first"
    if isinstance(item, (Iterator, AsyncIterator)):
        return "; give its items one by one, as yield from does"
    if isinstance(item, BaseException):
        return "; raise it"
    if isinstance(item, type):
        return f"; {item.__name__} is a class, so make one of it"
    if hasattr(item, "get_wsgi_headers"):  # a response; formats do not import Werkzeug
        return "; give what the response was made of"
    if hasattr(item, "choices") and hasattr(item, "model_dump"):
        return (
            "; give its text, choices[0].delta.content or '', and a Delta for what else it says: "
            "reasoning, refusal, tool_calls …"
        )
    if hasattr(item, "model_dump"):
        return "; give its model_dump()"
    return "; call it first" if inspect.isroutine(item) else ""
