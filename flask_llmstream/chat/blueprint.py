"""``chat_blueprint``: the chat endpoints, as a blueprint that an app can mount many times."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Collection, Dict, Mapping, Optional

from flask import Blueprint, Response, jsonify, request, send_from_directory

from ..app.config import Settings
from ..app.state import app_state
from ..errors import (
    ConfigurationError,
    RequestError,
    RequestTooLarge,
    StreamError,
    UnsupportedMediaType,
)
from ..formats import BY_ACCEPT, BY_MEDIA_TYPE, FORMATS
from ..formats.openai import ChatCompletion, ChatCompletionChunks
from ..keywords import BlueprintSettings, ResponseOptions
from ..providers import Provider
from ..providers.awaited import begin_answer
from ..sources.calls import called
from ..stream.limits import StreamLimiter
from ..stream.options import StreamOptions, check_names
from ..views.blueprint_routes import add_route, use_current_host
from ..views.responses import stream_response
from ..wsgi.request_body import read_in_view
from .cross_site import (
    allow_reading,
    answer_to_preflight,
    refuse_cross_site,
    refuse_unless_accepted,
)
from .request_limits import RequestLimits
from .requests import ChatRequest, parse_chat, parse_json, parse_query

_STREAM_LIMITS = {"max_streams", "max_streams_per_client", "client_key"}
_SETTINGS = BlueprintSettings.__annotations__.keys() - ResponseOptions.__annotations__.keys()
"""The settings that a blueprint can have of its own. It can have all stream options, too."""
_GIVEN_ELSEWHERE = {
    **dict.fromkeys(("url_prefix", "subdomain", "host"), "give it to app.register_blueprint()"),
    "guard": "have the blueprint's before_request() call it",
}
_EVENT_STREAM = "text/event-stream"
_MODEL_ENDPOINTS = ("completions", "stream")
_OTHER_ENDPOINTS = ("models", "client")
_STATIC = os.path.join(os.path.dirname(os.path.dirname(__file__)), "static")


class ChatEndpoints:
    """The views of one blueprint.

    :param providers: the models by name; the first is the default.
    :param changes: the settings and stream options that differ from the app's.
    :raises ConfigurationError: a provider, a setting or an option can't work; the message names
        it.
    """

    def __init__(self, providers: Mapping[str, Provider], changes: Mapping[str, Any]):
        self._providers = checked_providers(providers)
        self._default_model = next(iter(providers))
        known = [*BlueprintSettings.__annotations__, "providers"]
        check_names(changes, known, _GIVEN_ELSEWHERE)
        self._settings = {key: value for key, value in changes.items() if key in _SETTINGS}
        self._options = {key: value for key, value in changes.items() if key not in _SETTINGS}
        Settings(**self._settings)
        StreamOptions().merged(**self._options)

    def completions(self) -> Response:
        """``POST /chat/completions``."""
        fields = parse_json(self._body())
        return self._answer(self._parsed(fields))

    def stream(self) -> Response:
        """``GET /chat/stream``, for ``EventSource``."""
        refuse_unless_accepted(self._media_types())
        arguments = request.args.to_dict()
        for name in ("format", "lastEventId"):  # about the stream, not about the model
            arguments.pop(name, None)
        return self._answer(self._parsed(parse_query(arguments)))

    def models(self) -> Response:
        """``GET /models``."""
        models = [{"id": n, "object": "model", "owned_by": "local"} for n in self._providers]
        return jsonify({"object": "list", "data": models})

    def allow_reading(self, endpoint: Optional[str], arguments: Any) -> None:
        """Let the pages of allowed origins read the answer. This runs as a URL preprocessor, so it
        holds also where the application's ``before_request`` answers.

        :param arguments: of the view, not used.
        """
        if _own_name(endpoint) in (*_MODEL_ENDPOINTS, *_OTHER_ENDPOINTS):
            allow_reading(self._allowed_origins())

    def admit(self) -> Optional[Response]:
        """Refuse pages of other sites, and answer preflights, before the blueprint's guards run.

        The application's own ``before_request`` functions run before, as its ``after_request``
        functions rely on them.
        """
        if _own_name(request.endpoint) in _MODEL_ENDPOINTS:
            refuse_cross_site(self._allowed_origins())
        return answer_to_preflight()

    def _allowed_origins(self) -> Any:
        return self._app_settings().allowed_origins

    def _media_types(self) -> Collection[str]:
        """The media types that a GET may accept: an event stream, and the one of its format."""
        format: Any = request.args.get("format") or self._options.get("format")
        if format == BY_ACCEPT:
            return BY_MEDIA_TYPE
        content_type = getattr(FORMATS.get(format, format), "content_type", _EVENT_STREAM)
        return (_EVENT_STREAM, content_type.partition(";")[0])

    def _parsed(self, fields: Mapping[str, Any]) -> ChatRequest:
        settings = self._app_settings()
        limits = RequestLimits(
            settings.max_prompt_chars, settings.max_body_bytes, settings.max_tokens
        )
        return parse_chat(
            fields, self._providers, self._default_model, limits, settings.unknown_fields
        )

    def _body(self) -> bytes:
        limit = self._app_settings().max_body_bytes
        body = read_in_view(request, limit)
        if body is None or len(body) > limit:
            raise RequestTooLarge(f"the body is over the limit of {limit} bytes")
        if not body and _is_unreadable(request.environ):
            message = "this server can't read a chunked body; send it with a Content-Length"
            raise StreamError(message, code="length_required", status=411)
        # A guard may have read a form, so an empty body with a length is checked as well.
        if (body or request.content_length) and not request.is_json:
            raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
        return body

    def _answer(self, chat: ChatRequest) -> Response:
        settings = self._app_settings()
        options = app_state().options.merged(
            **{"hold": settings.chat_hold, "format": "message", **self._options}
        )
        options = options.merged(format=_format(chat, request.args.get("format"), options.format))
        model = chat.completion.model
        called(self._providers[model].check, chat.completion)
        deltas = begin_answer(self._providers[model], chat.completion)
        return stream_response(deltas, options, self._limiter(settings), f"the model {model}")

    def _app_settings(self) -> Settings:
        return dataclasses.replace(app_state().settings, **self._settings)

    def _limiter(self, settings: Settings) -> StreamLimiter:
        if _STREAM_LIMITS & self._settings.keys():
            return app_state().slots_of(self, settings)
        return app_state().slots


def chat_blueprint(
    name: str, providers: Mapping[str, Provider], changes: Mapping[str, Any]
) -> Blueprint:
    """A blueprint with the chat endpoints; see :meth:`LLMStream.blueprint`.

    :raises ConfigurationError: as :class:`ChatEndpoints` does.
    """
    blueprint = Blueprint(name, __name__)
    chat = ChatEndpoints(providers, changes)
    blueprint.url_value_preprocessor(chat.allow_reading)
    blueprint.before_request(chat.admit)
    add_route(blueprint, "/chat/completions", "completions", chat.completions, **_only("POST"))
    add_route(blueprint, "/chat/stream", "stream", chat.stream, **_only("GET"))
    add_route(blueprint, "/models", "models", chat.models, **_only("GET"))
    add_route(blueprint, "/llmstream.js", "client", browser_client, **_only("GET"))
    blueprint.after_request(_forbid_caching)
    blueprint.url_defaults(use_current_host)
    return blueprint


def _own_name(endpoint: Optional[str]) -> str:
    """An endpoint's name without its blueprints'."""
    return (endpoint or "").rpartition(".")[2]


def _only(method: str) -> Dict[str, Any]:
    # Preflights need OPTIONS, also where an app turns Flask's automatic OPTIONS off.
    return {"methods": [method, "OPTIONS"], "provide_automatic_options": True}


def checked_providers(providers: Any) -> Mapping[str, Provider]:
    """The same providers.

    :raises ConfigurationError: this is no mapping, a name is no text, or a value is no
        :class:`Provider`; the message says which.
    """
    if not isinstance(providers, Mapping):
        raise ConfigurationError(
            f"providers: has to be a mapping, not {type(providers).__name__}; give each model its "
            "name, as providers={'name': model}"
        )
    for name, provider in providers.items():
        _check_provider(f"providers[{name!r}]", name, provider)
    return providers


def _check_provider(key: str, name: Any, provider: Any) -> None:
    if not isinstance(name, str):
        raise ConfigurationError(f"{key}: a model's name has to be a text")
    if isinstance(provider, type) and issubclass(provider, Provider):
        raise ConfigurationError(f"{key}: is the class {provider.__name__}; make one of it")
    if not isinstance(provider, Provider):
        raise ConfigurationError(
            f"{key}: has to be a Provider, not {type(provider).__name__}; CallableProvider makes "
            "one of a function"
        )


def browser_client() -> Response:
    """``GET /llmstream.js``: the client for browsers."""
    return send_from_directory(_STATIC, "llmstream.js", mimetype="text/javascript")


def _forbid_caching(response: Response) -> Response:
    """A guard may have checked the user, so no cache may keep an answer that does not allow it."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _is_unreadable(environ: Mapping[str, Any]) -> bool:
    """Whether the body is chunked and the server passes it on without marking its end."""
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and not environ.get("wsgi.input_terminated")


def _format(chat: ChatRequest, name: Optional[str], default: Any) -> Any:
    """The format that the query names, else the one that fits the client's fields."""
    if name is not None and name not in (*FORMATS, "openai"):
        raise RequestError(
            f"{name[:40]!r} is none of {', '.join(FORMATS)}, openai", field="format"
        )
    if name != "openai" and (name is not None or not chat.speaks_openai):
        return name or default
    if chat.stream:
        is_event_source = request.method == "GET"
        return ChatCompletionChunks(chat.completion.model, chat.include_usage, is_event_source)
    return ChatCompletion(chat.completion.model)
