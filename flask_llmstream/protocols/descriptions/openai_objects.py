"""OpenAI's objects in answers: the chat completion, its chunks, and the older text completion.

Source: OpenAI's reference, "The chat completion object", "The chat completion chunk object", "The
completion object".
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ..description import Schema, json_event, ref, text_event
from .shared import error_answer

_REASON: Schema = {"enum": ["stop", "length", "tool_calls", "function_call", "content_filter"]}
_NO_REASON: Schema = {"anyOf": [_REASON, {"type": "null"}]}
_TEXT_REASON: Schema = {"enum": ["stop", "length", "content_filter"]}
_LOGPROBS: Schema = {"type": ["object", "null"]}
_NAME_AND_ARGUMENTS: Schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
}


def _object(properties: Mapping[str, Any], *optional: str) -> Dict[str, Any]:
    """An object that has these members, and may have others."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _answer(kind: str, prefix: str, choice: Schema) -> Dict[str, Any]:
    members = {
        "id": {"type": "string", "pattern": f"^{prefix}"},
        "object": {"const": kind},
        "created": {"type": "integer", "description": "A Unix time."},
        "model": {"type": "string"},
        "choices": {"type": "array", "maxItems": 1, "items": choice},
        "usage": ref("Usage"),
    }
    return _object(members, "usage")


_CALL_PIECE = _object(
    {
        "index": {"type": "integer", "minimum": 0},
        "id": {"type": "string"},
        "type": {"type": "string"},
        "function": _NAME_AND_ARGUMENTS,
    },
    *("id", "type", "function"),
)
_DELTA: Schema = {
    "type": "object",
    "properties": {
        "role": {"const": "assistant"},
        "content": {"type": "string"},
        "refusal": {"type": ["string", "null"]},
        "reasoning_content": {"type": "string"},
        "tool_calls": {"type": "array", "items": ref("ToolCallPiece")},
        "annotations": {"type": "array", "items": {"type": "object"}},
    },
}
_MESSAGE = _object(
    {
        "role": {"const": "assistant"},
        "content": {"type": ["string", "null"]},
        "refusal": {"type": ["string", "null"]},
        "reasoning_content": {"type": "string"},
        "tool_calls": {"type": "array", "items": ref("ToolCall")},
        "annotations": {"type": "array", "items": {"type": "object"}},
    },
    *("reasoning_content", "tool_calls", "annotations"),
)

CHAT: Dict[str, Schema] = {
    "ToolCallPiece": _CALL_PIECE,
    "ToolCall": _object({"id": {"type": "string"}, "type": {"type": "string"}}, "id"),
    "ChatCompletionChunk": _answer(
        "chat.completion.chunk",
        "chatcmpl-",
        _object({"index": {"const": 0}, "delta": _DELTA, "finish_reason": _NO_REASON}),
    ),
    "ChatCompletion": _answer(
        "chat.completion",
        "chatcmpl-",
        _object(
            {
                "index": {"const": 0},
                "message": _MESSAGE,
                "logprobs": _LOGPROBS,
                "finish_reason": _REASON,
            }
        ),
    ),
}
"""The schemas of a chat completion."""

_TEXT_CHOICE = {"text": {"type": "string"}, "index": {"const": 0}, "logprobs": _LOGPROBS}

TEXT: Dict[str, Schema] = {
    "TextCompletionChunk": _answer(
        "text_completion",
        "cmpl-",
        _object(
            {**_TEXT_CHOICE, "finish_reason": {"anyOf": [_TEXT_REASON, {"type": "null"}]}}
        ),
    ),
    "TextCompletion": _answer(
        "text_completion", "cmpl-", _object({**_TEXT_CHOICE, "finish_reason": _TEXT_REASON})
    ),
}
"""The schemas of a text completion."""


def openai_events(chunk: str) -> List[Dict[str, Any]]:
    """The events of an answer in chunks.

    :param chunk: the name of the chunk's schema.
    """
    return [
        json_event("openai: the next piece", ref(chunk)),
        json_event("openai: a failure after the first byte", error_answer(ref("Error"))),
        text_event("openai: the end", {"const": "[DONE]"}),
    ]
