"""The response in place of a stream that failed before its first byte."""

from __future__ import annotations

from typing import Any, TypeVar

from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response

from ..records import ErrorInfo
from ..sse.json import json_bytes

R = TypeVar("R", bound=Response)


def failure_response(failure: ErrorInfo) -> Response:
    """The package's own response, in JSON, if the application has none."""
    response = Response(json_bytes({"error": failure.as_json()}), failure.status)
    response.headers["Content-Type"] = "application/json"
    return with_headers(response, failure)


def with_headers(response: R, failure: ErrorInfo) -> R:
    """Add headers to a response, and return it. No cache keeps it, unless the response says
    otherwise. ``Retry-After`` is added if the response has the failure's status."""
    response.headers.setdefault("Cache-Control", "no-store")
    if failure.retry_after is not None and response.status_code == failure.status:
        response.headers.setdefault("Retry-After", str(failure.retry_after))
    return response


def http_exception(failure: ErrorInfo) -> Any:
    """The failure as Werkzeug's exception class for its status (404: ``NotFound``), because Flask
    finds error handlers by class. Without a handler the answer is :func:`failure_response`."""
    kind = default_exceptions.get(failure.status, HTTPException)
    made: Any = kind(description=failure.message, response=failure_response(failure))
    made.code = failure.status
    made.retry_after = failure.retry_after
    return made
