"""Makes the stream of a source, for the current app and request."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterable, Optional, Type

from flask import Request, request

from ..app.accept import accepted_types, may_name
from ..app.aliases import alias_note
from ..app.client_names import client_names
from ..app.context import CopiedContext
from ..app.current import Current
from ..app.error_handlers import error_response
from ..app.idempotency import kept_stream_id, take_claim
from ..app.json import json_of
from ..app.owner import owner_of
from ..app.request_id import stream_id
from ..app.state import state_of
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
from ..stream.recorder import Recorder
from ..stream.stream import Stream
from ..telemetry.reporting import is_heard, report, report_departure
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
            return failure_response(failure, {})
        return self.call_in_request(partial(error_response, self._app, error, failure))

    def left(self, stream: Stream, summary: Summary) -> None:
        """Call the app's ``on_disconnect``."""
        self.run_in_background(lambda: report_departure(self._log, stream, summary))

    def hears(self, stream: Stream) -> bool:
        """Whether the app hears of the stream's end."""
        return is_heard(self._log, stream)

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Report the stream's end."""
        report(self._app, self._log, stream, summary)


def new_stream(
    current: Current,
    source: Iterable[Any],
    options: StreamOptions,
    name: str,
    model: str = "",
    kind: Type[Stream] = Stream,
    hooks: Type[FlaskHooks] = FlaskHooks,
) -> Stream:
    """Make a stream. It has not started, and has no reader.

    :param current: the app and the request that it is made for.
    :param name: the name of the source in the log.
    :param model: the name of the model that answers. Default: none does.
    :param kind: the class of the stream.
    :param hooks: the class of its hooks.
    """
    asked = current.request
    format = _format_of(options, asked)
    format.as_json = json_of(current.app, asked)
    format.field_names = client_names(asked)
    recorder: Optional[Recorder] = None
    if options.reconnect == "resume" and format.is_resumable:
        owner = owner_of(current)
        note = alias_note(current, format.alias)
        recorder = Recorder(state_of(current.app).replay, owner, model, note)
        recorder.claim = claim = take_claim(asked)
        format.stream_id = kept_stream_id(current, owner, claim)
    elif options.reconnect == "resume" and format.memo:  # it is kept at its end
        format.stream_id = kept_stream_id(current, owner_of(current), None)
    else:
        format.stream_id = stream_id(asked)
    stream = kind(format.stream_id, name, source, format, options, hooks(current))
    stream.recorder = recorder
    return stream


def is_kept(options: StreamOptions, asked: Request) -> bool:
    """Whether the answer to a request is kept, for readers who come back."""
    return options.reconnect == "resume" and _format_of(options, asked).is_resumable


def _format_of(options: StreamOptions, asked: Optional[Request]) -> Format:
    """The format that the option and the request's ``Accept`` choose."""
    if options.format == BY_ACCEPT:
        format = _negotiated(options)
    else:
        format = make_format(options.format, options.event)
        if not format.may_be_plain:
            return format
        if _wants_plain_text(asked, format):
            format = PlainText()
    format.depends_on_accept = True
    return format


def _wants_plain_text(asked: Optional[Request], format: Format) -> bool:
    # Most requests name no plain text, and to read an ``Accept`` costs some 10 µs.
    return may_name(asked, "text/plain") and wants_plain_text(
        accepted_types(asked), format.content_type
    )


def _negotiated(options: StreamOptions) -> Format:
    media_types = list(BY_MEDIA_TYPE)
    best = request.accept_mimetypes.best_match(media_types, default=media_types[0])
    return BY_MEDIA_TYPE[best](options.event)
