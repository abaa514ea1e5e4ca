"""``Reading``: the events of a stream, over all of its connections."""

from __future__ import annotations

from contextlib import closing
from typing import Callable, Generator, Iterable, Iterator, NamedTuple, Optional

from requests import Response, Session

from ..http.connecting import Sockets
from ..sse.decoder import MessageEvent
from .answers import AnswerEnd, AnswerReader, NoAnswer
from .connection import Connection, Request
from .deadlines import Deadlines
from .decoder import AnswerDecoder
from .errors import (
    ConnectionFailed,
    EventSourceError,
    NotAnEventStream,
    ServerFailure,
    StreamTruncated,
)
from .pausing import pause
from .reconnecting import Backoff, may_pass, told_by
from .requesting import Requesting

LONG = 45.0
"""Seconds: a connection that lasted as long was well, though a quiet stream had no event for it."""


class Policy(NamedTuple):
    """How a reader reads; each is an argument of :class:`~flask_llmstream.EventSource`."""

    max_tries: Optional[int]
    backoff: Backoff
    max_event_bytes: int
    on_bytes: Optional[Callable[[bytes], object]]
    on_reconnect: Optional[Callable[[EventSourceError, float], object]]
    feed: bool


class Reading:
    """Reads a stream to its end, on one thread or greenlet.

    :param requests: what is asked for.
    :param sockets: ends each wait; afterwards any error may come.
    :ivar answer: what the events say.
    :ivar received: the number of events.
    :ivar last_event_id, retry, response, ending: those of ``EventSource``.
    """

    def __init__(
        self,
        requests: Requesting,
        session: Session,
        sockets: Sockets,
        deadlines: Deadlines,
        policy: Policy,
        last_event_id: str,
        clock: Callable[[], float],
    ) -> None:
        self._requests = requests
        self._session = session
        self._sockets = sockets
        self._deadlines = deadlines
        self._policy = policy
        self._clock = clock
        self.last_event_id = last_event_id
        self.answer = NoAnswer() if policy.feed else AnswerReader()
        self.retry: Optional[int] = None
        self.response: Optional[Response] = None
        self.ending: Optional[AnswerEnd] = None
        self.received = 0
        self._has_opened = False
        self._has_all = False
        self._is_json = False
        self._is_sent_off = False

    def events(self) -> Generator[MessageEvent, None, None]:
        """The events, as they come."""
        request, tries = self._requests.first(self.last_event_id), 0
        while True:
            received, has_opened, begun = self.received, self._has_opened, self._clock()
            failure: Optional[EventSourceError] = None
            try:
                yield from self._connection(request)
            except EventSourceError as error:
                failure = error
            if self._has_ended(failure):
                return
            is_sent_off = failure is None and self._is_sent_off and self.received == received
            failure = failure or _ended(is_sent_off)
            was_long = isinstance(failure, StreamTruncated) and self._clock() - begun >= LONG
            tries = 0 if was_long or is_sent_off or self.received > received else tries
            following = self._following() if may_pass(failure) else None
            if following is None or tries == self._policy.max_tries:
                raise _unresumed(failure) if has_opened else failure
            self._pause(failure, tries)
            request, tries = following, tries + 1

    def _connection(self, request: Request) -> Iterator[MessageEvent]:
        """The events of one connection."""
        decoder = AnswerDecoder(self._policy.max_event_bytes, self.last_event_id)
        self._is_sent_off = False
        with closing(Connection(self._session, self._sockets, self._deadlines)) as connection:
            response = connection.open(request)
            self._learn(response)
            if self._has_all:
                return
            for events in self._decoded(connection, decoder):
                yield from self._taken(events, decoder)
                if self._is_done:
                    # An early leave would be a departure to the server, and not the end.
                    connection.finish()
                    return
            # Not by ``retry:`` alone: many servers begin each stream with it.
            self._is_sent_off = _says_when(response) and decoder.retry is not None

    def _learn(self, response: Response) -> None:
        self.response = response
        self._has_all = response.status_code == 204
        if response.status_code < 300 and not self._has_all:
            self._has_opened = True
            if not _says_when(response):  # else the stream that it names may never have run
                self._requests.learn(response)

    def _decoded(
        self, connection: Connection, decoder: AnswerDecoder
    ) -> Iterator[Iterable[MessageEvent]]:
        for piece in connection.pieces():
            if piece and self._policy.on_bytes is not None:
                self._policy.on_bytes(piece)
            events = decoder.feed(piece)
            self.retry = self.retry if decoder.retry is None else decoder.retry
            yield events
        yield decoder.end()  # it raises where the last event was too large
        self._is_json = decoder.has_bare_json
        if decoder.is_within_event:
            raise StreamTruncated("The body ended within an event.")

    def _taken(
        self, events: Iterable[MessageEvent], decoder: AnswerDecoder
    ) -> Iterator[MessageEvent]:
        for event in events:
            self.received += 1
            self.last_event_id = event.id
            self.answer.read(event)
            if self.answer.is_last and self.answer.failure is None and not self.answer.is_empty:
                self.ending = self.answer.end()
            yield event
            if self._is_done:
                return
        self.last_event_id = decoder.last_event_id

    @property
    def _is_done(self) -> bool:
        return self.answer.is_last or self.answer.failure is not None

    def _has_ended(self, failure: Optional[EventSourceError]) -> bool:
        """Whether nothing follows a connection.

        :raises ServerFailure: the server told a failure in the stream.
        """
        answer = self.answer
        if answer.failure is not None:
            raise answer.failure
        if not answer.is_empty and (answer.is_over or (self._has_all and answer.has_an_end)):
            self.ending = answer.end()
        if answer.is_over or self._has_all:
            return True
        if answer.trouble is not None:
            raise answer.trouble
        # Without a form, the end of a body is the end of what is asked for once, and of JSON.
        is_whole = failure is None and not answer.has_an_end
        is_asked_once = self._requests.stream_url is None and not self._requests.may_repeat
        return is_whole and (is_asked_once or (self._is_json and not self._policy.feed))

    def _following(self) -> Optional[Request]:
        if not (self._has_opened or self._requests.repeats_at_once):
            return None
        # A GET of ours without an ID is meant to run again: a clock, say. OpenAI's form has no IDs.
        is_get, answer = self._requests.is_get, self.answer
        runs_once = answer.has_chunks if is_get else answer.has_an_end
        return self._requests.next(self.last_event_id, self.received > 0 and runs_once)

    def _pause(self, failure: EventSourceError, tries: int) -> None:
        seconds = self._policy.backoff.seconds(tries, told_by(failure, self.retry))
        if self._policy.on_reconnect is not None:
            self._policy.on_reconnect(failure, seconds)
        pause(min(seconds, self._deadlines.left()), self._sockets)
        self._deadlines.left()  # raises where no event came for too long


def _says_when(response: Response) -> bool:
    """Whether a response says when to come back."""
    return "Retry-After" in response.headers


def _ended(is_sent_off: bool) -> StreamTruncated:
    """The error of a body that ended well, and before its answer.

    :param is_sent_off: whether the server has said when to come back, and nothing else.
    """
    if is_sent_off:
        message = "The server can't go on at the moment, and asks to come back later."
        return StreamTruncated(message, code="sent_off")
    return StreamTruncated("The stream ended before its answer was complete.")


def _unresumed(failure: EventSourceError) -> EventSourceError:
    """The error of a stream that had begun, and whose rest can't be had."""
    if not isinstance(failure, (ConnectionFailed, NotAnEventStream, ServerFailure)):
        return failure
    truncated = StreamTruncated(
        f"The stream broke, and could not be resumed: {failure}",
        code=failure.code if isinstance(failure, ConnectionFailed) else "not_resumed",
        status=failure.status,
        id=failure.id,
        retry_after=failure.retry_after,
    )
    truncated.__cause__ = failure
    return truncated
