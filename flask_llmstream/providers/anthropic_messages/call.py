"""``AnthropicCall``: one call to a server with the Messages API, its answer read as it comes."""

from __future__ import annotations

from typing import Any, Generator, Iterable, Iterator, Optional, Tuple

from ...http.call import HTTPCall
from ...sse.decoder import MessageEvent
from ..base import Piece
from ..upstream.body_kind import EVENT_STREAM
from ..upstream.errors import UpstreamErrors
from ..upstream.in_band import failure_told, is_notice, tells_failure
from ..upstream.part import is_cut, is_done, parse_part
from ..upstream.reading import Reading
from .answer import Answer


class AnthropicCall:
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
        with self._reading.opened() as (kind, blocks):
            parts = self._streamed(blocks) if kind == EVENT_STREAM else self._whole(blocks)
            yield from self._pieces(parts)

    def _pieces(self, parts: Iterable[Any]) -> Iterator[Piece]:
        answer = Answer()
        for part in parts:
            try:
                news = answer.read(part)
            except ValueError as error:
                self._reading.unreadable(error, str(part))
            if news.__class__ is str:
                if news:
                    yield news
            else:
                yield from news
            if answer.failure is not None:
                self._reading.failed(answer.failure)
            if answer.is_whole:
                break
        else:
            self._reading.ended_early("the body ended without message_stop")
        if not answer.has_said_anything:
            self._reading.silent("there was no content and no stop_reason")
        yield answer.usage

    def _streamed(self, blocks: Iterable[bytes]) -> Iterator[Any]:
        """The values of the events. One whose JSON lacks its end is the last of a cut answer."""
        cut: Optional[Tuple[ValueError, str]] = None
        for event in self._reading.events(blocks):
            if cut is not None:
                self._reading.unreadable(*cut)
            if event.event == "error" or (event.data == "" and tells_failure(event.event)):
                self._reading.failed(failure_told(event.data))
            if event.data[:1] != "{" and is_done(event.data):
                return
            try:
                yield parse_part(event.data)
            except ValueError as error:
                if not _is_keep_alive(event):
                    cut = error, event.data
        if cut is not None and not is_cut(cut[0]):
            self._reading.unreadable(*cut)

    def _whole(self, blocks: Iterable[bytes]) -> Iterator[Any]:
        """An answer that is not streamed, in the two events that say as much."""
        message = self._reading.whole(blocks)
        if not isinstance(message, dict) or message.get("type") != "message":
            yield message
            self._reading.unreadable("there is no message", str(message))
        yield {"type": "message_start", "message": message}
        yield {"type": "message_stop"}


def _is_keep_alive(event: MessageEvent) -> bool:
    words = event.data.strip(": ")
    return not words or is_notice(words) or is_notice(event.event)
