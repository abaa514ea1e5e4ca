"""The views that ask a model: a request is read, checked and answered."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Collection, Mapping

from flask import Response, request

from ..app.current import current
from ..errors import RequestError, RequestTooLarge, StreamError, UnsupportedMediaType
from ..formats import BY_ACCEPT, BY_MEDIA_TYPE, FORMATS, Format
from ..formats.openai import ChatCompletion, ChatCompletionChunks
from ..formats.openai_text import TextCompletion, TextCompletionChunks
from ..providers import Provider
from ..providers.awaited import begin_answer
from ..sources.calls import called
from ..views.responses import stream_response
from ..wsgi.request_body import read_in_view
from .cross_site import refuse_unless_accepted
from .own_settings import OwnSettings
from .request_limits import RequestLimits
from .requests import ChatRequest, parse_chat, parse_json, parse_query
from .text_requests import parse_text

_EVENT_STREAM = "text/event-stream"
_OPENAI = "openai"
"""The name of the format that is OpenAI's, in a query."""


class Completions:
    """The views of one blueprint that ask its models.

    :param providers: the models by name; the first is the default.
    """

    def __init__(self, providers: Mapping[str, Provider], own: OwnSettings) -> None:
        self._providers = providers
        self._default_model = next(iter(providers))
        self._own = own

    def chat(self) -> Response:
        """``POST /chat/completions``."""
        chat = self._parsed(parse_json(self._body()))
        return self._answer(chat, partial(_chat_format, chat), chat.speaks_openai)

    def text(self) -> Response:
        """``POST /completions``, the older form."""
        fields, stream, echo = parse_text(parse_json(self._body()))
        chat = self._parsed(fields)
        return self._answer(chat, partial(_text_format, chat, stream, echo), True)

    def stream(self) -> Response:
        """``GET /chat/stream``, for ``EventSource``."""
        refuse_unless_accepted(self._media_types())
        arguments = request.args.to_dict()
        for name in ("format", "lastEventId"):  # about the stream, not about the model
            arguments.pop(name, None)
        chat = self._parsed(parse_query(arguments))
        return self._answer(chat, partial(_chat_format, chat), chat.speaks_openai)

    def _media_types(self) -> Collection[str]:
        """The media types that a GET may accept: event streams, its format, plain text."""
        format: Any = request.args.get("format") or self._own.format
        if format == BY_ACCEPT:
            return BY_MEDIA_TYPE
        content_type = getattr(FORMATS.get(format, format), "content_type", _EVENT_STREAM)
        return (_EVENT_STREAM, content_type.partition(";")[0], "text/plain")

    def _parsed(self, fields: Mapping[str, Any]) -> ChatRequest:
        settings = self._own.in_force().settings
        limits = RequestLimits(
            settings.max_prompt_chars, settings.max_body_bytes, settings.max_tokens
        )
        return parse_chat(
            fields, self._providers, self._default_model, limits, settings.unknown_fields
        )

    def _body(self) -> bytes:
        limit = self._own.in_force().settings.max_body_bytes
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

    def _answer(
        self, chat: ChatRequest, openai: Callable[[], Format], speaks_openai: bool
    ) -> Response:
        """
        :param openai: makes the format of OpenAI.
        :param speaks_openai: whether that is the format unless the query names another.
        """
        own, named = self._own.in_force(), _named_format()
        options = own.options
        if named == _OPENAI or (named is None and speaks_openai):
            options = options.with_format(openai())
        elif named is not None:
            options = options.with_format(named)
        model = chat.completion.model
        called(self._providers[model].check, chat.completion)
        deltas = begin_answer(self._providers[model], chat.completion)
        name = f"the model {model}"
        return stream_response(current(), deltas, options, own.slots, name)


def _is_unreadable(environ: Mapping[str, Any]) -> bool:
    """Whether the body is chunked and the server passes it on without marking its end."""
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    return chunked and not environ.get("wsgi.input_terminated")


def _named_format() -> Any:
    """The format that the query names; ``None`` where it names none."""
    name = request.args.get("format")
    if name is not None and name not in (*FORMATS, _OPENAI):
        raise RequestError(
            f"{name[:40]!r} is none of {', '.join(FORMATS)}, {_OPENAI}", field="format"
        )
    return name


def _chat_format(chat: ChatRequest) -> Format:
    if chat.stream:
        is_event_source = request.method == "GET"
        return ChatCompletionChunks(chat.completion.model, chat.include_usage, is_event_source)
    return ChatCompletion(chat.completion.model)


def _text_format(chat: ChatRequest, stream: bool, echo: str) -> Format:
    if stream:
        return TextCompletionChunks(chat.completion.model, chat.include_usage, echo)
    return TextCompletion(chat.completion.model, echo)
