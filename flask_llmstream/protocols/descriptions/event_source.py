"""``GET /chat/stream``, described."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ..description import Description, Schema, event_stream, ref
from ..fields import CHECKS, SCHEMAS
from .chat_fields import TOLD
from .formats import MESSAGE_EVENTS, MESSAGE_EXAMPLE, PLAIN
from .formats import SCHEMAS as MESSAGE_SCHEMAS
from .formats import TEXT_EVENTS, format_parameter
from .openai_objects import CHAT, openai_events

_TEXT = (
    "For an `EventSource`, which can send only a query. The parameters have the names of the "
    "fields of `POST /chat/completions`. Other parameters are sent on as texts, except those that "
    "clients add for themselves (`token`, `_`, `cache` and the like). `Accept` has to name the "
    "media type of the answer, or be `*/*`: a request of an image or of a link gets 403."
)
_TEXTS = ("prompt", "model", "stop", "user")
"""The fields that are texts, and so can be sent in a query."""

_LAST_EVENT: List[Dict[str, Any]] = [
    {
        "name": name,
        "in": place,
        "description": "The last event that a reader has. An answer is not made again: 204, 410.",
        "schema": {"type": "string"},
    }
    for name, place in (("Last-Event-ID", "header"), ("lastEventId", "query"))
]


def event_source(kinds: Mapping[str, str]) -> Description:
    """
    :param kinds: the JSON types that are read out of a query's texts, by the field's name.
    """
    events = [*MESSAGE_EVENTS, *TEXT_EVENTS, *openai_events("ChatCompletionChunk")]
    texts = dict.fromkeys(_TEXTS, "string")
    return Description(
        "Answer a prompt in a query, for EventSource",
        _TEXT,
        parameters=[
            *(_parameter(name, kind) for name, kind in {**texts, **kinds}.items()),
            format_parameter("openai"),
            *_LAST_EVENT,
        ],
        answers={"text/event-stream": event_stream(events, MESSAGE_EXAMPLE), **PLAIN},
        has_own_format=True,
        schemas={**CHAT, **MESSAGE_SCHEMAS},
    )


def _parameter(name: str, kind: str) -> Dict[str, Any]:
    told = {"description": TOLD[name]} if name in TOLD else {}
    return {"name": name, "in": "query", **told, "schema": _schema(name, kind)}


def _schema(name: str, kind: str) -> Schema:
    if name == "model":
        return {"anyOf": [ref("ModelName"), {"const": ""}]}
    if name == "stream":
        return {"const": True, "description": "An answer to a prompt can't come whole."}
    known = {} if name == "stop" else SCHEMAS[CHECKS[name]]
    return {**known, "type": kind}
