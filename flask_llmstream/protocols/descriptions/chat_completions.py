"""``POST /chat/completions``, described."""

from __future__ import annotations

from typing import Any, Dict

from ..description import Description, Schema, event_stream, ref
from ..fields import CHECKS
from .chat_fields import chat_fields
from .formats import MESSAGE_EVENTS, PLAIN
from .formats import SCHEMAS as MESSAGE_SCHEMAS
from .formats import TEXT_EVENTS, format_parameter
from .openai_objects import CHAT, openai_events

_TEXT = (
    "A conversation in `messages` is answered in OpenAI's form, whole or with `stream` in chunks. "
    "A `prompt` is answered as an event stream of the application's own format. Without both, the "
    "model `counter` answers. A query `?format=` chooses another format."
)

_NULL: Schema = {"type": "null"}
_STREAMED: Schema = {"enum": [True, None]}
_EXAMPLE = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}

CHUNKS_EXAMPLE = (
    'data: {"id":"chatcmpl-5f0c","object":"chat.completion.chunk","created":1700000000,'
    '"model":"counter","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}'
    "\n\ndata: [DONE]\n\n"
)


def chat_request() -> Dict[str, Any]:
    """The schema of a request: a conversation, a prompt, or nothing, which the counter answers."""
    nothing = {"messages": _NULL, "prompt": _NULL, "stream": _STREAMED}
    asks = [
        {
            "title": "A conversation",
            "required": ["messages"],
            "properties": {"messages": {"type": "array"}, "prompt": _NULL},
        },
        {
            "title": "A prompt",
            "required": ["prompt"],
            "properties": {"prompt": {"type": "string"}, "messages": _NULL, "stream": _STREAMED},
        },
        {
            "title": "The counter, by its name",
            "required": ["model"],
            "properties": {**nothing, "model": {"const": "counter"}},
        },
        {
            "title": "The counter",
            "propertyNames": {"enum": list(CHECKS)},
            "properties": {**nothing, "model": {"enum": ["", None]}},
        },
    ]
    return {"type": "object", "properties": chat_fields(), "anyOf": asks}


def chat_completions() -> Description:
    events = [*openai_events("ChatCompletionChunk"), *MESSAGE_EVENTS, *TEXT_EVENTS]
    return Description(
        "Answer a conversation or a prompt",
        _TEXT,
        request=ref("ChatCompletionRequest"),
        may_be_empty=True,
        example=_EXAMPLE,
        parameters=[format_parameter("openai")],
        answers={
            "application/json": {"schema": ref("ChatCompletion")},
            "text/event-stream": event_stream(events, CHUNKS_EXAMPLE),
            **PLAIN,
        },
        has_own_format=True,
        schemas={"ChatCompletionRequest": chat_request(), **CHAT, **MESSAGE_SCHEMAS},
    )
