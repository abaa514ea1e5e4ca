"""The fields of a chat completion as schemas, made of the table of their checks."""

from __future__ import annotations

from typing import Any, Collection, Dict

from ..description import Schema, nullable, ref
from ..fields import CHECKS, SCHEMAS

TOLD = {
    "model": "Default: the first model of `/models`. Empty means the default, too.",
    "stream": "Whether the answer comes in pieces, as an event stream, or as one object.",
    "stream_options": "With `include_usage` the token counts come before the end of a stream.",
    "n": "One request gets one answer.",
    "best_of": "One request gets one answer.",
    "prompt": "A text to answer or to continue.",
    "messages": "The conversation.",
    "max_tokens": "The most tokens of the answer. 0 and less: no limit of the client's.",
    "max_completion_tokens": "The same as `max_tokens`, in OpenAI's newer word.",
    "stop": "The answer ends before one of these texts.",
    "tools": "The tools that the model may call.",
}
"""What a reader can't guess from a field's name. The rest is sent on as it comes."""


def chat_fields(without: Collection[str] = ()) -> Dict[str, Schema]:
    """The schemas of the fields, by their names.

    :param without: the names of fields to leave out.
    """
    return {name: field_schema(name) for name in CHECKS if name not in without}


def field_schema(name: str) -> Schema:
    """The schema of a field. Null is the same as a missing field."""
    schema: Dict[str, Any] = dict(nullable(SCHEMAS[CHECKS[name]]))
    if name == "model":
        schema = {"anyOf": [ref("ModelName"), {"enum": ["", None]}]}
    return {**schema, "description": TOLD[name]} if name in TOLD else schema
