"""One ID for one request: its stream has it, the errors that it tells, its answer and the log."""

from __future__ import annotations

from typing import Any, Dict, Optional

from flask import Request, request

from ..stream.ids import new_stream_id

_ID = "flask_llmstream.request_id"
_HAS_STREAM = "flask_llmstream.has_stream"
"""The keys in ``environ``: the request's ID, and whether a stream has it."""


def request_id() -> str:
    """The ID of the current request, made where it is first asked for."""
    return _id_in(request.environ)


def stream_id(request: Optional[Request]) -> str:
    """The ID of a new stream: its request's, unless another stream has that."""
    if request is None or _HAS_STREAM in request.environ:
        return new_stream_id()
    environ = request.environ
    environ[_HAS_STREAM] = True
    return _id_in(environ)


def name_request(request: Optional[Request], stream_id: str) -> None:
    """Give a request the ID of its stream, unless it has one: what it told so far has that."""
    if request is not None:
        request.environ[_HAS_STREAM] = True
        request.environ.setdefault(_ID, stream_id)


def _id_in(environ: Dict[str, Any]) -> str:
    found: str = environ.get(_ID) or environ.setdefault(_ID, new_stream_id())
    return found
