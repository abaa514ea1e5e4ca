"""The response in place of a stream that failed before its first byte."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Tuple, TypeVar

from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response

from ..formats.failure import failure_as_json
from ..log import log
from ..records import ErrorInfo

R = TypeVar("R", bound=Response)

FailureForm = Callable[[ErrorInfo], Tuple[str, bytes]]
"""Makes the ``Content-Type`` and the body of a failure."""

_FORM = "flask_llmstream.failure_form"
"""The key in ``environ`` for the form that the request's client reads."""


def set_failure_form(environ: Any, form: FailureForm) -> None:
    """Choose the form of a request's failures. Default: OpenAI's, in JSON."""
    environ[_FORM] = form


def failure_response(failure: ErrorInfo, environ: Mapping[str, Any]) -> Response:
    """The package's own response to a request, if the application has none."""
    content_type, body = formed(failure, environ.get(_FORM, failure_as_json))
    response = Response(body, failure.status)
    response.headers["Content-Type"] = content_type
    return with_headers(response, failure)


def formed(failure: ErrorInfo, form: FailureForm) -> Tuple[str, bytes]:
    """A failure in a form: its ``Content-Type`` and its body.

    The form may be a third party's. If it fails, the client still hears of its own failure.
    """
    try:
        content_type, body = form(failure)
        if isinstance(content_type, str) and isinstance(body, bytes):
            return content_type, body
        raise TypeError("a failure's form has to be its Content-Type and its bytes")
    except Exception:
        log.exception("the failure %s is told in OpenAI's form: its own can't be made", failure.id)
        return failure_as_json(failure)


def with_headers(response: R, failure: ErrorInfo) -> R:
    """Add headers to a response, and return it. No cache keeps it, unless the response says
    otherwise. ``Retry-After`` is added if the response has the failure's status."""
    response.headers.setdefault("Cache-Control", "no-store")
    if failure.retry_after is not None and response.status_code == failure.status:
        response.headers.setdefault("Retry-After", str(failure.retry_after))
    return response


def http_exception(failure: ErrorInfo, environ: Mapping[str, Any]) -> Any:
    """The failure as Werkzeug's exception class for its status (404: ``NotFound``), because Flask
    finds error handlers by class. Without a handler the answer is :func:`failure_response`."""
    kind = default_exceptions.get(failure.status, HTTPException)
    own = failure_response(failure, environ)
    made: Any = kind(description=failure.message, response=own)
    made.code = failure.status
    made.retry_after = failure.retry_after
    return made
