"""The view that asks a model: a request is read by its protocol, checked and answered."""

from __future__ import annotations

from functools import partial
from typing import Any, Collection, Mapping, Optional, Union, cast

from flask import Response, current_app, request

from ..app.client_names import set_client_names
from ..app.current import Current, current
from ..app.idempotency import Begun, Claim, claimed, set_claim
from ..app.kept_answers import AnswersInLog
from ..app.owner import namespace_of
from ..errors import RequestError
from ..formats import BY_ACCEPT, BY_MEDIA_TYPE, FORMATS, Format
from ..protocols.base import ClientRequest, ParsedRequest, Protocol
from ..protocols.completion import ChatRequest, parse_chat
from ..protocols.json_body import parse_json
from ..protocols.request_limits import RequestLimits
from ..providers import Provider
from ..providers.awaited import begin_answer
from ..sources.calls import called
from ..stream.options import StreamOptions
from ..views.background import begin_in_background
from ..views.bodies import STREAM_ID
from ..views.replays import replay_stream
from ..views.responses import stream_response
from ..views.returning import respond_from_log, rest_of_kept
from ..views.streams import is_kept
from .body import read_body
from .cross_site import refuse_unless_accepted
from .own_settings import OwnSettings

_EVENT_STREAM = "text/event-stream"
_OF_A_PROMPT = {"messages": "prompt", "messages[0].content": "prompt"}
"""The places of a prompt, by those of the message that a model's server gets for it."""


class Completions:
    """Answers the requests of one blueprint.

    :param providers: the models by name; the first is the default.
    """

    def __init__(self, providers: Mapping[str, Provider], own: OwnSettings) -> None:
        self._providers = providers
        self._default_model = next(iter(providers))
        self._own = own

    def answer(self, protocol: Protocol) -> Response:
        """The answer to the current request, which speaks this protocol."""
        body = b"" if protocol.method == "GET" else self._body()
        fields = {} if protocol.method == "GET" else parse_json(body)
        query, headers = request.args.to_dict(), cast(Mapping[str, str], request.headers)
        here = current()
        keeps = self._own.in_force().options.reconnect == "resume"
        kept = AnswersInLog(here) if keeps else None
        owner = partial(namespace_of, here)
        parsed = _read(protocol, ClientRequest(fields, query, headers, owner, kept))
        names = {**protocol.field_names, **parsed.names}
        try:
            chat = self._checked(parsed.fields)
            is_prompt = chat.completion.prompt is not None
            set_client_names(request, {**_OF_A_PROMPT, **names} if is_prompt else names)
            format = parsed.answer(chat)
            if protocol.method == "GET":
                refuse_unless_accepted(self._media_types(format))
            return self._streamed(format, chat, parsed, body)
        except RequestError as error:
            error.rename_field(names)
            raise

    def _media_types(self, format: Any) -> Collection[str]:
        """The media types that a GET may accept: event streams, its format, plain text."""
        format = format or self._own.format
        if format == BY_ACCEPT:
            return BY_MEDIA_TYPE
        content_type = getattr(FORMATS.get(format, format), "content_type", _EVENT_STREAM)
        return (_EVENT_STREAM, content_type.partition(";")[0], "text/plain")

    def _body(self) -> bytes:
        return read_body(self._own.in_force().settings.max_body_bytes)

    def _checked(self, fields: Mapping[str, Any]) -> ChatRequest:
        settings = self._own.in_force().settings
        limits = RequestLimits(
            settings.max_prompt_chars, settings.max_body_bytes, settings.max_tokens
        )
        return parse_chat(
            fields, self._providers, self._default_model, limits, settings.unknown_fields
        )

    def _streamed(
        self,
        format: Union[Format, str, None],
        chat: ChatRequest,
        parsed: ParsedRequest,
        body: bytes,
    ) -> Response:
        here, own = current(), self._own.in_force()
        options = own.options
        if format is not None:
            options = options.with_format(format)  # type: ignore[arg-type]
        if parsed.goes_on:
            options = options.merged(on_leave="finish")
        claim: Union[Claim, Begun, None] = None
        if is_kept(options, request):
            rest = rest_of_kept(here, options, own.slots)
            if rest is not None:
                return rest
            if request.method == "POST":
                claim = claimed(here, body, 0 if parsed.receipt else options.hold)
        if isinstance(claim, Begun):
            return self._again(here, options, claim, parsed)
        try:
            return self._begun(here, options, chat, claim, parsed)
        except BaseException:
            if claim is not None:
                claim.free()
            raise

    def _again(
        self, here: Current, options: StreamOptions, begun: Begun, parsed: ParsedRequest
    ) -> Response:
        """The answer to a request that was sent again."""
        if parsed.receipt is None:
            stream = replay_stream(here, *begun, None, options)
            return respond_from_log(here, stream, self._own.in_force().slots)
        begun.reading.close()
        return _receipt(parsed.receipt(begun.reading.head.opening), begun.stream_id)

    def _begun(
        self,
        here: Current,
        options: StreamOptions,
        chat: ChatRequest,
        claim: Optional[Claim],
        parsed: ParsedRequest,
    ) -> Response:
        model, slots = chat.completion.model, self._own.in_force().slots
        if claim is not None:
            set_claim(request, claim)
        called(self._providers[model].check, chat.completion)
        deltas = begin_answer(self._providers[model], chat.completion)
        name = f"the model {model}"
        if parsed.receipt is None:
            return stream_response(here, deltas, options, slots, name, model)
        stream_id, opening = begin_in_background(here, deltas, options, slots, name, model)
        return _receipt(parsed.receipt(opening), stream_id)


def _receipt(told: bytes, stream_id: str) -> Response:
    headers = {STREAM_ID: stream_id}
    return current_app.response_class(told, mimetype="application/json", headers=headers)


def _read(protocol: Protocol, asked: ClientRequest) -> ParsedRequest:
    parsed: Any = protocol.read(asked)
    if not isinstance(parsed, ParsedRequest):
        kind = type(protocol).__name__
        raise TypeError(f"{kind}.read() has to return a ParsedRequest, not {parsed!r:.60}")
    return parsed
