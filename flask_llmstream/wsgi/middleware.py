"""``EventStreamMiddleware``: the engine round the event streams that a WSGI app makes already.

Roof. The app needs no edit, and need not be Flask's.
"""

from __future__ import annotations

import io
import uuid
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
from urllib.parse import quote

from werkzeug.wsgi import get_content_length

from ..channel.overflow import Overflow
from ..errors import ConfigurationError
from ..formats import RawFormat
from ..keywords import MiddlewareOptions, ResponseOptions
from ..log import log
from ..runtime.runtime import runtime_for
from ..runtime.sigterm import on_sigterm
from ..sources.calls import called
from ..stream.drain import DRAIN_SECONDS, drain
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions, check_callable, check_flag, check_names, check_whole
from ..stream.stream import Stream
from .app_call import PassedOn, WSGICall
from .body import StreamBody
from .early_start import early_start, takes_no_later_start
from .environ_copy import give_back, own_environ
from .headers import event_stream_headers, is_encoded, is_event_stream
from .hooks import WSGIHooks
from .request_body import ServerInput, has_body
from .response import Start, settle_expectation
from .types import Environ, StartResponse, WSGIApp

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NOT_OURS = ResponseOptions.__annotations__.keys() - MiddlewareOptions.__annotations__.keys()


def is_no_page_load(environ: Environ) -> bool:
    """Whether the answer may be an event stream: not for a browser that loads a page.

    It names ``text/html`` in ``Accept``, which no reader of an event stream does: ``EventSource``
    names ``text/event-stream``, ``fetch`` and most programs take anything.
    """
    return "text/html" not in environ.get("HTTP_ACCEPT", "")


def remote_address(environ: Environ) -> Hashable:
    """The client's address, as the app sees it: an inner ``ProxyFix`` has set it by then."""
    return environ.get("REMOTE_ADDR")


