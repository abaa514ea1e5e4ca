"""One ID for one request: its stream has it, the errors that it tells, its answer and the log."""

from __future__ import annotations

from flask import has_request_context, request

from ..stream.ids import new_stream_id

_ID = "flask_llmstream.request_id"
_HAS_STREAM = "flask_llmstream.has_stream"
"""The keys in ``environ``: the request's ID, and whether a stream has it."""


def request_id() -> str:
    """The ID of the current request, made where it is first asked for."""
    found: str = request.environ.get(_ID) or request.environ.setdefault(_ID, new_stream_id())
    return found


def stream_id() -> str:
    """The ID of a new stream: the current request's, unless another stream has that."""
    if not has_request_context() or _HAS_STREAM in request.environ:
        return new_stream_id()
    request.environ[_HAS_STREAM] = True
    return request_id()
