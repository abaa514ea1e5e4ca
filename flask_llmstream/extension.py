"""``LLMStream``: the extension itself.

Roof. It keeps no app and no app's state on itself: one object serves any number of apps, each
with its state in ``app.extensions["llmstream"]``.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, Iterable, Mapping, Optional

from flask import Blueprint, Flask, Response, request
from werkzeug.wrappers import Response as BaseResponse

from .app_state import EXTENSION, AppState, app_state
from .blueprint import chat_blueprint, checked_providers, refused
from .config import read_config
from .errors import ConfigurationError, StreamError
from .options import StreamOptions
from .providers import Counter, Provider
from .streaming import stream_response

View = Callable[..., Any]
_FINISHED = (BaseResponse, str, bytes, dict, tuple)
"""What a view may return that Flask makes a response of."""


class LLMStream:
    """Streams any generator as Server-Sent Events, each on a greenlet of its own.

    ::

        streams = LLMStream()

        def create_app():
            app = Flask(__name__)
            streams.init_app(app)
            return app

    :param app: initialised at once, where there is one already.
    :param providers: the models of the chat endpoints by name; the first is the default. The
        model ``counter`` is always there.
    """

    def __init__(
        self, app: Optional[Flask] = None, *, providers: Optional[Mapping[str, Provider]] = None
    ) -> None:
        self._providers: Dict[str, Provider] = dict(checked_providers(providers or {}))
        self._providers.setdefault("counter", Counter())
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's ``LLMSTREAM_*`` config, once, and register the chat blueprint.

        Starts no thread, hub or timer: a server may fork afterwards.

        :raises ConfigurationError: a key that can't work (the message names it), or a second
            call for one app.
        """
        if EXTENSION in app.extensions:
            raise ConfigurationError(
                "this app has an LLMStream already; use one object for the whole app, and "
                "streams.blueprint() for more chat endpoints"
            )
        settings, options = read_config(app.config)
        app.extensions[EXTENSION] = AppState(settings, options)
        if StreamError not in app.error_handler_spec.get(None, {}).get(None, {}):
            app.register_error_handler(StreamError, refused)
        if settings.url_prefix is not None:
            app.register_blueprint(self.blueprint("llmstream"), url_prefix=settings.url_prefix)

    def response(self, source: Iterable[Any], **options: Any) -> Response:
        """Stream an iterable. Nothing runs before the server reads the response's first block.

        Items may be text (deltas), mappings, lists, dataclasses (sent as JSON) or
        :class:`~flask_llmstream.event.ServerSentEvent` objects.

        :param source: any iterable or generator; it runs and is closed on a worker of its own.
        :param options: the :class:`~flask_llmstream.options.StreamOptions` that differ from the
            app's.
        :raises TypeError: a source that is not iterable, or is one text; an unknown option.
        :raises ConfigurationError: an option that can't work; the message names it.
        """
        state = app_state()
        return stream_response(source, state.options.merged(**options), state.slots)

    def view(self, **options: Any) -> Callable[[View], View]:
        """Decorate a generator view: what it yields is streamed.

        A view may also return an iterable, or what ends the matter: a response (``redirect()``),
        a text, a mapping, or a tuple with a status.

        ::

            @app.route("/ticks")
            @streams.view(total_timeout=60)
            def ticks():
                yield "hello"

        :param options: as for :meth:`response`.
        """
        StreamOptions().merged(**options)  # a wrong option is told where it stands

        def decorate(view: View) -> View:
            @functools.wraps(view)
            def streamed(*args: Any, **kwargs: Any) -> Any:
                answer = view(*args, **kwargs)
                if isinstance(answer, _FINISHED):
                    return answer
                return self.response(answer, **options)

            return streamed

        return decorate

    def blueprint(
        self, name: str, *, providers: Optional[Mapping[str, Provider]] = None, **settings: Any
    ) -> Blueprint:
        """The chat endpoints once more, to be mounted where a site wants them.

        :param name: the blueprint's.
        :param providers: its models by name, the first the default; ``counter`` is added where
            missing. Default: those of this object.
        :param settings: what differs here from the app's: ``max_streams`` (then with slots of
            its own), ``max_body_bytes``, ``max_prompt_chars``, ``chat_hold``, and any stream
            option.
        :raises TypeError: an unknown setting.
        """
        models = dict(self._providers if providers is None else providers)
        models.setdefault("counter", self._providers["counter"])
        return chat_blueprint(name, models, settings)

    @property
    def last_event_id(self) -> str:
        """The ``Last-Event-ID`` of the current request: where a returning reader left; ``""``
        for a new one."""
        last: str = request.headers.get("Last-Event-ID", "")
        return last