class EventStreamMiddleware:
    """Round a WSGI app: its event streams get what those of this package have.

    ::

        app.wsgi_app = EventStreamMiddleware(app.wsgi_app)

    An answer of the type ``text/event-stream`` gets heartbeats while the app is silent, the
    headers that keep proxies from buffering, a slot (or 503), the timers, and an end when its
    reader leaves, which closes the app's iterable. What the app sends goes out as it is, its event
    IDs, too; a reader who comes back is the app's own matter. If it fails midway, the last event
    is an ``error``. Everything else passes through, block by block, and so does an event stream
    that the app has compressed, given a ``Content-Length``, or sends by ``write()``.

    Only the answer tells whether it is an event stream, and some streams can be iterated only
    where the app was called (Flask's ``stream_with_context``). So the app is called on a worker of
    its own, like a producer: a greenlet, or a thread where nothing is patched. There, contextvars
    are the request's, but thread-locals are new each time. ``applies`` says for which requests;
    for the rest the app is called in place, with nothing between.

    :param wsgi_app: any WSGI app.
    :param applies: tells from the ``environ`` whether the answer may be an event stream; not asked
        for ``HEAD``. It may be ``async def``, and so may ``client_key``. Default:
        :func:`is_no_page_load`. On threads, narrow it to the paths of your streams where the app
        keeps costly thread-locals, as Django does its database connections.
    :param max_streams: how many streams this object runs at a time; the next gets 503 with
        ``Retry-After``. 0: any number. Default: 1000.
    :param max_streams_per_client: how many of them may be one client's; the next gets 429. 0: any
        number. Default: 0.
    :param client_key: tells from the ``environ`` whose a request is, for that limit; ``None``: has
        none. Default: :func:`remote_address`.
    :param liveness: whether the client's socket is watched. Default: true.
    :param early_start: whether status and headers go out at the end of the call, not with the first
        block: for a server, or a middleware, that takes none later. Default: false, only on servers
        that are known to need it (Granian).
    :param options: :class:`~flask_llmstream.stream.options.StreamOptions`, without ``format``,
        ``event``, ``gaps`` and ``coalesce``, and ``overflow`` only so that no block is lost by
        itself. Callbacks have no app context. ``reconnect="restart"`` says that the streams are
        endless: one that is cut by ``max_lifetime`` or a drain has no ``error``, but a time to come
        back.
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
        self._client_key = client_key if max_streams_per_client else _nobody
        self._liveness = liveness
        self._early_start = early_start
        self._warned = False

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _is_bound_to_place(environ) or not called(self._applies, environ):
            return self.wsgi_app(environ, start_response)
        runtime = runtime_for(self._options.worker)
        unread = _watch_input(environ) if has_body(environ) else None
        own = own_environ(environ)  # for an app whose stream outlives its reader
        call = WSGICall(self.wsgi_app, own, start_response, runtime, _name(environ))
        with self._own_streams_of(own):
            iterable = call.make()
            is_at_home = _is_at_home_anywhere(iterable, environ)
            if is_at_home:
                call.let_go()
            else:
                call.begin()
        give_back(own, environ)
        if is_at_home:
            return iterable
        if self._is_stream(call):
            return self._stream(call, environ, start_response, unread)
        passed_on = PassedOn(call)
        call.forward()
        return passed_on

    def drain(self, seconds: float = DRAIN_SECONDS) -> int:
        """Let its streams end, as :meth:`LLMStream.drain` does, which ends these, too.

        :returns: how many streams had to be ended.
        """
        return drain([self._slots], seconds)

    def drain_on_sigterm(self, seconds: float = DRAIN_SECONDS) -> None:
        """Have SIGTERM begin a :meth:`drain`, as :meth:`LLMStream.drain_on_sigterm` does.

        :raises ValueError: not on the main thread.
        """
        on_sigterm(lambda: self.drain(seconds))

    @property
    def taken(self) -> int:
        """How many streams run now."""
        return self._slots.taken

    def _starts_early(self, environ: Environ) -> bool:
        return self._early_start or takes_no_later_start(environ)

    def _own_streams_of(self, environ: Environ) -> ContextManager[None]:
        """A block that a Flask app inside is called in: its streams begin on this side."""
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
        settle_expectation(environ)
        start = Start(environ, start_response, status, event_stream_headers(headers))
        body.bind(environ, start, _nothing)
        if self._starts_early(environ):
            body.begin()
        return body

    def _new_stream(self, call: WSGICall) -> Stream:
        blocks, worker = call.hand_over()
        return Stream(
            uuid.uuid4().hex,
            call.name,
            blocks,
            RawFormat(),
            self._options,
            WSGIHooks(self),
            make_worker=lambda name: worker,
        )


def _checked(options: Mapping[str, Any]) -> StreamOptions:
    for name in _NOT_OURS:
        if name in options:
            raise TypeError(f"{name}: the app's own event stream is sent as it is")
    own = EventStreamMiddleware.__init__.__kwdefaults__ or {}
    check_names(options, [*own, *MiddlewareOptions.__annotations__], {})
    checked = StreamOptions().merged(**options)
    if issubclass(Overflow.named(checked.overflow), (Overflow.DROP, Overflow.LATEST)):
        raise ConfigurationError(
            f"overflow: {checked.overflow!r} would lose blocks of the app's, which may be parts of "
            "events; take block, buffer, error or missing"
        )
    return checked


def _is_bound_to_place(environ: Environ) -> bool:
    """A ``HEAD`` has no stream. The ``with`` block of Flask's test client, before 2.2, looks for
    the request's context where it made the request."""
    return environ["REQUEST_METHOD"] == "HEAD" or bool(environ.get("flask._preserve_context"))


def _is_at_home_anywhere(iterable: Any, environ: Environ) -> bool:
    """Can it be iterated where the server is, as it needs nothing of its worker?

    A server knows its own file wrapper, and sends it in ways of its own.
    """
    wrapper = environ.get("wsgi.file_wrapper")
    kinds = (list, tuple, io.IOBase, StreamBody)
    return isinstance(iterable, (*kinds, wrapper) if isinstance(wrapper, type) else kinds)


def _watch_input(environ: Environ) -> ServerInput:
    """Have it known whether the app has read the request when its answer begins."""
    seen = ServerInput(environ["wsgi.input"], get_content_length(environ))
    environ["wsgi.input"] = seen
    return seen


def _name(environ: Environ) -> str:
    """``GET /ticks``: what the log calls the stream."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return f"{environ['REQUEST_METHOD']} {quote(path, encoding='latin-1')}"


def _nobody(environ: Environ) -> Hashable:
    """Whose a request is where clients have no limit."""
    return None


def _nothing() -> None:
    """Nobody is to be told that the body was closed."""
