"""What a client is answered in place of a stream that failed before its first byte.

Floor 3: Werkzeug.
"""

from __future__ import annotations

from typing import Any, TypeVar

from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response

from ..records import ErrorInfo
from ..sse.json import json_bytes

R = TypeVar("R", bound=Response)


def failure_response(failure: ErrorInfo) -> Response:
    """Our own answer, where the application has none: JSON."""
    response = Response(json_bytes({"error": failure.as_json()}), failure.status)
    response.headers["Content-Type"] = "application/json"
    return with_headers(response, failure)


def with_headers(response: R, failure: ErrorInfo) -> R:
    """The same response, which no cache keeps unless it says so, and which says when to come back
    unless it is of something else."""
    response.headers.setdefault("Cache-Control", "no-store")
    if failure.retry_after is not None and response.status_code == failure.status:
        response.headers.setdefault("Retry-After", str(failure.retry_after))
    return response


def http_exception(failure: ErrorInfo) -> Any:
    """The failure as Werkzeug has it, of the status's own class, which is what handlers are found
    by. Whoever has no words of its own for it answers with :func:`failure_response`."""
    kind = default_exceptions.get(failure.status, HTTPException)
    made: Any = kind(description=failure.message, response=failure_response(failure))
    made.code = failure.status
    made.retry_after = failure.retry_after
    return made
