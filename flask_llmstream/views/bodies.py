"""The response around the body of a stream: its class, its headers, its slot."""

from __future__ import annotations

from typing import Any, Optional

from flask import Flask, Request, Response

from ..app.current import Current
from ..app.state import state_of
from ..stream.limits import StreamLimiter
from ..stream.stream import Stream
from ..wsgi.body import StreamBody
from ..wsgi.request_body import RequestBody, has_body
from ..wsgi.response import new_response
from .content_location import CONTENT_LOCATION, content_location
from .replays import ReadingStream

STREAM_ID = "X-Stream-ID"
"""The header with the ID of a stream that can be resumed."""


def response_of(
    here: Current,
    stream: Stream,
    slots: StreamLimiter,
    refusal: Optional[Exception] = None,
    unread: Optional[RequestBody] = None,
) -> Response:
    """Make the response whose body is a stream.

    :param refusal: the error that is answered in place of the stream. Default: the stream runs.
    :param unread: the body of the request, if it has one.
    """
    liveness = state_of(here.app).settings.liveness
    client = slots.reader() if isinstance(stream, ReadingStream) else slots.client()
    body = StreamBody(stream, slots, client, liveness, refusal=refusal, unread=unread)
    return _response_with(body, stream, here)


def _response_with(body: StreamBody, stream: Stream, here: Current) -> Response:
    kind: Any = here.app.response_class
    response: Response = new_response(
        kind, body, stream.format.content_type, stream.format.depends_on_accept
    )
    for name, value in stream.format.headers.items():
        response.headers[name] = value
    if stream.recorder is not None or isinstance(stream, ReadingStream):
        response.headers[STREAM_ID] = stream.id
        location = content_location(here, stream.id)
        if location is not None:  # now, so that the view may set another
            response.headers[CONTENT_LOCATION] = location
    return response


def unread_body(request: Optional[Request]) -> Optional[RequestBody]:
    """The body of a request; ``None`` where it has none."""
    return RequestBody(request) if request is not None and has_body(request.environ) else None


def nothing(app: Flask) -> Response:
    """The response to a reader that has the end. It stops an ``EventSource``."""
    response: Response = app.response_class(status=204)
    response.headers.pop("Content-Type", None)
    response.headers["Cache-Control"] = "no-store"  # it is one reader's, and of one address for all
    return response
