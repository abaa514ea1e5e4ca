"""``EventStreamMiddleware``: improves the event streams that a WSGI app makes already.

The app needs no edit, and need not be Flask's.
"""

from __future__ import annotations

import io
from contextlib import nullcontext
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Hashable,
    Iterable,
    Mapping,
    Optional,
)

from ..channel.overflow import Overflow
from ..errors import ConfigurationError
from ..formats import RawFormat
from ..keywords import MiddlewareOptions, ResponseOptions
from ..log import log
from ..runtime.runtime import runtime_for
from ..runtime.sigterm import on_sigterm
from ..sources.calls import called
from ..stream.drain import DRAIN_SECONDS, drain
from ..stream.ids import new_stream_id
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions, check_callable, check_flag, check_names, check_whole
from ..stream.stream import Stream
from .app_call import PassedThrough, WSGICall
from .body import StreamBody
from .early_start import early_start, needs_early_start
from .environ import is_no_page_load, must_run_in_place, no_client, remote_address, request_line
from .environ_copy import copy_back, copy_environ
from .headers import event_stream_headers, is_encoded, is_event_stream
from .hooks import WSGIHooks
from .request_body import ServerInput, has_body, track_input
from .response_start import ResponseStart, send_continue
from .types import Environ, StartResponse, WSGIApp

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NOT_ACCEPTED = ResponseOptions.__annotations__.keys() - MiddlewareOptions.__annotations__.keys()


