"""``POST /chat/ui``, described.

Sources: AI SDK, "UIMessage", "Stream Protocols"; assistant-ui, ``AssistantChatTransport``.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Tuple

from ..description import Description, Schema, event_stream, json_event, ref, text_event
from ..ui_messages.assistant_ui import OPTIONS
from .chat_fields import chat_fields, field_schema
from .formats import PLAIN

_TEXT = (
    "For `useChat` of the AI SDK, which needs the address alone. `prompt` is for `useCompletion`. "
    "The fields of a chat completion may stand beside them, and assistant-ui's (`system`, `tools` "
    "by their names, `callSettings`, `config`). `id` is the chat's, and brings a page back to its "
    "answer: `GET /chat/ui/{id}/stream`. All others are the page's own, and are not read. "
    "Parts for the page alone (`data-…`, `source-…`) are skipped."
)
_STRING: Schema = {"type": "string"}
_STATES = (
    *("input-streaming", "input-available", "approval-requested", "approval-responded"),
    *("output-available", "output-denied"),
)


def _part(kind: Schema, **members: Schema) -> Dict[str, Any]:
    required = ["type", *members]
    return {"type": "object", "properties": {"type": kind, **members}, "required": required}


_TEXT_PART = _part({"const": "text"}, text=_STRING)
_IMAGE = _part(
    {"const": "file"},
    mediaType={"type": "string", "pattern": "^image/"},
    url={"type": "string", "pattern": "^(https?|data):"},
)
_FILE = _part(
    {"const": "file"},
    mediaType={"type": "string", "not": {"pattern": "^\\s*(image|audio|text)/"}},
    url={"type": "string", "pattern": "^data:"},
)
_TEXT_FILE = _part(
    {"const": "file"},
    mediaType={"const": "text/plain"},
    url={"type": "string", "pattern": "^data:text/plain,[A-Za-z0-9]*$"},
)
_CALL = _part(
    {"type": "string", "pattern": "^tool-"}, toolCallId=_STRING, state={"enum": list(_STATES)}
)
_FAILED_CALL = _part(
    {"type": "string", "pattern": "^tool-"},
    toolCallId=_STRING,
    state={"const": "output-error"},
    errorText=_STRING,
)
_DYNAMIC_CALL = _part(
    {"const": "dynamic-tool"}, toolCallId=_STRING, toolName=_STRING, state={"enum": list(_STATES)}
)


def _skipped(known: str) -> Dict[str, Any]:
    """A part of another kind, whatever it holds.

    :param known: a pattern of the kinds that are read.
    """
    return _part({"type": "string", "not": {"pattern": known}})


_OF_THE_USER = (_TEXT_PART, _IMAGE, _FILE, _TEXT_FILE, _skipped("^(text|file)$"))
_STEERING = _part({"const": "steering-message"}, parts={"type": "array", "items": _TEXT_PART})
_OF_THE_MODEL = (
    *(_TEXT_PART, _part({"const": "reasoning"}, text=_STRING)),
    *(_CALL, _FAILED_CALL, _DYNAMIC_CALL, _STEERING),
    _skipped("^(text|reasoning|dynamic-tool|steering-message)$|^tool-"),
)


def _message(role: str, parts: Iterable[Schema]) -> Dict[str, Any]:
    members: Mapping[str, Schema] = {
        "id": {},
        "role": {"const": role},
        "parts": {"type": "array", "items": {"anyOf": list(parts)}},
    }
    return {"type": "object", "properties": members, "required": ["role", "parts"]}


_SAID = _part({"const": "text"}, text={"type": "string", "minLength": 1})
_SHOWN = _part({"enum": ["text", "file"]})
_MESSAGES: Schema = {
    "type": "array",
    "items": {
        "anyOf": [
            _message("system", [_TEXT_PART, _skipped("^text$")]),
            _message("user", _OF_THE_USER),
            _message("assistant", _OF_THE_MODEL),
        ]
    },
    "contains": {
        "description": "A message that says something to a model.",
        "anyOf": [
            {"properties": {"parts": {"type": "array", "contains": _SAID}}},
            {
                "properties": {
                    "role": {"const": "user"},
                    "parts": {"type": "array", "contains": _SHOWN},
                }
            },
        ],
    },
}

_TOOLS: Schema = {
    "description": "The tools that the model may call: a list, or an object with their names.",
    "anyOf": [
        {"not": {"type": "object"}},
        {"type": "object", "additionalProperties": {"type": "object"}},
    ],
}


def _options(group: str) -> Dict[str, Any]:
    """A group of assistant-ui's options. Where it is no object, it is the page's own."""
    options = {theirs: field_schema(ours) for theirs, ours in OPTIONS[group].items()}
    if "modelName" in options:  # with a model beside it, it may be any
        options["modelName"] = {"type": ["string", "null"]}
    return {"properties": options}


_REQUEST: Schema = {
    "type": "object",
    "properties": {
        **chat_fields(without=("messages", "prompt", "stream", "stream_options", "tools")),
        "system": {"type": ["string", "null"], "description": "Instructions for the model."},
        "tools": _TOOLS,
        **{group: _options(group) for group in OPTIONS},
        "id": {},
        "trigger": {},
        "messageId": {},
    },
    "anyOf": [
        {"required": ["messages"], "properties": {"messages": ref("UIMessageList")}},
        {
            "required": ["prompt"],
            "properties": {
                "prompt": {"type": "string", "minLength": 1},
                "messages": {"type": "null"},
            },
        },
    ],
    "additionalProperties": True,
}

_CHUNKS: Mapping[str, Tuple[str, ...]] = {
    "start": (),
    "start-step": (),
    "text-start": ("id",),
    "text-delta": ("id", "delta"),
    "text-end": ("id",),
    "reasoning-start": ("id",),
    "reasoning-delta": ("id", "delta"),
    "reasoning-end": ("id",),
    "tool-input-start": ("toolCallId", "toolName"),
    "tool-input-delta": ("toolCallId", "inputTextDelta"),
    "tool-input-available": ("toolCallId", "toolName", "input"),
    "tool-input-error": ("toolCallId", "toolName", "input", "errorText"),
    "tool-output-available": ("toolCallId", "output"),
    "tool-output-error": ("toolCallId", "errorText"),
    "tool-output-denied": ("toolCallId",),
    "tool-approval-request": ("toolCallId", "approvalId"),
    "source-url": ("sourceId", "url"),
    "source-document": ("sourceId", "mediaType", "title"),
    "file": ("url", "mediaType"),
    "message-metadata": ("messageMetadata",),
    "finish-step": (),
    "finish": ("finishReason",),
    "abort": (),
    "error": ("errorText",),
}
"""The chunks, each with the members that it always has."""

_ANY = ("input", "output", "messageMetadata")


def _chunk(kind: str, members: Tuple[str, ...]) -> Dict[str, Any]:
    return _part(
        {"const": kind}, **{name: {} if name in _ANY else _STRING for name in members}
    )


def ui_messages() -> Description:
    chunks = [_chunk(kind, members) for kind, members in _CHUNKS.items()]
    data = _part({"type": "string", "pattern": "^data-"}, data={})
    return Description(
        "Answer the messages of a page with useChat",
        _TEXT,
        request=ref("UIMessageRequest"),
        example={
            "id": "a-chat",
            "messages": [
                {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
            ],
        },
        answers={
            "text/event-stream": event_stream(
                [json_event("a chunk", ref("UIMessageChunk")),
                 text_event("the end", {"const": "[DONE]"})],
                'data: {"type":"text-delta","id":"text-1","delta":"Hello"}\n\ndata: [DONE]\n\n',
            ),
            "text/plain": PLAIN["text/plain"],
        },
        headers={
            "x-vercel-ai-ui-message-stream": {
                "description": "The version of the stream.",
                "schema": {"const": "v1"},
            }
        },
        failure={"description": "The message of the error.", "type": "string"},
        schemas={
            "UIMessageRequest": _REQUEST,
            "UIMessageList": _MESSAGES,
            "UIMessageChunk": {"anyOf": [*chunks, data]},
        },
    )  # fmt: skip
