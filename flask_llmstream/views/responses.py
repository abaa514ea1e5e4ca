"""Makes a streaming response from a source, for ``streams.response()`` and the chat endpoints."""

from __future__ import annotations

from functools import partial
from types import GeneratorType
from typing import Any, AsyncIterable, Callable, Iterable, Optional, Union

from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from ..app.context import is_stream_with_context, keep_with_request, unwrapped_template
from ..app.current import Current, current
from ..app.rights import Right, find_stream, right_to_read
from ..app.state import state_of
from ..errors import StreamError, StreamGone
from ..exceptions.handling import name_of
from ..providers.sdk_streams.kinds import sdk_deltas
from ..replay.expected import Expected
from ..runtime.runtime import runtime_for
from ..sources.calls import called, producing
from ..sources.emitter import Emitter
from ..sources.observable import Observable, Subscriber, where_its_threads_are
from ..sources.pushed import PushSource
from ..stream.ids import LastEvent, last_event_of
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from ..wsgi.body import StreamBody
from ..wsgi.failure_response import set_failure_form
from ..wsgi.request_body import RequestBody, has_body
from ..wsgi.response import new_headers, stream_response_class
from .awaited import awaiting_stream
from .replays import ReadingStream, asked_from, replay_stream
from .source_checks import (
    not_iterable,
    refuse_bytes,
    refuse_one_item,
    stream_with_context_error,
)
from .streams import new_stream

STREAM_ID = "X-Stream-ID"
"""The header with the ID of a stream that can be resumed."""

Source = Union[Iterable[Any], AsyncIterable[Any], Observable]


def stream_response(
    here: Current,
    source: Source,
    options: StreamOptions,
    slots: StreamLimiter,
    name: Optional[str] = None,
    model: str = "",
) -> Response:
    """Make the response that streams a source. A reader that must not come back gets a response
    that says so.

    :param here: the app and the request whose response it is.
    :param source: an iterable, an asynchronous iterable, or an Observable.
    :param name: the name of the source in the log. Default: its own name.
    :param model: the name of the model that answers. Default: none does.
    :raises TypeError: the source is none of these; the message says what to give.
    :raises ConfigurationError: ``worker="greenlet"`` on a native thread.
    """
    if options.worker == "greenlet":
        runtime_for("greenlet")  # raises in the view, not later where the body is read
    source = sdk_deltas(source)
    name = name or _name(source)
    if hasattr(source, "__iter__"):
        iterable = _checked(source, options.format)
        return respond(here, new_stream(here, iterable, options, name, model), slots)
    if isinstance(source, AsyncIterable):
        from .async_streams import new_async_stream  # loads asyncio

        return respond(here, new_async_stream(here, source, options, name, model), slots)
    if isinstance(source, Observable):
        emitter = new_emitter(where_its_threads_are(options), slots, name, Subscriber(source))
        return emitter.response()
    raise not_iterable(source)


def new_emitter(
    options: StreamOptions,
    slots: StreamLimiter,
    name: str,
    function: Optional[Callable[[Emitter], Any]] = None,
) -> Emitter:
    """Make a stream, and the emitter that sends into it.

    :param function: called with the emitter on the stream's worker. Default: none; other code
        calls the emitter.
    """
    runtime = runtime_for(options.worker)
    source = PushSource(runtime)
    stream = new_stream(current(), source, options, name)
    emitter = Emitter(stream, source, runtime, partial(_kept_response, slots), called)
    if function is not None:
        produce = producing(function)
        source.work = lambda: produce(emitter)  # a partial keeps half a KiB of stack, as it is C
    return emitter


def _kept_response(slots: StreamLimiter, stream: Stream) -> Response:
    response = respond(current(), stream, slots)
    keep_with_request(response)  # the emitter holds it weakly, and must find it again
    return response


def respond(here: Current, stream: Stream, slots: StreamLimiter) -> Response:
    """Make the response of a stream. A reader that must not come back gets a response that says so.

    :param here: the app and the request whose response it is.
    :raises StreamGone: the reader must not come back, and the stream has another reader.
    """
    refusal: Optional[Exception] = None
    try:
        stream = _resumed(here, stream)
    except StreamError as error:
        if stream.is_taken:  # an emitter's stream that another request reads
            raise
        refusal = error.with_traceback(None)  # the traceback holds this frame: a cycle
        stream.abandon()
    if stream.format.early_failure is not None and here.request is not None:
        set_failure_form(here.request.environ, stream.format.early_failure)
    unread = None
    try:
        unread = _unread_body(here.request)
    except HTTPException as error:
        refusal = refusal or error.with_traceback(None)  # the traceback holds this frame: a cycle
    liveness = state_of(here.app).settings.liveness
    client = slots.reader() if isinstance(stream, ReadingStream) else slots.client()
    body = StreamBody(stream, slots, client, liveness, refusal=refusal, unread=unread)
    return _response_with(body, stream, here.app)


