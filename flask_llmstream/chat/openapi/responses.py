"""The response objects: of good answers, and of the failures that every route may have."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ...protocols.description import ref

REQUEST_ID = {
    "X-Request-ID": {
        "description": "The ID of the request, which the log has, too.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until another try makes sense.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
JSON_FAILURE = {"application/json": {"schema": ref("ErrorAnswer")}}

_FAILURES = {
    "400": "A field is wrong; the error names it.",
    "403": "A page of another site asks, or the application's guard refuses.",
    "404": "There is no such model.",
    "411": "The server can't read a body without a Content-Length.",
    "413": "The request is too large.",
    "415": "The body is not declared as JSON.",
    "429": "Too many requests: the model's server's word, or a client's limit of streams.",
    "4XX": "Another refusal, of the application or of the model's server.",
    "500": "An error of the application.",
    "502": "The model's server failed.",
    "503": "There is no room for another stream now, or the server stops.",
    "504": "A time limit ran out.",
    "5XX": "Another failure of the model's server.",
}
_OF_A_BODY = ("411", "415")
_RETRIED = ("429", "4XX", "503", "5XX")
"""The failures that may say when another try makes sense."""

_RETURNED = {
    "204": "The reader has the whole answer already.",
    "410": "The answer was cut off, and is not made again.",
}
"""The answers to an ``EventSource`` that comes back."""


def success(
    told: str, content: Mapping[str, Any], headers: Mapping[str, Any] = {}
) -> Dict[str, Any]:
    """A good answer.

    :param content: its media type objects, by the media types.
    """
    return {"description": told, "headers": {**REQUEST_ID, **headers}, "content": dict(content)}


def failures(method: str, content: Mapping[str, Any]) -> Dict[str, Any]:
    """The failures of a route that asks a model.

    :param content: the media type of a failure, with its media type object.
    """
    told = {status: text for status, text in _FAILURES.items() if _is_of(method, status)}
    found = {status: failure(status, text, content) for status, text in told.items()}
    if method == "GET":
        found["204"] = {"description": _RETURNED["204"], "headers": REQUEST_ID}
        found["410"] = failure("410", _RETURNED["410"], content)
    return found


def failure(status: str, told: str, content: Mapping[str, Any] = JSON_FAILURE) -> Dict[str, Any]:
    """The answer to a request that fails with this status."""
    retried = _RETRY_AFTER if status in _RETRIED else {}
    return {"description": told, "headers": {**REQUEST_ID, **retried}, "content": dict(content)}


def _is_of(method: str, status: str) -> bool:
    return method != "GET" or status not in _OF_A_BODY
