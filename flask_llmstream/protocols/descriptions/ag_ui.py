"""``POST /ag-ui``, described.

Source: AG-UI 1.0, "RunAgentInput", "Message", "Events".
"""

from __future__ import annotations

from typing import Any, Dict, Iterable

from ..description import Description, Schema, event_stream, json_event, ref
from .chat_fields import field_schema
from .formats import PLAIN

_TEXT = (
    "AG-UI, the Agent User Interaction Protocol. `forwardedProps` may have the options of a chat "
    "completion; its other members and `state` are not read. Messages of the roles `reasoning` and "
    "`activity` are for the page, and are skipped. `resume` is refused: no run is interrupted."
)
_STRING: Schema = {"type": "string"}
_WORD: Schema = {"type": "string", "minLength": 1}


def _object(required: Dict[str, Schema], **optional: Schema) -> Dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
    }


_DATA = _object({"type": {"const": "data"}, "value": _WORD, "mimeType": _WORD})
_URL = _object(
    {"type": {"const": "url"}, "value": _WORD}, mimeType={"anyOf": [_WORD, {"type": "null"}]}
)
_PART: Schema = {
    "anyOf": [
        _object({"type": {"const": "text"}, "text": _STRING}),
        _object({"type": {"enum": ["image", "video"]}, "source": {"anyOf": [_DATA, _URL]}}),
        _object({"type": {"enum": ["audio", "document"]}, "source": _DATA}),
    ]
}
_FOR_THE_MODEL = ["user", "system", "developer", "assistant", "tool"]
_CONTENT: Schema = {"anyOf": [_STRING, {"type": "array", "items": _PART}]}
_SAID = _object(
    {"role": {"enum": ["user", "system", "developer"]}, "content": _CONTENT},
    name={"anyOf": [_WORD, {"type": "null"}]},
)
_FUNCTION = _object({"name": _WORD, "arguments": _STRING})
_CALL = _object({"id": _WORD, "function": _FUNCTION})
_MESSAGE: Schema = {
    "anyOf": [
        _SAID,
        _object(
            {"role": {"const": "assistant"}},
            content={"type": ["string", "null"]},
            toolCalls={"type": ["array", "null"], "items": _CALL},
        ),
        _object(
            {"role": {"const": "tool"}, "content": _CONTENT, "toolCallId": _WORD},
            error={"type": ["string", "null"]},
        ),
        _object({"role": {"enum": ["reasoning", "activity"]}}),
    ]
}
_TOOL = _object(
    {"name": _WORD},
    description={"type": ["string", "null"]},
    parameters={"type": ["object", "null"]},
)
_CONTEXT = _object({"description": _STRING, "value": _STRING})


def _list(items: Schema) -> Dict[str, Any]:
    return {"type": ["array", "null"], "items": items}


def _request(options: Iterable[str]) -> Dict[str, Any]:
    return _object(
        {
            "threadId": _WORD,
            "runId": _WORD,
            "messages": {
                "type": "array",
                "items": ref("AGUIMessage"),
                "contains": {"properties": {"role": {"enum": _FOR_THE_MODEL}}},
            },
        },
        tools=_list(_TOOL),
        context=_list(_CONTEXT),
        state={},
        forwardedProps={"properties": {name: field_schema(name) for name in options}},
        resume={"enum": [None, False, "", 0, [], {}]},
    )


_EVENTS: Dict[str, Dict[str, Schema]] = {
    "RUN_STARTED": {"threadId": _STRING, "runId": _STRING},
    "RUN_FINISHED": {"threadId": _STRING, "runId": _STRING},
    "RUN_ERROR": {"message": _STRING, "code": _STRING},
    **dict.fromkeys(
        (
            *("TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "REASONING_START", "REASONING_END"),
            *("REASONING_MESSAGE_START", "REASONING_MESSAGE_END"),
        ),
        {"messageId": _STRING},
    ),
    **dict.fromkeys(
        ("TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT"),
        {"messageId": _STRING, "delta": _STRING},
    ),
    "TOOL_CALL_START": {"toolCallId": _STRING, "toolCallName": _STRING},
    "TOOL_CALL_ARGS": {"toolCallId": _STRING, "delta": _STRING},
    "TOOL_CALL_END": {"toolCallId": _STRING},
    "CUSTOM": {"name": _STRING, "value": {}},
}
"""The events of an answer, each with the members that it always has."""

_OWN = (
    *("STATE_SNAPSHOT", "STATE_DELTA", "MESSAGES_SNAPSHOT", "ACTIVITY_SNAPSHOT", "ACTIVITY_DELTA"),
    *("TOOL_CALL_RESULT", "REASONING_ENCRYPTED_VALUE", "RAW", "STEP_STARTED", "STEP_FINISHED"),
    *("SUBAGENT_STARTED", "SUBAGENT_FINISHED", "SUBAGENT_ERROR"),
)
"""The events that an application may add."""


def ag_ui(options: Iterable[str]) -> Description:
    """
    :param options: the fields of a chat completion that ``forwardedProps`` may have.
    """
    kinds = [_object({"type": {"const": kind}, **told}) for kind, told in _EVENTS.items()]
    example = 'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"5f0c-1","delta":"Hello"}\n\n'
    return Description(
        "Run an agent for a page that speaks AG-UI",
        _TEXT,
        request=ref("RunAgentInput"),
        example={
            "threadId": "a-thread",
            "runId": "a-run",
            "messages": [{"id": "1", "role": "user", "content": "Hello"}],
            "tools": [],
            "context": [],
            "state": {},
            "forwardedProps": {},
        },
        answers={
            "text/event-stream": event_stream([json_event("an event", ref("AGUIEvent"))], example),
            "text/plain": PLAIN["text/plain"],
        },
        failure=_object({"type": {"const": "RUN_ERROR"}, **_EVENTS["RUN_ERROR"]}),
        schemas={
            "RunAgentInput": {**_request(options), "additionalProperties": True},
            "AGUIMessage": _MESSAGE,
            "AGUIEvent": {"anyOf": [*kinds, _object({"type": {"enum": list(_OWN)}})]},
        },
    )
