"""``POST /responses``, described.

Source: OpenAI's reference, "Responses".
"""

from __future__ import annotations

from typing import Any, Dict

from ..description import Description, Schema, event_stream, json_event, nullable, ref
from .chat_fields import chat_fields, field_schema
from .formats import MESSAGE_EVENTS, PLAIN
from .formats import SCHEMAS as MESSAGE_SCHEMAS
from .formats import TEXT_EVENTS, format_parameter

_TEXT = (
    "OpenAI's responses. An `item_reference` names an item of a recent answer of the same user. "
    "`background` and `previous_response_id` need an application that keeps its answers; otherwise "
    "`input` is the whole conversation. Other items than these, `conversation` and prompt "
    "templates are refused by name."
)
_OTHERWISE = (
    *("messages", "prompt", "max_tokens", "tools", "functions", "tool_choice", "store"),
    *("parallel_tool_calls", "reasoning_effort", "verbosity", "response_format", "logprobs"),
)
"""The fields of a chat completion that have another form or another name here."""

_STRING: Schema = {"type": "string"}
_WORD: Schema = {"type": "string", "minLength": 1}
_FLAG: Schema = {"type": ["boolean", "null"]}


def _object(required: Dict[str, Schema], **optional: Schema) -> Dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }


_PARTS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "anyOf": [
            _object({"type": {"enum": ["input_text", "output_text"]}, "text": _STRING}),
            _object({"type": {"const": "input_image"}, "image_url": _WORD}),
            _object({"type": {"const": "input_file"}, "file_data": _STRING}),
            _object({"type": {"const": "input_audio"}, "input_audio": {"type": "object"}}),
        ]
    },
}
_CONTENT: Schema = {"anyOf": [_STRING, _PARTS]}
_OUTPUT: Schema = {"anyOf": [_STRING, {**_PARTS, "minItems": 0}]}
_SAID: Schema = {
    "type": "array",
    "items": {
        "anyOf": [
            _object({"type": {"enum": ["output_text", "input_text"]}, "text": _STRING}),
            _object({"type": {"const": "refusal"}, "refusal": _STRING}),
        ]
    },
}
_ASKED = _object(
    {"role": {"enum": ["user", "system", "developer"]}, "content": _CONTENT},
    type={"enum": ["message", None]},
)
_THOUGHTS: Schema = {"type": ["array", "null"], "items": _object({"text": _STRING})}
_ITEM: Schema = {
    "anyOf": [
        _ASKED,
        _object(
            {"role": {"const": "assistant"}, "content": {"anyOf": [_STRING, _SAID]}},
            type={"enum": ["message", None]},
        ),
        _object({"type": {"const": "function_call"}, "call_id": _WORD, "name": _WORD,
                 "arguments": _STRING}),
        _object({"type": {"const": "function_call_output"}, "call_id": _WORD,
                 "output": _OUTPUT}),
        _object({"type": {"const": "reasoning"}}, content=_THOUGHTS, summary=_THOUGHTS),
    ]
}  # fmt: skip
_ANY_BUT_REASONING: Schema = {"properties": {"type": {"not": {"const": "reasoning"}}}}
_FUNCTION = _object({"type": {"const": "function"}, "name": _WORD})
_FORMAT: Schema = {
    "anyOf": [
        _object({"type": {"enum": ["text", "json_object"]}}),
        _object({"type": {"const": "json_schema"}, "name": _WORD, "schema": {"type": "object"}}),
        {"type": "null"},
    ]
}

_REQUEST: Schema = {
    "type": "object",
    "properties": {
        **chat_fields(without=_OTHERWISE),
        "input": {
            "anyOf": [
                _WORD,
                {"type": "array", "items": ref("ResponseInputItem"),
                 "contains": _ANY_BUT_REASONING},
            ]
        },
        "instructions": {"type": ["string", "null"]},
        "tools": {"type": ["array", "null"], "items": _FUNCTION},
        "tool_choice": {"anyOf": [{"type": ["string", "null"]}, _FUNCTION]},
        "parallel_tool_calls": _FLAG,
        "text": {"type": ["object", "null"], "properties": {"format": _FORMAT}},
        "reasoning": {"type": ["object", "null"]},
        "max_output_tokens": field_schema("max_tokens"),
        "include": {"type": ["array", "null"], "items": _STRING},
        "store": _FLAG,
        "truncation": {"enum": ["auto", "disabled", None]},
    },
    "required": ["input"],
}  # fmt: skip

_USAGE = _object(
    {
        **dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), {"type": "integer"}),
        **dict.fromkeys(("input_tokens_details", "output_tokens_details"), {"type": "object"}),
    }
)
_RESPONSE = _object(
    {
        "id": {"type": "string", "pattern": "^resp_"},
        "object": {"const": "response"},
        "created_at": {"type": "integer"},
        "status": {"enum": ["in_progress", "completed", "incomplete", "failed"]},
        "model": _STRING,
        "output": {"type": "array", "items": ref("ResponseOutputItem")},
        "error": {"type": ["object", "null"]},
        "incomplete_details": {"type": ["object", "null"]},
        "usage": nullable(_USAGE),
    }
)
_OUTPUT_ITEM = _object(
    {"id": _STRING, "type": {"enum": ["message", "reasoning", "function_call"]}},
    status={"enum": ["in_progress", "completed", "incomplete"]},
)

_WITH_RESPONSE = ("created", "in_progress", "completed", "incomplete", "failed")
_WITH_ITEM = ("output_item.added", "output_item.done")
_WITH_DELTA = ("output_text", "refusal", "function_call_arguments", "reasoning_summary_text")
_OTHERS = (
    *("content_part.added", "content_part.done", "output_text.annotation.added"),
    *("reasoning_summary_part.added", "reasoning_summary_part.done"),
    *(f"{name}.done" for name in _WITH_DELTA),
)


def _event(kind: str, **members: Schema) -> Dict[str, Any]:
    number = {"type": "integer", "minimum": 0}
    data = _object({"type": {"const": kind}, "sequence_number": number, **members})
    return json_event(kind, data, kind)


def responses() -> Description:
    events = [
        *(_event(f"response.{name}", response=ref("Response")) for name in _WITH_RESPONSE),
        *(_event(f"response.{name}", item=ref("ResponseOutputItem")) for name in _WITH_ITEM),
        *(_event(f"response.{name}.delta", delta=_STRING) for name in _WITH_DELTA),
        *(_event(f"response.{name}") for name in _OTHERS),
        _event("error", message=_STRING, code=_STRING),
        *MESSAGE_EVENTS,
        *TEXT_EVENTS,
    ]
    example = (
        "event: response.output_text.delta\n"
        'data: {"type":"response.output_text.delta","item_id":"msg_5f0c","output_index":0,'
        '"content_index":0,"logprobs":[],"sequence_number":4,"delta":"Hello"}\n\n'
    )
    return Description(
        "Answer a text or a list of items",
        _TEXT,
        request=ref("ResponseRequest"),
        example={"input": "Hello", "stream": True},
        parameters=[format_parameter("openai")],
        answers={
            "application/json": {"schema": ref("Response")},
            "text/event-stream": event_stream(events, example),
            **PLAIN,
        },
        schemas={
            "ResponseRequest": _REQUEST,
            "ResponseInputItem": _ITEM,
            "ResponseOutputItem": _OUTPUT_ITEM,
            "Response": _RESPONSE,
            **MESSAGE_SCHEMAS,
        },
    )
