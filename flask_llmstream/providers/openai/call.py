"""``OpenAICall``: one call to a server with OpenAI's API, its answer read as it comes."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Generator, Iterable, Iterator, NoReturn, Optional, Tuple

from ...errors import EventTooLarge
from ...http.call import CallAborted, CallError, CallTimedOut, HTTPAnswer, HTTPCall
from ...http.charset import text_of
from ...sse.decoder import MessageEvent
from ..base import Piece
from ..upstream.body_kind import EVENT_STREAM, JSON, body_kind, suffices
from ..upstream.errors import UpstreamErrors
from ..upstream.retry_after import retry_after_in
from .alike import AlikeParts
from .answer import Answer
from .chunk import MAX_PART_BYTES, is_cut, is_done, parse_part
from .events import events_of
from .failure import failure_told, is_notice, tells_failure

_MAX_ERROR_BYTES = 256 * 1024
_MAX_SHOWN = 1000


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
                yield from self._pieces(self._call.open())
        except CallError as error:
            self._errors.fail_call(error)
        except EventTooLarge as error:
            self._too_large(str(error))

    def _pieces(self, http: HTTPAnswer) -> Iterator[Piece]:
        if not 200 <= http.status < 300:
            self._errors.refuse(http.status, self._complaint(http), retry_after_in(http.headers))
        answer = Answer()
        kind = body_kind(http.start(suffices), http.headers.get("Content-Type", ""))
        if kind == EVENT_STREAM:
            yield from self._streamed(http.blocks(), answer)
        elif kind == JSON:
            yield from self._whole(http.blocks(), answer)
        else:
            self._errors.refuse_body(self._complaint(http), http.headers)
        if not answer.has_said_anything:
            message = "The model's server ended its answer, and had said nothing."
            self._errors.fail("provider_answer", message, "there was no text and no finish_reason")
        if answer.breaks_off:
            self._ended_early("it ended inside a call of a tool, without a finish_reason")
        yield answer.usage
        http.finish()

    def _streamed(self, blocks: Iterable[bytes], answer: Answer) -> Iterator[Piece]:
        """The pieces in an event stream, up to ``[DONE]``.

        A server may leave ``[DONE]`` out once it has said why the model stopped. A body that ends
        without either was cut off, even if the connection was closed in good order.
        """
        alike = AlikeParts(answer.reader)
        for event in events_of(blocks, MAX_PART_BYTES):
            piece = alike.piece_in(event.data) if event.event == "message" else None
            if piece is not None:
                yield piece
                continue
            if event.event != "message" and tells_failure(event.event):
                self._errors.refuse_in_band(failure_told(event.data))
            if event.data[:1] != "{" and is_done(event.data):
                return
            part = self._part(event)
            pieces = self._read(part, answer)
            alike.learn(event.data, part, pieces)
            yield from pieces
            self._check(answer)
        if answer.finish_reason is None:
            self._ended_early("the body ended without [DONE]")

    def _read(self, part: Any, answer: Answer) -> Tuple[Piece, ...]:
        try:
            return answer.read(part)
        except ValueError as error:
            self._unreadable(error, str(part))

    def _check(self, answer: Answer) -> None:
        if answer.failure is not None:
            self._errors.refuse_in_band(answer.failure)

    def _part(self, event: MessageEvent) -> Any:
        """The part in an event; ``None`` where it is a keep-alive or something of another kind."""
        try:
            return parse_part(event.data)
        except ValueError as error:
            words = event.data.strip(": ")
            is_of_answer = event.event == "message" or words[:1] == "{"
            if words and is_of_answer and not (is_notice(words) or is_notice(event.event)):
                self._unreadable(error, event.data)
            return None

    def _whole(self, blocks: Iterable[bytes], answer: Answer) -> Iterator[Piece]:
        """The pieces in the one part of an answer that is not streamed."""
        text, silence = self._text(blocks)
        try:
            part = parse_part(text)
        except ValueError as error:
            if silence is not None:
                raise silence
            if is_cut(error):
                self._ended_early("the JSON has no end")
            self._unreadable(error, text)
        yield from self._read(part, answer)
        self._check(answer)
        if not (isinstance(part, dict) and part.get("choices")):
            self._unreadable("there are no choices", text)

    def _text(self, blocks: Iterable[bytes]) -> Tuple[str, Optional[CallTimedOut]]:
        """The body, and the silence that ended it. The body may be whole all the same."""
        body, silence = bytearray(), None
        try:
            for block in blocks:
                body += block
                if len(body) > MAX_PART_BYTES:
                    self._too_large("the JSON is larger")
        except CallTimedOut as error:
            silence = error
        return text_of(bytes(body)), silence

    def _complaint(self, http: HTTPAnswer) -> str:
        """The words of a server that refuses. One that sends them too slowly is not waited for."""
        return http.beginning(_MAX_ERROR_BYTES, self._call.read_timeout)

    def _unreadable(self, error: object, text: str) -> NoReturn:
        message = "The model's server sent something that is no part of an answer."
        self._errors.fail("provider_answer", message, f"{error}: {text[:_MAX_SHOWN]}")

    def _too_large(self, detail: str) -> NoReturn:
        size = f"{MAX_PART_BYTES // 2**20} MiB"
        message = f"The model's server sent more than {size} in one piece."
        self._errors.fail("answer_too_large", message, detail)

    def _ended_early(self, detail: str) -> NoReturn:
        if self._call.aborted:
            raise CallAborted("aborted")
        message = "The model's server ended the answer before its end."
        self._errors.fail("truncated", message, detail)
