"""The routes of the streams that are kept, described: read again, stop, list, tickets."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ...app.tickets import MAX_TICKET_SECONDS
from ...protocols.description import Schema, event_stream, ref, text_event
from ...stream.ids import STREAM_ID
from .responses import JSON_FAILURE, REQUEST_ID, failure, success

CONTENT_LOCATION = {
    "Content-Location": {
        "description": "Where the stream is kept, relative to the address of the request.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
X_STREAM_ID = {
    "X-Stream-ID": {
        "description": "The ID of the stream, where it is kept: `GET /chat/streams/{id}`.",
        "schema": {"type": "string", "pattern": f"^{STREAM_ID}$"},
    }
}

STREAM: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": f"^{STREAM_ID}$"},
        "object": {"const": "chat.stream"},
        "created": {"type": "integer", "description": "The Unix time when it began."},
        "model": {"type": "string"},
    },
    "required": ["id", "object", "created"],
}
STREAM_LIST: Schema = {
    "type": "object",
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": ref("Stream")}},
    "required": ["object", "data"],
}
TICKET: Schema = {
    "type": "object",
    "properties": {
        "object": {"const": "chat.stream.ticket"},
        "ticket": {"type": "string", "description": "For `?ticket=` of `GET /chat/streams/{id}`."},
        "expires_in": {"type": "integer", "description": "The seconds that it is good."},
    },
    "required": ["object", "ticket", "expires_in"],
}
SCHEMAS = {"Stream": STREAM, "StreamList": STREAM_LIST, "StreamTicket": TICKET}

_TEXT: Schema = {"type": "string"}
_SECONDS: Schema = {
    "type": ["integer", "null"],
    "minimum": 1,
    "maximum": MAX_TICKET_SECONDS,
    "description": "How long it is good. Default: 60.",
}
_OPTIONAL: Schema = {"type": "object", "properties": {"seconds": _SECONDS}}
_EXAMPLE = (
    'event: message\ndata: {"ended":false,"message":"Hello"}\n'
    "id: 3q2-7w0vQm9xJk4T8sYbLr5uHcFnZaEd:7\n\n"
)


_KEY: Dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Names this request. If it is sent again, it gets the answer of the first, in "
    "place of another. 16 characters or more, such as a UUID, where it is not known who asks. "
    "It has no effect for an answer that is no event stream.",
    "schema": {"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!#-~]+$"},
}
_OF_A_KEY = {
    "409": "Another request of this key has just begun the answer.",
    "410": "The answer is kept no more.",
    "422": "Another request had this key.",
}


def add_keeping(operation: Dict[str, Any], method: str, content: Mapping[str, Any]) -> None:
    """Add to a protocol's operation what it has where answers are kept.

    :param content: the media type of a failure, with its media type object.
    """
    responses = operation["responses"]
    responses["200"]["headers"].update({**X_STREAM_ID, **CONTENT_LOCATION})
    if method == "POST":
        operation["parameters"].append(_KEY)
        responses.update({each: failure(each, _OF_A_KEY[each], content) for each in _OF_A_KEY})


def kept_stream_paths() -> Dict[str, Dict[str, Any]]:
    """The path items."""
    one = "/chat/streams/{id}"
    return {
        "/chat/streams": {"get": _list()},
        one: {"parameters": [_ID], "get": _read(), "delete": _stop()},
        f"{one}/tickets": {"parameters": [_ID], "post": _ticket()},
    }


def parameter(name: str, place: str, told: str, schema: Schema = _TEXT) -> Dict[str, Any]:
    """A Parameter Object."""
    return {"name": name, "in": place, "description": told, "schema": schema}


_ID = {**parameter("id", "path", "The stream's ID, of `X-Stream-ID`."), "required": True}


def stream_operation(
    name: str,
    summary: str,
    text: str,
    answers: Mapping[str, Any],
    *failures: str,
    content: Mapping[str, Any] = JSON_FAILURE,
) -> Dict[str, Any]:
    """An Operation Object.

    :param answers: the good answers.
    :param failures: the statuses of the others, beside those that every route may have.
    :param content: the media types of a failure. Default: JSON alone.
    """
    told = {status: failure(status, _FAILURES[status], content) for status in failures}
    return {
        "operationId": name,
        "tags": ["streams"],
        "summary": summary,
        "description": text,
        "responses": {
            **answers,
            **told,
            "4XX": failure("4XX", "A refusal, of the application's guard for one.", content),
            "5XX": failure("5XX", "An error of the application.", content),
        },
    }


_FAILURES = {
    "400": "What is sent is wrong; the error names it.",
    "404": "There is no such stream, or it is another's.",
    "410": "The stream is kept no more, or the ticket has expired.",
    "503": "There is no room for another reader now, or the server stops.",
}


def _list() -> Dict[str, Any]:
    found = {"application/json": {"schema": ref("StreamList")}}
    return stream_operation(
        "list_streams",
        "List the streams that run",
        "Those of the caller. A stream that nobody owns is in no list.",
        {"200": success("The answer.", found)},
    )


def _read() -> Dict[str, Any]:
    events = event_stream([text_event("An event of the stream", {}, None)], _EXAMPLE)
    told = "The events behind the last one that the reader has, then those that come."
    told_of_ticket = "In place of the headers that an `EventSource` can't send."
    parameters: List[Dict[str, Any]] = [
        parameter("Last-Event-ID", "header", "The last event that the reader has."),
        parameter("lastEventId", "query", "The same, for a client that can't send the header."),
        parameter("ticket", "query", told_of_ticket),
    ]
    has_all = {"description": "The reader has all of it.", "headers": REQUEST_ID}
    answers = {
        "200": success(told, {"text/event-stream": events}, X_STREAM_ID),
        "204": has_all,
    }
    read = stream_operation(
        "read_stream",
        "Read a stream again",
        "It has the events of the answer that began it, in the format of that answer.",
        answers,
        "400", "404", "410", "503",
    )  # fmt: skip
    return {**read, "parameters": parameters}


def _stop() -> Dict[str, Any]:
    stopped = {"description": "It has been told to stop, or has ended.", "headers": REQUEST_ID}
    told = "Its readers get the ordinary end of its format. A second request changes nothing."
    return stream_operation("stop_stream", "Stop a stream", told, {"204": stopped}, "404", "410")


def _ticket() -> Dict[str, Any]:
    made = {"application/json": {"schema": ref("StreamTicket")}}
    ticket = stream_operation(
        "stream_ticket",
        "Get a ticket for a stream",
        "It lets a reader who can't send headers read this stream, for a short time.",
        {"200": success("The answer.", made)},
        "400", "404",
    )  # fmt: skip
    body = {"required": False, "content": {"application/json": {"schema": _OPTIONAL}}}
    return {**ticket, "requestBody": body}
