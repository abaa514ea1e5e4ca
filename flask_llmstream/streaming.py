"""From a source to a response: what ``streams.response()`` and the chat endpoints share.

Roof: Flask.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, Iterable, Optional

from flask import Response, current_app, has_request_context, request

from .admission import Slots
from .app_state import app_state
from .body import StreamBody
from .context import CarriedContext, keeps_the_views_context
from .formats import ACCEPTED, BY_ACCEPT, Format, make_format
from .headers import HEADERS
from .json_text import json_bytes
from .options import StreamOptions
from .reporting import report, report_departure
from .response import stream_response_class
from .stream import Stream
from .summary import Summary
from .worker import habitat

_OUR_ID = re.compile(r"[0-9a-f]{32}:(\d+|ended)")


class Surroundings(CarriedContext):
    """What a stream needs of its app: contexts to run in, somebody to report to."""

    @property
    def debug(self) -> bool:
        """Whether the app is in debug mode."""
        return bool(self._app.debug)

    def left(self, stream: Stream, summary: Summary) -> None:
        """Tell the app's ``on_disconnect``."""
        self.beside(lambda: report_departure(self._app.logger, stream, summary))

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Report the stream's end."""
        report(self._app, self._app.logger, stream, summary)


def stream_response(
    source: Iterable[Any], options: StreamOptions, slots: Slots, name: Optional[str] = None
) -> Response:
    """A response that streams the source, or the answer to a reader who must not come back.

    :param name: what the log calls the source. Default: its own name.
    """
    _check_source(source)
    habitat(options.worker)
    return respond(new_stream(source, options, name or _name(source)), slots)


def new_stream(source: Iterable[Any], options: StreamOptions, name: str) -> Stream:
    """A stream that nobody reads yet, of the current app and request."""
    format = _negotiated(options) if options.format == BY_ACCEPT else _named(options)
    return Stream(uuid.uuid4().hex, name, source, format, options, Surroundings())


def _named(options: StreamOptions) -> Format:
    return make_format(options.format, options.event)


def _negotiated(options: StreamOptions) -> Format:
    kinds = list(ACCEPTED)
    chosen = request.accept_mimetypes.best_match(kinds, default=kinds[0])
    return ACCEPTED[chosen](options.event)


def respond(stream: Stream, slots: Slots) -> Response:
    """The response of a stream, or the answer to a reader who must not come back."""
    returned = _returned(stream.options)
    if returned is not None:
        stream.abandon()
        return returned
    body = StreamBody(stream, slots, slots.client(), app_state().settings.liveness)
    response_class: Any = stream_response_class(current_app.response_class)  # type: ignore
    content_type = stream.format.content_type
    response: Response = response_class(
        body, content_type=content_type, headers=HEADERS, direct_passthrough=True
    )
    if stream.options.format == BY_ACCEPT:
        response.headers.add("Vary", "Accept")
    return response


def _returned(options: StreamOptions) -> Optional[Response]:
    """What an EventSource gets that comes back to an answer: 204 after its end, 410 after a cut;
    both make it stay away. ``None`` where the stream is to run."""
    if options.reconnect != "refuse" or not has_request_context():
        return None
    ours = _OUR_ID.fullmatch(request.headers.get("Last-Event-ID", ""))
    if ours is None:
        return None
    response = _ended() if ours.group(1) == "ended" else _gone()
    response.headers["Cache-Control"] = "no-store"
    return response


def _ended() -> Response:
    response = Response(status=204)
    response.headers.pop("Content-Type", None)
    return response


def _gone() -> Response:
    message = "This answer was cut off and can't be resumed. Ask again."
    error = json_bytes({"error": {"code": "gone", "message": message}})
    return Response(error, status=410, content_type="application/json")


def _check_source(source: Any) -> None:
    if isinstance(source, (str, bytes, Mapping)):
        raise TypeError(f"source: has to give items, and is one {type(source).__name__}; use [it]")
    if not hasattr(source, "__iter__"):
        hint = "; call it, or use streams.view()" if callable(source) else ""
        if hasattr(source, "__aiter__"):
            hint = "; give it from a generator that runs it, as it is asynchronous"
        raise TypeError(f"source: {type(source).__name__} is not iterable{hint}")
    if keeps_the_views_context(source):
        source.close()
        raise TypeError(
            "source: leave out stream_with_context(); request, session and g are there without it"
        )


def _name(source: Any) -> str:
    return getattr(source, "__qualname__", None) or type(source).__qualname__
