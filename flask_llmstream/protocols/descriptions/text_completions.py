"""``POST /completions``, described."""

from __future__ import annotations

from typing import Any, Dict

from ..description import Description, Schema, event_stream, ref
from .chat_fields import chat_fields
from .formats import MESSAGE_EVENTS, PLAIN
from .formats import SCHEMAS as MESSAGE_SCHEMAS
from .formats import TEXT_EVENTS, format_parameter
from .openai_objects import TEXT, openai_events

_TEXT = (
    "OpenAI's older form: one text in, its continuation out, whole or with `stream` in chunks. "
    "`max_tokens` has no default: an answer is as long as its model writes it. Lists of tokens and "
    "several prompts are refused."
)
_PROMPT: Schema = {"type": "string", "minLength": 1}
_LOGPROBS: Schema = {
    "description": "How many log probabilities each token has.",
    "anyOf": [{"type": "integer", "minimum": 0}, {"enum": [False, None]}],
}
_FLAG: Schema = {"type": ["boolean", "null"]}
_EXAMPLE = (
    'data: {"id":"cmpl-5f0c","object":"text_completion","created":1700000000,"model":"counter",'
    '"choices":[{"text":"Hello","index":0,"logprobs":null,"finish_reason":null}]}'
    "\n\ndata: [DONE]\n\n"
)


def text_request() -> Dict[str, Any]:
    """The schema of a request."""
    own = {
        "prompt": {"anyOf": [_PROMPT, {"type": "array", "prefixItems": [_PROMPT], "maxItems": 1,
                                       "minItems": 1}]},
        "echo": {**_FLAG, "description": "Whether the prompt stands before its continuation."},
        "logprobs": _LOGPROBS,
    }  # fmt: skip
    return {
        "type": "object",
        "properties": {**chat_fields(without=("messages", "tools", "functions")), **own},
        "required": ["prompt"],
        "if": {"properties": {"echo": {"const": True}}, "required": ["echo"]},
        "then": {"properties": {"logprobs": {"enum": [False, None]}}},
    }


def text_completions() -> Description:
    events = [*openai_events("TextCompletionChunk"), *MESSAGE_EVENTS, *TEXT_EVENTS]
    return Description(
        "Continue a text",
        _TEXT,
        request=ref("TextCompletionRequest"),
        example={"prompt": "Once upon a time"},
        parameters=[format_parameter("openai")],
        answers={
            "application/json": {"schema": ref("TextCompletion")},
            "text/event-stream": event_stream(events, _EXAMPLE),
            **PLAIN,
        },
        schemas={"TextCompletionRequest": text_request(), **TEXT, **MESSAGE_SCHEMAS},
    )
