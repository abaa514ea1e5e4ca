"""The answers in the formats of the package, which a query's ``format`` names."""

from __future__ import annotations

from typing import Any, Dict, List

from ...formats import FORMATS
from ..description import Schema, json_event, nullable, ref, text_event

_ENDED: Schema = {"const": True}

DELTA: Schema = {
    "type": "object",
    "properties": {
        "ended": {"const": False},
        "message": {"type": "string", "description": "The next words of the answer."},
        "reasoning": {"type": "string"},
        "refusal": {"type": "string"},
        "tool_calls": {"type": "array", "items": {"type": "object"}},
        "annotations": {"type": "array", "items": {"type": "object"}},
        "logprobs": {"type": "object"},
    },
    "required": ["ended", "message"],
}

END: Schema = {
    "type": "object",
    "properties": {
        "ended": _ENDED,
        "message": {"const": ""},
        "reason": {"enum": ["complete", "cancelled"]},
        "usage": {"type": "object"},
    },
    "required": ["ended", "message", "reason"],
}

FAILURE: Schema = {
    "type": "object",
    "properties": {"ended": _ENDED, "error": ref("Error")},
    "required": ["ended", "error"],
}

GAP: Schema = {
    "description": "Items that the reader lost for want of room.",
    "type": "object",
    "properties": {
        "lost": {"type": "integer", "minimum": 1},
        "first_id": {"type": "string"},
        "last_id": {"type": "string"},
    },
    "required": ["lost"],
}

SCHEMAS: Dict[str, Schema] = {
    "MessageDelta": DELTA,
    "MessageEnd": END,
    "MessageFailure": FAILURE,
    "Gap": GAP,
}

MESSAGE_EVENTS: List[Dict[str, Any]] = [
    json_event("message: the next words", ref("MessageDelta"), None),
    json_event("message: the end", ref("MessageEnd"), None),
    json_event("message: a failure after the first byte", ref("MessageFailure"), "error"),
    json_event("message: lost items", ref("Gap"), "gap"),
]
"""The events of the format ``message``. An application may name the first two otherwise."""

TEXT_EVENTS: List[Dict[str, Any]] = [
    text_event("text: the next words", {}, None),
    json_event("text: a failure after the first byte", ref("MessageFailure"), "error"),
]
"""The events of the format ``text``."""

MESSAGE_EXAMPLE = (
    'event: opened\nid: 5f0c:0\ndata: {"ended":false,"message":""}\n\n'
    'event: message\ndata: {"ended":false,"message":"Hello"}\n\n'
    'event: message\nid: 5f0c:ended\ndata: {"ended":true,"message":"","reason":"complete"}\n\n'
)

PLAIN: Dict[str, Dict[str, Any]] = {
    "application/x-ndjson": {
        "schema": {"description": "A line of JSON for each event of `message`.", "type": "string"},
        "example": '{"ended":false,"message":"Hello"}\n'
        '{"ended":true,"message":"","reason":"complete"}\n',
    },
    "text/plain": {"schema": {"description": "The words alone.", "type": "string"}},
}
"""The answers in the formats ``ndjson`` and ``plain``. A request that accepts only plain text gets
that, too."""


def format_parameter(*others: str) -> Dict[str, Any]:
    """The parameter ``format`` of a query.

    :param others: the names that a protocol has beside those of the package.
    """
    told = "The format of the answer. Default: the one of the protocol, or of the application."
    schema = nullable({"enum": [*FORMATS, *others]})
    return {"name": "format", "in": "query", "description": told, "schema": schema}
