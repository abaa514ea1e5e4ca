"""Makes the stream of a source, for the current app and request."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterable, Type

from flask import current_app, request

from ..app.accept import accepted_types
from ..app.context import CopiedContext
from ..app.error_handlers import error_response
from ..app.json import json_of
from ..app.request_id import stream_id
from ..formats import (
    BY_ACCEPT,
    BY_MEDIA_TYPE,
    Format,
    PlainText,
    make_format,
    wants_plain_text,
)
from ..records import ErrorInfo, Summary
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from ..telemetry.reporting import report, report_departure
from ..wsgi.failure_response import failure_response


class FlaskHooks(CopiedContext):
    """The hooks of a Flask app's stream: its contexts, its error handlers, its callbacks."""

    @property
    def debug(self) -> bool:
        """Whether the app is in debug mode."""
        return bool(self._app.debug)

    def answer(self, error: BaseException, failure: ErrorInfo) -> Any:
        """The response of the app's error handlers, called in a context like the view's."""
        if not self.has_request:
            return failure_response(failure)
        return self.call_in_request(partial(error_response, self._app, error, failure))

    def left(self, stream: Stream, summary: Summary) -> None:
        """Call the app's ``on_disconnect``."""
        self.run_in_background(lambda: report_departure(self._log, stream, summary))

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Report the stream's end."""
        report(self._app, self._log, stream, summary)


def new_stream(
    source: Iterable[Any],
    options: StreamOptions,
    name: str,
    kind: Type[Stream] = Stream,
    hooks: Type[FlaskHooks] = FlaskHooks,
) -> Stream:
    """Make a stream for the current app and request. It has not started, and has no reader.

    :param name: the name of the source in the log.
    :param kind: the class of the stream.
    :param hooks: the class of its hooks.
    """
    format = _format_of(options)
    format.as_json = json_of(current_app._get_current_object())  # type: ignore[attr-defined]
    format.stream_id = stream_id()
    return kind(format.stream_id, name, source, format, options, hooks())


def _format_of(options: StreamOptions) -> Format:
    """The format that the option and the request's ``Accept`` choose."""
    if options.format == BY_ACCEPT:
        format = _negotiated(options)
    else:
        format = make_format(options.format, options.event)
        if not format.may_be_plain:
            return format
        if wants_plain_text(accepted_types(), format.content_type):
            format = PlainText()
    format.depends_on_accept = True
    return format


def _negotiated(options: StreamOptions) -> Format:
    media_types = list(BY_MEDIA_TYPE)
    best = request.accept_mimetypes.best_match(media_types, default=media_types[0])
    return BY_MEDIA_TYPE[best](options.event)
