"""The parts that an application yields itself: which there are, and which members each needs.

A reader refuses a whole answer for one chunk that it can't read. So a part is checked here.
Source: AI SDK, "Stream Protocols", "Data Stream Protocol".
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

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

_OF_ANY_TYPE = frozenset({"output", "messageMetadata", "data"})

_ANSWERS_CALLS = frozenset(name for name in _REQUIRED if name.startswith("tool-"))
_BESIDE_TEXT = frozenset({"source-url", "source-document", "message-metadata"})


def is_part(item: Any) -> bool:
    """Whether an item is a part by itself: a mapping with the type of one.

    :raises TypeError: a member is of another type.
    :raises ValueError: a member is missing.
    """
    kind = item.get("type") if isinstance(item, Mapping) else None
    if not isinstance(kind, str) or not (kind.startswith(_DATA) or kind in _REQUIRED):
        return False
    for name in ("data",) if kind.startswith(_DATA) else _REQUIRED[kind]:
        if name not in item:
            raise ValueError(f"{kind}: needs the member {name}")
        _check(kind, name, item[name])
    if "id" in item:
        _check(kind, "id", item["id"])
    return True


def _check(kind: str, name: str, value: Any) -> None:
    if name not in _OF_ANY_TYPE and not isinstance(value, str):
        raise TypeError(f"{kind}: {name} has to be text, not {type(value).__name__}")


def part_of_event(event: ServerSentEvent) -> Dict[str, Any]:
    """The data part that stands for an event: ``data-`` and the event's type."""
    return {"type": f"{_DATA}{event.event or 'message'}", "data": event.data}


def stands_alone(part: Mapping[str, Any]) -> bool:
    """Whether a text ends before the part, so that a page shows the part at its place."""
    return part["type"] not in _BESIDE_TEXT and part.get("transient") is not True


def ends_calls(part: Mapping[str, Any]) -> bool:
    """Whether the calls before the part are whole."""
    return part["type"] == "start-step" or part["type"] in _ANSWERS_CALLS
