"""``EventSource``: reads an event stream, and comes back to it."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, Iterator, List, Mapping, Optional

from gevent.monkey import is_module_patched
from requests import Response, Session

from ..http.connecting import Sockets
from ..runtime.atomic import try_pop
from ..runtime.threads import get_ident
from ..sse.decoder import MessageEvent
from ..sse.text import LONE, without_half
from .answers import AnswerEnd
from .checks import (
    checked_backoff,
    checked_function,
    checked_id,
    checked_session,
    checked_tries,
)
from .deadlines import Deadlines
from .decoder import MAX_EVENT_BYTES, AnswerDecoder
from .errors import EventSourceError, StreamTruncated
from .reading import Policy, Reading
from .reconnecting import Backoff
from .requesting import Requesting


class EventSource:
    """Reads an event stream, and reconnects where that brings what is missing.

    Nothing is sent before the first event is asked for. Each error comes from the iteration::

        with EventSource(url, json={"prompt": "Hello"}) as source:
            for text in source.text():
                print(text, end="")
        source.ending.reason

    One thread or greenlet, the reader, iterates. Any may :meth:`close`.

    :param url: an address that a requests session can ask.
    :param method: Default: ``POST`` where there is ``json`` or ``data``, else ``GET``.
    :param json: sent as JSON.
    :param data: sent as requests sends it: bytes, a text or a form.
    :param params: added to the query, as by requests.
    :param headers: take the place of this class's own: ``Accept: text/event-stream``,
        ``Accept-Encoding: identity`` and ``Cache-Control: no-store``.
    :param session: a requests session of yours: its cookies, auth, proxies, certificates, hooks and
        adapters are used. It stays open, and its kept connections are left alone. Default: a new
        one.
    :param last_event_id: the event behind which to begin. Default: the stream's start.
    :param feed: the stream is no answer of a model: whatever its events say, none ends it, and none
        is an error. Default: an event may end the reading, see :meth:`text`.
    :param connect_timeout: seconds for a connection; ``None``: no bound. Default: 10.
    :param alive_timeout: seconds without a byte, heartbeats included, after which a connection is
        dead. Default: 45, three heartbeats of this package's servers; ``None``: no bound.
    :param progress_timeout: seconds without an event, while one is waited for. Default: no bound.
    :param streams: where the server keeps its answers, relative to ``url``, with a slash at the
        end. Default: where the response says, by ``Content-Location``; else ``streams/``.
    :param repeat_post: send the POST again where no other way brings the rest, also before its
        first answer. Only for a server that does not do twice what it is asked twice, by an
        ``Idempotency-Key`` for example. Default: a POST is never repeated.
    :param max_tries: so many connections in a row may bring no event, unless they last 45 s or the
        server asks to come back later; ``None``: any number; 0: never reconnect. Default: 10.
    :param backoff: the pause before each of them.
    :param max_event_bytes: the most bytes of one event. Default: 16 MiB.
    :param on_bytes: called with each piece of the body as it came. The loop raises what it raises.
    :param on_reconnect: called before each pause, with the error and the seconds of the pause.
    :param clock: returns seconds. Default: ``time.monotonic``.
    :raises ValueError: an argument that can't work; the message names it.
    """

    def __init__(
        self,
        url: str,
        *,
        method: Optional[str] = None,
        json: Any = None,
        data: Any = None,
        params: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        session: Optional[Session] = None,
        last_event_id: str = "",
        feed: bool = False,
        connect_timeout: Optional[float] = 10.0,
        alive_timeout: Optional[float] = 45.0,
        progress_timeout: Optional[float] = None,
        streams: Optional[str] = None,
        repeat_post: bool = False,
        max_tries: Optional[int] = 10,
        backoff: Optional[Backoff] = None,
        max_event_bytes: int = MAX_EVENT_BYTES,
        on_bytes: Optional[Callable[[bytes], object]] = None,
        on_reconnect: Optional[Callable[[EventSourceError, float], object]] = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        AnswerDecoder(max_event_bytes)  # raises where it is none
        policy = Policy(
            checked_tries(max_tries),
            checked_backoff(backoff),
            max_event_bytes,
            checked_function("on_bytes", on_bytes),
            checked_function("on_reconnect", on_reconnect),
            feed,
        )
        self._requests = Requesting(method, url, json, data, params, headers, streams, repeat_post)
        self._deadlines = Deadlines(connect_timeout, alive_timeout, progress_timeout, clock)
        self._sockets = Sockets()
        self._reading = Reading(
            self._requests,
            checked_session(session),
            self._sockets,
            self._deadlines,
            policy,
            checked_id(last_event_id),
            clock,
        )
        # Only the holder of the token runs the generator: to read, or to end it.
        self._token: List[bool] = [True]
        self._reader: Optional[int] = None
        self._has_broken = False
        self._events = self._reading.events()

    @property
    def last_event_id(self) -> str:
        """The ID of the last event that the reader has. Another reader can go on behind it."""
        return self._reading.last_event_id

    @property
    def retry(self) -> Optional[int]:
        """The reconnection time that the stream gave, in milliseconds; ``None`` without one."""
        return self._reading.retry

    @property
    def response(self) -> Optional[Response]:
        """The response of the connection, or of the last one; ``None`` before the first."""
        return self._reading.response

    @property
    def ending(self) -> Optional[AnswerEnd]:
        """The end of the answer. ``None`` while it goes on, where it failed, where the reading was
        closed before, and for a stream whose form is not known (see :meth:`text`)."""
        return self._reading.ending

    @property
    def stream_id(self) -> Optional[str]:
        """The ID of the answer at its server; ``None`` where the server does not keep it."""
        return self._requests.stream_id

    @property
    def stream_url(self) -> Optional[str]:
        """Where the server keeps the answer: for another reader, or to ``DELETE`` it."""
        return self._requests.stream_url

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._sockets.aborted

    def __enter__(self) -> EventSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._clean()

    def close(self) -> None:
        """End the reading at once, wherever it waits. The loop ends without an error.

        Any thread or greenlet may call it, and a signal's handler. It returns at once and raises
        nothing. A second call does nothing. The connection ends now. If another thread reads, the
        objects of the connection are freed when that thread leaves its loop or its ``with`` block.
        """
        self._sockets.aborted = True
        self._sockets.hang_up()
        # gevent's sockets belong to the hub of their reader.
        if get_ident() == self._reader or not is_module_patched("socket"):
            self._clean()

    def __iter__(self) -> Iterator[MessageEvent]:
        return self

    def __next__(self) -> MessageEvent:
        """The next event.

        :raises EventSourceError: see its subclasses. A reader whose loop was broken off by any
            error or interrupt raises ``StreamTruncated`` when it is asked again.
        :raises EventTooLarge: an event is larger than ``max_event_bytes``.
        :raises RuntimeError: another thread or greenlet reads.
        """
        if self.closed:
            raise StopIteration
        if self._has_broken:
            raise StreamTruncated("An error has broken off the reading before; begin a new one.")
        if not try_pop(self._token):
            raise RuntimeError("another thread or greenlet reads this stream")
        self._reader = get_ident()
        try:
            self._deadlines.begin()
            return next(self._events)
        except StopIteration:
            raise
        except BaseException as error:  # also an interrupt, behind which a loop may begin again
            self._has_broken = True
            if self._sockets.aborted and isinstance(error, Exception):
                raise StopIteration from None  # closing ends a wait with any error
            raise
        finally:
            # close() sets its mark, and then looks for the token. Either it finds the token here,
            # or its mark was set before the look at it below.
            self._token.append(True)
            if self._sockets.aborted:
                self._clean()

    def text(self) -> Iterator[str]:
        """The text of the answer, as it comes: that of the message format, of OpenAI's chunks, of
        JSON, and of bare ``data`` lines. The words of a refusal are text, too. UTF-8 can hold each
        piece: where a server cuts a character in two halves, the first waits for the second, and a
        half that stays alone becomes U+FFFD.

        :raises StreamTruncated: as the iteration does, and where the stream ends without an answer
            of these forms.
        """
        half = ""
        for _ in self:
            text, half = without_half(half + self._reading.answer.text)
            if text:
                yield text
        if half:
            yield LONE
        has_all = self.response is not None and self.response.status_code == 204
        if self._reading.answer.is_empty and not (has_all or self.closed):
            raise StreamTruncated(_no_answer(self._reading.received), code="no_answer")

    def _clean(self) -> None:
        """Free the connection, unless somebody runs the generator: that one does then."""
        if try_pop(self._token):
            try:
                self._events.close()
            finally:
                self._token.append(True)


def _no_answer(received: int) -> str:
    if not received:
        return "The server ended without an answer."
    return f"None of the {received} events was text in a form that text() reads; read the events."
