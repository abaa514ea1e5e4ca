"""``LLMStream``: the extension itself.

It keeps no app and no state of an app: one object serves any number of apps. The state of each is
in ``app.extensions["llmstream"]``.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, NoReturn, Optional, Sequence

from flask import Blueprint, Flask, Response, current_app, request

from .app.config import Settings, read_config
from .app.current import current
from .app.error_handlers import convert_stream_errors
from .app.state import EXTENSION, AppState, app_state, state_of
from .chat.answers import speak_json
from .chat.blueprint import ChatBlueprint, browser_client
from .chat.cross_site import refuse_cross_site, send_cors_headers
from .chat.models import checked_providers
from .chat.publishing import Guard, publish, refuse_to_guard_nothing
from .cli import commands
from .doctor.routes import add_doctor_routes
from .errors import ConfigurationError
from .exceptions.handling import name_of
from .kept_streams import KeptStreams
from .keywords import BlueprintSettings, ResponseOptions
from .protocols import PROTOCOLS, Protocol
from .protocols.checked import checked_protocols
from .providers import Counter, Provider
from .runtime.sigterm import on_sigterm
from .sources.emitter import Emitter
from .stream.drain import DRAIN_SECONDS, drain
from .stream.limits import all_limiters
from .stream.options import StreamOptions, check_callable, check_number
from .views.decorator import refuse_positional, streamed_view
from .views.misplaced import log_later_misplaced, refuse_misplaced
from .views.responses import Source, new_emitter, stream_response
from .views.route_clashes import log_later_clashes, refuse_clashes
from .views.source_checks import check_create_function
from .wsgi.early_start import EarlyStart
from .wsgi.returning_reader import last_event_id

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from typing_extensions import ParamSpec, Unpack

    Arguments = ParamSpec("Arguments")


class LLMStream(KeptStreams):
    """Streams any generator as Server-Sent Events, each on a greenlet of its own.

    ::

        streams = LLMStream()

        def create_app():
            app = Flask(__name__)
            streams.init_app(app)
            return app

    :param app: is initialised at once. Default: none; call :meth:`init_app` later.
    :param providers: the models of the chat endpoints by name; the first is the default. The
        model ``counter`` is added. Default: none, and no chat endpoints unless
        ``LLMSTREAM_URL_PREFIX`` says where.
    :param guard: decides who may use those endpoints. It is called before each request to them, as
        a ``before_request`` (not for ``OPTIONS``, which runs no model). ``None`` lets the request
        pass, anything else is the answer, and it may ``abort()``. Default: everybody may.
    :param protocols: what the chat endpoints speak beside the protocols of the package. Default:
        none.
    :raises ConfigurationError: an object that is no provider or no protocol, a guard that can't be
        called.
    """

    def __init__(
        self,
        app: Optional[Flask] = None,
        *,
        providers: Optional[Mapping[str, Provider]] = None,
        guard: Optional[Guard] = None,
        protocols: Sequence[Protocol] = (),
    ) -> None:
        check_callable("guard", guard)
        self._protocols = checked_protocols(protocols, PROTOCOLS)
        self._guard = guard
        self._defaults = Settings(url_prefix=None if providers is None else "/v1")
        models = {} if providers is None else checked_providers(providers)
        self._providers: Dict[str, Provider] = dict(models)
        self._providers.setdefault("counter", Counter())
        self._apps: "weakref.WeakSet[Flask]" = weakref.WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's ``LLMSTREAM_*`` config, once; register the commands
        ``flask llmstream …`` and, where there are ``providers`` or ``LLMSTREAM_URL_PREFIX`` says
        where, the chat endpoints.

        Starts no thread, hub or timer: a server may fork afterwards.

        :raises ConfigurationError: a key that can't work (the message names it), a route of the
            app's at the address of one of the chat endpoints (it names both), a view that has
            ``@streams.view()`` above its route, a guard without any chat endpoints, or a second
            call for one app.
        """
        if not isinstance(app, Flask):
            raise ConfigurationError(f"app: has to be a Flask application, not {_whatever(app)}")
        if EXTENSION in app.extensions:
            raise ConfigurationError(
                "this app has an LLMStream already; use one object for the whole app, and "
                "streams.blueprint() for more chat endpoints"
            )
        says_where = "LLMSTREAM_URL_PREFIX" in app.config
        settings, options = read_config(app.config, self._defaults)
        if settings.url_prefix is None and not says_where:
            refuse_to_guard_nothing(self._guard)
        app.extensions[EXTENSION] = AppState(self, settings, options)
        convert_stream_errors(app)
        app.wsgi_app = EarlyStart(app, settings.early_start)  # type: ignore[method-assign]
        app.cli.add_command(commands)
        if settings.url_prefix is not None:
            publish(app, self.blueprint(EXTENSION), settings.url_prefix, self._guard)
        refuse_clashes(app)
        log_later_clashes(app)
        refuse_misplaced(app)
        log_later_misplaced(app)
        self._apps.add(app)

    def response(self, source: Source, **options: Unpack[ResponseOptions]) -> Response:
        """Stream an iterable, plain or asynchronous. Nothing runs before the server reads the
        first block of the response.

        Items may be text (deltas), mappings, lists, dataclasses (sent as the application's JSON,
        ``app.json``) or :class:`~flask_llmstream.sse.event.ServerSentEvent` objects.

        :param source: any iterable or generator; it runs and is closed on a worker of its own. An
            asynchronous one runs on the one event loop of this process, for any ``worker``, and is
            cancelled where it awaits when its reader leaves. An Observable of RxPY is subscribed
            to, and the subscription is disposed of at the end; ``overflow`` acts as for
            :meth:`create`.
        :param options: the :class:`~flask_llmstream.stream.options.StreamOptions` that differ from
            the app's.
        :raises TypeError: a source that is not iterable, or is one text; an unknown option.
        :raises ConfigurationError: an option that can't work; the message names it.
        """
        here = current()
        state = state_of(here.app)
        return stream_response(here, source, state.options.merged(**options), state.slots)

    def view(
        self, *misplaced: NoReturn, **options: Unpack[ResponseOptions]
    ) -> Callable[[Callable[Arguments, Any]], Callable[Arguments, ResponseReturnValue]]:
        """Decorate a generator view: its items are streamed.

        A view may also return an iterable, with a status and headers as in any view, or an ordinary
        answer: a response (``redirect()``), a text, a mapping, a tuple of one of these. It may be
        ``async def``. Then it runs on the event loop, whether it yields or returns.

        ::

            @app.route("/ticks")
            @streams.view(total_timeout=60)
            def ticks():
                yield "hello"

        :param options: as for :meth:`response`.
        :raises ConfigurationError: it stands above ``@app.route`` rather than below.
        :raises TypeError: it decorates no function; an unknown option.
        """
        refuse_positional(misplaced)
        StreamOptions().merged(**options)  # a wrong option raises where it stands
        # All decorators of a view are made before the first of them is called. So if Flask has the
        # view by now, it is replaced on purpose: app.view_functions[name] = streams.view()(…).
        had = [known for app in self._apps for known in app.view_functions.values()]

        def decorate(
            view: Callable[Arguments, Any]
        ) -> Callable[Arguments, ResponseReturnValue]:
            streamed = streamed_view(view, lambda source: self.response(source, **options))
            if not any(view is known for known in had):
                for app in self._apps:
                    refuse_misplaced(app)
            return streamed

        return decorate

    def emitter(self, **options: Unpack[ResponseOptions]) -> Emitter:
        """The sending end of a new stream, for any greenlet, thread or callback.

        ::

            @app.route("/progress")
            def progress():
                emitter = streams.emitter(total_timeout=60)

                def tell(percent):
                    with suppress(StreamClosed):  # the reader has just left
                        emitter.send({"percent": percent})

                bus.subscribe("progress", tell)
                emitter.on_dispose(lambda: bus.unsubscribe("progress", tell))
                return emitter.response()

        :param options: as for :meth:`response`. The default of ``overflow`` is ``buffer`` here, for
            any config.
        """
        options.setdefault("overflow", "buffer")
        return self._emitter(None, options)

    def create(
        self, function: Callable[[Emitter], Any], **options: Unpack[ResponseOptions]
    ) -> Response:
        """Stream the items that a function sends. It is called with an :class:`Emitter`, on a
        worker.

        The stream ends with ``emitter.complete()`` or ``emitter.fail()``, which may come later and
        from elsewhere. An exception of the function fails the stream. An ``async def`` runs on the
        event loop. There ``emitter.send()`` waits for room without holding the loop. The function
        is cancelled where it awaits when the reader leaves, a timer runs out or the server stops.

        :param options: as for :meth:`response`.
        :raises TypeError: it can't be called, or is a generator function; an unknown option.
        """
        check_create_function(function)
        return self._emitter(function, options).response()

    def _emitter(
        self, function: Optional[Callable[[Emitter], Any]], options: ResponseOptions
    ) -> Emitter:
        state = app_state()
        name = name_of(function) or f"the emitter of {request.endpoint}"
        return new_emitter(state.options.merged(**options), state.slots, name, function)

    def blueprint(
        self,
        name: str,
        *,
        providers: Optional[Mapping[str, Provider]] = None,
        protocols: Optional[Sequence[Protocol]] = None,
        **settings: Unpack[BlueprintSettings],
    ) -> Blueprint:
        """The chat endpoints as a blueprint, to be mounted anywhere and any number of times.

        :param name: the name of the blueprint.
        :param providers: its models by name, the first the default; ``counter`` is added where
            missing. Default: those of this object.
        :param protocols: what it speaks beside the protocols of the package. Default: those of
            this object.
        :param settings: those that differ from the app's: ``max_streams`` (then with slots of its
            own), ``allowed_origins``, ``max_body_bytes``, ``max_prompt_chars``,
            ``max_tokens``, ``unknown_fields``, ``openapi``, ``docs``, ``chat_hold``, and any stream
            option.
        :raises TypeError: an unknown setting.
        """
        models = dict(self._providers if providers is None else checked_providers(providers))
        models.setdefault("counter", self._providers["counter"])
        spoken = self._protocols if protocols is None else checked_protocols(protocols, PROTOCOLS)
        chat = ChatBlueprint(name, models, settings, spoken)
        chat.record(_speak_json)
        add_doctor_routes(chat)
        return chat

    def browser_client(self, **_: Any) -> Response:
        """A view that serves ``llmstream.js``, for a site without chat endpoints, or with a guard.

        ::

            app.add_url_rule("/llmstream.js", view_func=streams.browser_client)
        """
        return browser_client()

    def refuse_cross_site(self) -> None:
        """Refuse the current request if a page of another site sent it, unless
        ``LLMSTREAM_ALLOWED_ORIGINS`` names its origin.

        The chat endpoints do so by themselves. Call it in a view of your own, or before all views
        of a blueprint::

            api.before_request(streams.refuse_cross_site)

        :raises RequestError: 403; it says how to allow the origin.
        """
        app: Any = current_app
        send_cors_headers(app._get_current_object())
        allowed: Any = app_state().settings.allowed_origins
        refuse_cross_site(allowed)

    def drain(self, seconds: float = DRAIN_SECONDS) -> int:
        """Let the streams of this process's apps end, before a restart or in a test.

        From now on new streams get 503 with ``Retry-After``, for good; an ``EventSource`` that
        comes back gets a time to come back at. Running streams may finish within ``seconds``. The
        rest end with ``shutdown``, with a random reconnection time of 1 to 5 s. The call blocks
        meanwhile, and at most 2 s more. Call it where the streams are read: on a greenlet of their
        hub, or on any thread where each stream has a thread.

        :param seconds: default: 7, so that all is over before Docker's kill after 10.
        :returns: how many streams had to be ended.
        :raises ConfigurationError: ``seconds`` is no number from 0 on. Nothing is refused or ended.
        """
        check_number("seconds", seconds, least=0)
        return drain(all_limiters(self), seconds)

    def drain_on_sigterm(self, seconds: float = DRAIN_SECONDS) -> None:
        """Let SIGTERM begin a :meth:`drain`, and end the process afterwards.

        Call it where the serving process begins, on its main thread, after monkey-patching. Under
        gunicorn, import ``flask_llmstream.gunicorn.post_worker_init`` into ``gunicorn.conf.py``
        instead. A handler that is there already is called at once.

        :raises ValueError: not on the main thread, or ``seconds`` is no number from 0 on.
        """
        check_number("seconds", seconds, least=0)
        on_sigterm(lambda: self.drain(seconds))

    @property
    def last_event_id(self) -> str:
        """The ``Last-Event-ID`` of the current request, or a polyfill's ``?lastEventId=``: the last
        event that a returning reader got. ``""`` for a new reader."""
        return last_event_id(request)


def _speak_json(setup: Any) -> None:
    speak_json(setup.app)


def _whatever(app: object) -> str:
    """The kind of an object that should be an application, with a cure where there is one."""
    kind = type(app).__name__
    if isinstance(app, (Mapping, Provider)):
        return f"{kind}; models are given as providers={{'name': model}}"
    if isinstance(app, Blueprint):
        return f"{kind}; give the application that registers it"
    return kind
