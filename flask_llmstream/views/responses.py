"""Makes a streaming response from a source, for ``streams.response()`` and the chat endpoints."""

from __future__ import annotations

from functools import partial
from types import GeneratorType
from typing import Any, AsyncIterable, Callable, Iterable, Optional, Union

from flask import Response
from werkzeug.exceptions import HTTPException

from ..app.context import is_stream_with_context, keep_with_request, unwrapped_template
from ..app.current import Current, current
from ..errors import StreamError
from ..exceptions.handling import name_of
from ..providers.sdk_streams.kinds import sdk_deltas
from ..runtime.runtime import runtime_for
from ..sources.calls import called, producing
from ..sources.emitter import Emitter
from ..sources.observable import Observable, Subscriber, where_its_threads_are
from ..sources.pushed import PushSource
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from ..wsgi.failure_response import set_failure_form
from .bodies import response_of, unread_body
from .returning import resumed
from .source_checks import (
    not_iterable,
    refuse_bytes,
    refuse_one_item,
    stream_with_context_error,
)
from .streams import new_stream

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
        stream = resumed(here, stream)
    except StreamError as error:
        if stream.is_taken:  # an emitter's stream that another request reads
            raise
        refusal = error.with_traceback(None)  # the traceback holds this frame: a cycle
        stream.abandon()
    if stream.format.early_failure is not None and here.request is not None:
        set_failure_form(here.request.environ, stream.format.early_failure)
    unread = None
    try:
        unread = unread_body(here.request)
    except HTTPException as error:
        refusal = refusal or error.with_traceback(None)  # the traceback holds this frame: a cycle
    return response_of(here, stream, slots, refusal, unread)


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
