"""The parts that an application yields itself: which there are, and which members each needs.

A reader refuses a whole answer for one chunk that it can't read. So a part is checked here.
Source: AI SDK, "Stream Protocols", "Data Stream Protocol".
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import Any, Dict, Mapping, Optional, Tuple

from ...sse.event import ServerSentEvent

_DATA = "data-"

_REQUIRED: Dict[str, Tuple[str, ...]] = {
    "source-url": ("sourceId", "url"),
    "source-document": ("sourceId", "mediaType", "title"),
    "file": ("url", "mediaType"),
    "tool-output-available": ("toolCallId", "output"),
    "tool-output-error": ("toolCallId", "errorText"),
    "tool-output-denied": ("toolCallId",),
    "tool-approval-request": ("toolCallId", "approvalId"),
    "message-metadata": ("messageMetadata",),
    "start-step": (),
}
"""The types that an application may yield beside ``data-…``, with the members that each needs."""

_MADE_HERE = {
    *("finish-step", "text-start", "text-delta", "text-end"),
    *("reasoning-start", "reasoning-delta", "reasoning-end"),
    *("tool-input-start", "tool-input-delta", "tool-input-available", "tool-input-error"),
}
"""Types that the format makes, in their order. Those of one word (``start``, ``error``) may be an
application's, too."""

_OF_ANY_TYPE = frozenset({"output", "messageMetadata", "data"})

_OPTIONAL: Dict[str, Tuple[type, str]] = {
    **dict.fromkeys(("id", "title", "filename", "signature"), (str, "text")),
    **dict.fromkeys(
        ("transient", "preliminary", "dynamic", "providerExecuted", "isAutomatic"),
        (bool, "True or False"),
    ),
    **dict.fromkeys(("providerMetadata", "toolMetadata"), (AnyMapping, "a mapping")),
}
"""The members that a part may have, each with its type."""

_ANSWERS_CALLS = frozenset(name for name in _REQUIRED if name.startswith("tool-"))
_BESIDE_TEXT = frozenset({"source-url", "source-document", "message-metadata"})


def own_part(item: Any) -> Optional[Dict[str, Any]]:
    """The part that an item is by itself, a mapping with the type of one; ``None`` for any other.

    An optional member that is ``None`` is left out: a reader refuses null.

    :raises TypeError: a member is of another type.
    :raises ValueError: a member is missing, or the format alone makes such chunks.
    """
    kind = item.get("type") if isinstance(item, AnyMapping) else None
    if not isinstance(kind, str):
        return None
    if kind in _MADE_HERE:
        raise ValueError(f"{kind} can't be streamed; give text or a Delta, or raise an error")
    if not (kind.startswith(_DATA) or kind in _REQUIRED):
        return None
    part = {name: item[name] for name in item if item[name] is not None or name not in _OPTIONAL}
    for name in ("data",) if kind.startswith(_DATA) else _REQUIRED[kind]:
        if name not in part:
            raise ValueError(f"{kind}: needs the member {name}")
        if name not in _OF_ANY_TYPE:
            _check(kind, name, part[name], (str, "text"))
    for name in part.keys() & _OPTIONAL.keys():
        _check(kind, name, part[name], _OPTIONAL[name])
    return part


def _check(kind: str, name: str, value: Any, wanted: Tuple[type, str]) -> None:
    if not isinstance(value, wanted[0]):
        raise TypeError(f"{kind}: {name} has to be {wanted[1]}, not {type(value).__name__}")


def part_of_event(event: ServerSentEvent) -> Dict[str, Any]:
    """The data part that stands for an event: ``data-`` and the event's type."""
    return {"type": f"{_DATA}{event.event or 'message'}", "data": event.data}


def stands_alone(part: Mapping[str, Any]) -> bool:
    """Whether a text ends before the part, so that a page shows the part at its place."""
    return part["type"] not in _BESIDE_TEXT and part.get("transient") is not True


def answers_call(part: Mapping[str, Any]) -> bool:
    """Whether the part belongs to a call."""
    return part["type"] in _ANSWERS_CALLS


def ends_calls(part: Mapping[str, Any]) -> bool:
    """Whether the calls before the part are whole."""
    return part["type"] == "start-step" or answers_call(part)
