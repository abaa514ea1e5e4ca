"""``OpenAICall``: one call to a server with OpenAI's API, its answer read as it comes."""

from __future__ import annotations

from contextlib import closing
from typing import Generator, Iterable, Iterator, NoReturn

from ..errors import EventTooLarge
from ..http.call import CallAborted, CallError, HTTPAnswer, HTTPCall
from ..sse.decoder import EventStreamDecoder, MessageEvent
from .base import Piece
from .body_kind import EVENT_STREAM, JSON, body_kind, suffices
from .openai_chunk import Chunk, parse_chunk, usage_of
from .retry_after import retry_after_in
from .upstream_errors import UpstreamErrors

_MAX_ERROR_BYTES = 256 * 1024
_MAX_WHOLE_BYTES = 4 * 1024 * 1024


class OpenAICall:
    """One call, and its answer in deltas.

    :param call: is opened when the deltas begin, and closed when they end.
    :param errors: makes the errors of the call.
    """

    def __init__(self, call: HTTPCall, errors: UpstreamErrors) -> None:
        self._call = call
        self._errors = errors

    def deltas(self) -> Generator[Piece, None, None]:
        """Make the call; the deltas of its answer, then its usage.

        :raises ProviderError: the server did something wrong, or the call was aborted.
        """
        try:
            with closing(self._call):
                yield from _deltas(self._chunks(self._call.open()))
        except CallError as error:
            self._errors.fail_call(error)

    def _chunks(self, answer: HTTPAnswer) -> Iterable[Chunk]:
        if not 200 <= answer.status < 300:
            self._errors.refuse(
                answer.status, self._complaint(answer), retry_after_in(answer.headers)
            )
        content_type = answer.headers.get("Content-Type", "")
        kind = body_kind(answer.start(suffices), content_type)
        if kind == EVENT_STREAM:
            return self._streamed(answer)
        if kind == JSON:
            return [self._parse(answer.beginning(_MAX_WHOLE_BYTES))]
        self._errors.refuse_body(self._complaint(answer), answer.headers)

    def _streamed(self, answer: HTTPAnswer) -> Iterator[Chunk]:
        """The chunks of an event stream, up to ``[DONE]``.

        A server may leave ``[DONE]`` out once it has said why the model stopped. A body that ends
        without either was cut off, even if the connection was closed in good order.
        """
        finished = False
        for event in self._events(answer):
            if event.data.strip() == "[DONE]":
                return
            chunk = self._parse(event.data)
            finished = finished or chunk.finish_reason is not None
            yield chunk
        if not finished:
            self._ended_early()

    def _events(self, answer: HTTPAnswer) -> Iterator[MessageEvent]:
        decoder = EventStreamDecoder()
        for block in answer.blocks():
            try:
                events = decoder.feed(block)
            except EventTooLarge as error:
                self._unreadable(str(error))
            yield from events

    def _complaint(self, answer: HTTPAnswer) -> str:
        """The words of a server that refuses. One that sends them too slowly is not waited for."""
        return answer.beginning(_MAX_ERROR_BYTES, self._call.read_timeout)

    def _parse(self, data: str) -> Chunk:
        try:
            chunk = parse_chunk(data)
        except ValueError as error:
            self._unreadable(f"{error}: {data}")
        if chunk.error is not None:
            self._errors.refuse_in_band(chunk.error)
        return chunk

    def _unreadable(self, detail: str) -> NoReturn:
        message = "The model's server sent something that is no part of an answer."
        self._errors.fail("provider_answer", message, detail)

    def _ended_early(self) -> NoReturn:
        if self._call.aborted:
            raise CallAborted("aborted")
        message = "The model's server ended the answer before its end."
        self._errors.fail("truncated", message, "the body ended without [DONE]")


def _deltas(chunks: Iterable[Chunk]) -> Iterator[Piece]:
    finish_reason, usage = "stop", None
    for chunk in chunks:
        if chunk.text:
            yield chunk.text
        finish_reason = chunk.finish_reason or finish_reason
        usage = chunk.usage or usage
    yield usage_of(usage, finish_reason)
