"""The body of a request to the chat endpoints, read and checked as far as it is not JSON yet."""

from __future__ import annotations

from typing import Any, Mapping

from flask import request

from ..errors import RequestTooLarge, StreamError, UnsupportedMediaType
from ..wsgi.request_body import read_in_view


def read_body(limit: int) -> bytes:
    """The body of the current request.

    :param limit: the most bytes.
    :raises StreamError: it is too large, can't be read, or is not declared as JSON.
    """
    body = read_in_view(request, limit)
    if body is None or len(body) > limit:
        raise RequestTooLarge(f"the body is over the limit of {limit} bytes")
    if not body and _is_unreadable(request.environ):
        message = "this server can't read a chunked body; send it with a Content-Length"
        raise StreamError(message, code="length_required", status=411)
    # A guard may have read a form, so an empty body with a length is checked as well.
    if (body or request.content_length) and not request.is_json:
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    return body


def _is_unreadable(environ: Mapping[str, Any]) -> bool:
    """Whether the body is chunked and the server passes it on without marking its end."""
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and not environ.get("wsgi.input_terminated")
