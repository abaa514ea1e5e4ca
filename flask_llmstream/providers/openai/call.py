"""``OpenAICall``: one call to a server with OpenAI's API, its answer read as it comes."""

from __future__ import annotations

from typing import Any, Generator, Iterable, Iterator, Tuple

from ...http.call import HTTPCall
from ...sse.decoder import MessageEvent
from ..base import Piece
from ..upstream.body_kind import EVENT_STREAM
from ..upstream.errors import UpstreamErrors
from ..upstream.in_band import failure_told, is_notice, tells_failure
from ..upstream.part import is_done, parse_part
from ..upstream.reading import Reading
from .alike import AlikeParts
from .answer import Answer


class OpenAICall:
    """One call, and its answer in deltas.

    :param call: is opened when the deltas begin, and closed when they end.
    :param errors: makes the errors of the call.
    """

    def __init__(self, call: HTTPCall, errors: UpstreamErrors) -> None:
        self._reading = Reading(call, errors)

    def deltas(self) -> Generator[Piece, None, None]:
        """Make the call; the deltas of its answer, then its usage.

        :raises ProviderError: the server did something wrong, or the call was aborted.
        """
        answer = Answer()
        with self._reading.opened() as (kind, blocks):
            read = self._streamed if kind == EVENT_STREAM else self._whole
            yield from read(blocks, answer)
            if not answer.has_said_anything:
                self._reading.silent("there was no text and no finish_reason")
            if answer.breaks_off:
                self._reading.ended_early("a call of a tool has no end, nor a finish_reason")
            yield answer.usage

    def _streamed(self, blocks: Iterable[bytes], answer: Answer) -> Iterator[Piece]:
        """The pieces in an event stream, up to ``[DONE]``.

        A server may leave ``[DONE]`` out once it has said why the model stopped. A body that ends
        without either was cut off, even if the connection was closed in good order.
        """
        alike = AlikeParts(answer.reader)
        for event in self._reading.events(blocks):
            piece = alike.piece_in(event.data) if event.event == "message" else None
            if piece is not None:
                yield piece
                continue
            if event.event != "message" and tells_failure(event.event):
                self._reading.failed(failure_told(event.data))
            if event.data[:1] != "{" and is_done(event.data):
                return
            part = self._part(event)
            pieces = self._read(part, answer)
            alike.learn(event.data, part, pieces)
            yield from pieces
            self._check(answer)
        if answer.finish_reason is None:
            self._reading.ended_early("the body ended without [DONE]")

    def _read(self, part: Any, answer: Answer) -> Tuple[Piece, ...]:
        try:
            return answer.read(part)
        except ValueError as error:
            self._reading.unreadable(error, str(part))

    def _check(self, answer: Answer) -> None:
        if answer.failure is not None:
            self._reading.failed(answer.failure)

    def _part(self, event: MessageEvent) -> Any:
        """The part in an event; ``None`` where it is a keep-alive or something of another kind."""
        try:
            return parse_part(event.data)
        except ValueError as error:
            words = event.data.strip(": ")
            is_of_answer = event.event == "message" or words[:1] == "{"
            if words and is_of_answer and not (is_notice(words) or is_notice(event.event)):
                self._reading.unreadable(error, event.data)
            return None

    def _whole(self, blocks: Iterable[bytes], answer: Answer) -> Iterator[Piece]:
        """The pieces in the one part of an answer that is not streamed."""
        part = self._reading.whole(blocks)
        yield from self._read(part, answer)
        self._check(answer)
        if not (isinstance(part, dict) and part.get("choices")):
            self._reading.unreadable("there are no choices", str(part))
