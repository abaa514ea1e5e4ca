"""The routes by which clients come back to an answer in their protocol's own way, described."""

from __future__ import annotations

from typing import Any, Dict

from ...protocols.description import Schema, event_stream, ref, text_event
from .kept_streams import X_STREAM_ID, parameter, stream_operation
from .responses import JSON_FAILURE, REQUEST_ID, success

_FLAG: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_DELETED: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "response"},
        "deleted": {"const": True},
    },
    "required": ["id", "object", "deleted"],
}
_CHAT = {**parameter("chat", "path", "The chat's `id`, as its page sent it."), "required": True}
_RESPONSE = {**parameter("id", "path", "The ID of the response."), "required": True}
_TEXT_OR_JSON = {"text/plain": {"schema": {"type": "string"}}, **JSON_FAILURE}
"""A failure is text, as `useChat` shows it; in another route's name it is JSON."""
_ONE = {"application/json": {"schema": ref("Response")}}


def ways_back() -> Dict[str, Dict[str, Any]]:
    """The path items."""
    response = "/responses/{id}"
    return {
        "/chat/ui/{chat}/stream": {"parameters": [_CHAT], "get": _resume(), "delete": _stop()},
        response: {"parameters": [_RESPONSE], "get": _retrieve(), "delete": _delete()},
        f"{response}/cancel": {"parameters": [_RESPONSE], "post": _cancel()},
    }


def _resume() -> Dict[str, Any]:
    example = 'data: {"type":"text-delta","id":"text-1","delta":"Hello"}\n\ndata: [DONE]\n\n'
    events = event_stream([text_event("A chunk, or the end", {}, None)], example)
    none = {"description": "No answer is being made in this chat.", "headers": REQUEST_ID}
    answers = {
        "200": success("The newest answer.", {"text/event-stream": events}, X_STREAM_ID),
        "204": none,
    }
    told = "For `useChat` with `resume: true`: the answer from its start, then what comes."
    summary = "Come back to a chat's answer"
    return stream_operation("resume_chat", summary, told, answers, content=_TEXT_OR_JSON)


def _stop() -> Dict[str, Any]:
    none = {"description": "No answer is being made any more.", "headers": REQUEST_ID}
    told = "`stop()` of `useChat` closes the connection alone, and the answer goes on."
    summary, answers = "Stop a chat's answer", {"204": none}
    return stream_operation("stop_chat", summary, told, answers, content=_TEXT_OR_JSON)


def _retrieve() -> Dict[str, Any]:
    events = event_stream([text_event("An event of the response", {}, None)], _EXAMPLE)
    answers = {"200": success("The response.", {**_ONE, "text/event-stream": events})}
    told = "As it is: while it is in progress, its output is empty."
    read = stream_operation(
        "retrieve_response", "Get a response", told, answers, "400", "404", "410", "503"
    )
    behind = "With `stream`: the `sequence_number` of the last event that the reader has."
    parameters = [
        parameter("stream", "query", "Whether its events are sent.", _FLAG),
        parameter("starting_after", "query", behind, _NUMBER),
    ]
    return {**read, "parameters": parameters}


_EXAMPLE = (
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
    '"item_id":"msg_5f0c","output_index":0,"content_index":0,"logprobs":[],'
    '"sequence_number":4,"delta":"Hello"}\n\n'
)


def _cancel() -> Dict[str, Any]:
    answers = {"200": success("The response, which has ended.", _ONE)}
    told = "One that has ended stays as it is."
    return stream_operation("cancel_response", "Cancel a response", told, answers, "404", "410")


def _delete() -> Dict[str, Any]:
    answers = {"200": success("It is gone.", {"application/json": {"schema": _DELETED}})}
    told = "It is cancelled, and kept no more."
    return stream_operation("delete_response", "Delete a response", told, answers, "404", "410")