def attach(
    here: Current, stream_id: str, options: StreamOptions, slots: StreamLimiter
) -> Response:
    """The response that brings a stream of the log to one more reader.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    right = right_to_read(here, stream_id)
    last = asked_from(stream_id, last_event_id(here.request) if here.request is not None else "")
    if last is not None and last.is_last:
        return nothing(here.app)
    return respond_from_log(here, _reading(here, right, last, options), slots)


def rest_of_kept(
    here: Current, options: StreamOptions, slots: StreamLimiter
) -> Optional[Response]:
    """The response to a reader who comes back to an answer that is kept, before another answer is
    begun; ``None`` for any other.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    if options.reconnect != "resume" or here.request is None:
        return None
    last = last_event_of(last_event_id(here.request))
    return None if last is None else attach(here, last.stream_id, options, slots)


def respond_from_log(here: Current, stream: Stream, slots: StreamLimiter) -> Response:
    """Make the response of a reader of the log.

    :param stream: as of :func:`~flask_llmstream.views.replays.replay_stream`.
    """
    liveness = state_of(here.app).settings.liveness
    body = StreamBody(stream, slots, slots.reader(), liveness, unread=_unread_body(here.request))
    return _response_with(body, stream, here.app)


def _reading(
    here: Current, right: Right, last: Optional[LastEvent], options: StreamOptions
) -> Stream:
    """Make the stream of one more reader.

    :raises StreamError: as of :meth:`flask_llmstream.LLMStream.attach`.
    """
    found = find_stream(here, right)
    if isinstance(found, Expected):
        return awaiting_stream(here, right.stream_id, found, options)
    return replay_stream(here, right.stream_id, found, last, options)


def nothing(app: Flask) -> Response:
    """The response to a reader that has the end. It stops an ``EventSource``."""
    response: Response = app.response_class(status=204)
    response.headers.pop("Content-Type", None)
    response.headers["Cache-Control"] = "no-store"  # it is one reader's, and of one address for all
    return response


def _response_with(body: StreamBody, stream: Stream, app: Flask) -> Response:
    response_class: Any = stream_response_class(app.response_class)  # type: ignore[arg-type]
    content_type = stream.format.content_type
    response: Response = response_class(
        body,
        content_type=content_type,
        headers=new_headers(stream.format.depends_on_accept),
        direct_passthrough=True,
    )
    for name, value in stream.format.headers.items():
        response.headers[name] = value
    if stream.recorder is not None or isinstance(stream, ReadingStream):
        response.headers[STREAM_ID] = stream.id
    return response


def _unread_body(request: Optional[Request]) -> Optional[RequestBody]:
    return RequestBody(request) if request is not None and has_body(request.environ) else None


def last_event_id(request: Request) -> str:
    """The ID of the last event that a returning reader has received; ``""`` for a new reader.

    ``EventSource`` sends it in a header. Polyfills may not send a header to another site, and send
    it in the query.
    """
    last: str = request.environ.get("HTTP_LAST_EVENT_ID", "")
    if not last and "lastEventId" in request.environ.get("QUERY_STRING", ""):
        last = request.args.get("lastEventId", "")
    return last


def _resumed(here: Current, stream: Stream) -> Stream:
    """The stream for an ``EventSource`` that comes back to an answer: the rest of it, where it is
    kept. Another reader gets the stream itself.

    :raises StreamError: the reader must not come back, as the answer has ended (204), or as its
        rest can't be had (410). Both stop the reconnecting of an ``EventSource``.
    """
    if stream.options.reconnect == "restart" or here.request is None:
        return stream
    last = last_event_of(last_event_id(here.request))
    if last is None:
        return stream
    if last.is_last:
        raise StreamGone("This answer has ended, and is not made again.", code="ended", status=204)
    if stream.recorder is None:
        raise StreamGone("This answer was cut off and can't be resumed. Ask again.")
    rest = _reading(here, right_to_read(here, last.stream_id), last, stream.options)
    stream.abandon()
    return rest


def _checked(source: Any, format: Any) -> Iterable[Any]:
    """The iterable that is streamed. A generator is one, whatever it gives."""
    if isinstance(source, GeneratorType):
        return _without_context(source) if is_stream_with_context(source) else source
    refuse_one_item(source)
    refuse_bytes(source, format)
    return source  # type: ignore[no-any-return]


def _without_context(source: Any) -> Any:
    """The generator inside what ``stream_template()`` returned.

    :raises TypeError: the template has begun, or it is another use of ``stream_with_context``.
    """
    template = unwrapped_template(source)
    if template is source:
        raise stream_with_context_error(source)
    return template


def _name(source: Any) -> str:
    return name_of(source) or name_of(type(source)) or "a source"