class EventStreamMiddleware:
    """Wraps a WSGI app, and gives its event streams the features of this package's streams.

    ::

        app.wsgi_app = EventStreamMiddleware(app.wsgi_app)

    A response of the type ``text/event-stream`` gets heartbeats while the app is silent, the
    headers that keep proxies from buffering, a slot (or 503), and the timers. When its reader
    leaves, it ends, and the app's iterable is closed. The app's blocks are sent unchanged, with
    their event IDs. The app itself must handle a reader who comes back. If the app fails midway,
    the last event is an ``error``. Every other response passes through, block by block. So does an
    event stream that the app has compressed, given a ``Content-Length``, or sends by ``write()``.

    Only the response tells whether it is an event stream, and some streams can be iterated only
    where the app was called (Flask's ``stream_with_context``). So the app is called on a worker of
    its own, like a producer: a greenlet, or a thread if the process is not monkey-patched. There,
    contextvars are the request's, but thread-locals are new each time. ``applies`` decides for
    which requests that is done. For the others the app is called in place.

    :param wsgi_app: any WSGI app.
    :param applies: called with the ``environ``; returns whether the response may be an event
        stream. Not called for ``HEAD``. It may be ``async def``, and so may ``client_key``.
        Default: for all but page loads, which accept ``text/html``. On threads, let it return true
        only for the paths of your streams if the app keeps costly thread-locals, as Django does
        with its database connections.
    :param max_streams: how many streams this object runs at a time; the next one gets 503 with
        ``Retry-After``. 0: any number. Default: 1000.
    :param max_streams_per_client: how many streams one client may have at a time; the next one gets
        429. 0: any number. Default: 0.
    :param client_key: called with the ``environ``; returns the client that this limit counts the
        request for. ``None``: no limit for this request. Default: the remote address.
    :param liveness: whether the client's socket is watched. Default: true.
    :param early_start: whether status and headers are sent at the end of the call, not with the
        first block: for a server or a middleware that takes them no later. Default: false, which
        means only on servers that are known to need it (Granian).
    :param options: :class:`~flask_llmstream.stream.options.StreamOptions`, without ``format``,
        ``event``, ``gaps`` and ``coalesce``, and without an ``overflow`` that loses single blocks.
        Callbacks have no app context. ``reconnect="restart"`` means that the streams are endless:
        one that is cut by ``max_lifetime`` or a drain ends with a reconnection time instead of an
        ``error``.
    :raises ConfigurationError: an option that can't work; the message names it.
    :raises TypeError: an unknown option.
    """

    def __init__(
        self,
        wsgi_app: WSGIApp,
        *,
        applies: Callable[[Environ], Any] = is_no_page_load,
        max_streams: int = 1000,
        max_streams_per_client: int = 0,
        client_key: Callable[[Environ], Hashable] = remote_address,
        liveness: bool = True,
        early_start: bool = False,
        **options: Unpack[MiddlewareOptions],
    ) -> None:
        check_callable("applies", applies)
        check_callable("client_key", client_key)
        check_whole("max_streams", max_streams, least=0)
        check_whole("max_streams_per_client", max_streams_per_client, least=0)
        check_flag("liveness", liveness)
        check_flag("early_start", early_start)
        self.wsgi_app = wsgi_app
        self._applies = applies
        self._options = _checked(options)
        self._slots = StreamLimiter(max_streams, max_streams_per_client)
        self._client_key = client_key if max_streams_per_client else no_client
        self._liveness = liveness
        self._early_start = early_start
        self._warned = False

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if must_run_in_place(environ) or not called(self._applies, environ):
            return self.wsgi_app(environ, start_response)
        runtime = runtime_for(self._options.worker)
        unread = track_input(environ) if has_body(environ) else None
        own = copy_environ(environ)  # the app may need it after the reader has left
        call = WSGICall(self.wsgi_app, own, start_response, runtime, request_line(environ))
        with self._early_start_of_inner_streams(own):
            iterable = call.call()
            needs_no_worker = _needs_no_worker(iterable, environ)
            if needs_no_worker:
                call.release_worker()
            else:
                call.await_start()
        copy_back(own, environ)
        if needs_no_worker:
            return iterable
        if self._is_stream(call):
            return self._stream(call, environ, start_response, unread)
        passed_through = PassedThrough(call)
        call.forward()
        return passed_through

    def drain(self, seconds: float = DRAIN_SECONDS) -> int:
        """Let the streams of this object end. :meth:`LLMStream.drain` ends them too.

        :param seconds: as for :meth:`LLMStream.drain`.
        :returns: how many streams had to be ended.
        """
        return drain([self._slots], seconds)

    def drain_on_sigterm(self, seconds: float = DRAIN_SECONDS) -> None:
        """Begin a :meth:`drain` on SIGTERM, as :meth:`LLMStream.drain_on_sigterm` does.

        :raises ValueError: not on the main thread.
        """
        on_sigterm(lambda: self.drain(seconds))

    @property
    def taken(self) -> int:
        """How many streams are running."""
        return self._slots.taken

    def _starts_early(self, environ: Environ) -> bool:
        return self._early_start or needs_early_start(environ)

    def _early_start_of_inner_streams(self, environ: Environ) -> ContextManager[None]:
        """A context in which the app is called. If the app uses this package itself, its streams
        begin at the end of the context, on the server's side."""
        return early_start(environ) if self._starts_early(environ) else nullcontext()

    def _is_stream(self, call: WSGICall) -> bool:
        if call.start is None or not is_event_stream(*call.start[:2]):
            return False
        if is_encoded(call.start[1]):
            self._warn_of_compression(call.name)
            return False
        return True

    def _warn_of_compression(self, name: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "%s compresses its event stream, so it passes through without heartbeats; "
                "switch compression off for text/event-stream",
                name,
            )

    def _stream(
        self,
        call: WSGICall,
        environ: Environ,
        start_response: StartResponse,
        unread: Optional[ServerInput],
    ) -> StreamBody:
        status, headers = call.start[:2]
        stream = self._new_stream(call)
        client = called(self._client_key, environ)
        body = StreamBody(stream, self._slots, client, self._liveness, unread=unread)
        send_continue(environ)
        start = ResponseStart(environ, start_response, status, event_stream_headers(headers))
        body.bind(environ, start, ())
        if self._starts_early(environ):
            body.begin()
        return body

    def _new_stream(self, call: WSGICall) -> Stream:
        blocks, worker = call.hand_over()
        return Stream(
            new_stream_id(),
            call.name,
            blocks,
            RawFormat(),
            self._options,
            WSGIHooks(self),
            make_worker=lambda name: worker,
        )


def _checked(options: Mapping[str, Any]) -> StreamOptions:
    for name in _NOT_ACCEPTED:
        if name in options:
            raise TypeError(f"{name}: the app's own event stream is sent as it is")
    own = EventStreamMiddleware.__init__.__kwdefaults__ or {}
    check_names(options, [*own, *MiddlewareOptions.__annotations__], {})
    checked = StreamOptions().merged(**options)
    if checked.reconnect == "resume":
        raise ConfigurationError(
            "reconnect: the middleware can't resume an event stream that it does not make; take "
            "refuse or restart"
        )
    if issubclass(Overflow.named(checked.overflow), (Overflow.DROP, Overflow.LATEST)):
        raise ConfigurationError(
            f"overflow: {checked.overflow!r} would lose blocks of the app's, which may be parts of "
            "events; take block, buffer, error or missing"
        )
    return checked


def _needs_no_worker(iterable: Any, environ: Environ) -> bool:
    """Whether the server can iterate it on its own thread or greenlet.

    A file wrapper of the server must be among these: the server sends it in its own way.
    """
    wrapper = environ.get("wsgi.file_wrapper")
    kinds = (list, tuple, io.IOBase, StreamBody)
    return isinstance(iterable, (*kinds, wrapper) if isinstance(wrapper, type) else kinds)
