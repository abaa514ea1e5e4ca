"""``StreamReader``: reads a response of the test client, event by event."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Iterator, List, Mapping, Optional, cast

from werkzeug.datastructures import Headers
from werkzeug.test import Client
from werkzeug.wrappers import Response

from ..client.answers import AnswerEnd, AnswerReader
from ..client.decoder import MAX_EVENT_BYTES, AnswerDecoder, begins_answer
from ..client.errors import NotAnEventStream, ServerFailure, StreamTruncated
from ..client.failures import refused
from ..client.forms import OUR_ID
from ..sse.decoder import MessageEvent
from ..sse.text import whole


class StreamReader:
    """Reads what a view streams to the test client, and understands it as ``EventSource`` does.

    Each ``next()`` waits for an event, and gives it. The event ``opened``, which brings only an ID,
    is read and not given. A ``with`` block that ends early :meth:`leaves <leave>`::

        with StreamReader(client.get("/words")) as reader:
            assert next(reader).event == "message"

    :param response: of a test client of Flask or Werkzeug; not ``buffered``, where it has no end.
    :ivar response: the response, or that of the last :meth:`resume`.
    :ivar last_event_id: the ID of the last event that was read; ``""`` where none had one.
    :raises ServerFailure: the response has the status of a failure, before its first event.
    :raises NotAnEventStream: the response is no stream, nor JSON.
    :raises TypeError: it is no response of a test client.
    """

    def __init__(self, response: Response) -> None:
        self.last_event_id = ""
        self._answer = AnswerReader()
        self._events: List[MessageEvent] = []
        self._text = ""
        self._is_over = False
        self._open(response)

    @property
    def stream_id(self) -> Optional[str]:
        """The ID of the stream at the application; ``None`` where it is not kept."""
        return self.response.headers.get("X-Stream-ID")

    @property
    def text_so_far(self) -> str:
        """The text of the events that were read."""
        return whole(self._text)

    @property
    def ending(self) -> Optional[AnswerEnd]:
        """The end of the answer: its reason and its usage. ``None`` while it goes on, where it
        failed, where the reader has left before, and for a stream whose form tells no end."""
        if self.failure or self._answer.is_empty or not self._answer.is_over:
            return None
        return self._answer.end()

    @property
    def failure(self) -> Optional[ServerFailure]:
        """The failure that ended the answer, as a reader is told it; ``None`` for none."""
        return self._answer.failure or (self._answer.trouble if self._is_over else None)

    def __enter__(self) -> StreamReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def __iter__(self) -> Iterator[MessageEvent]:
        return self

    def __next__(self) -> MessageEvent:
        is_first = self.last_event_id == ""
        event = self._take()
        if is_first and event.event == "opened" and OUR_ID.fullmatch(event.id):
            event = self._take()
        self._events.append(event)
        return event

    def events(self) -> List[MessageEvent]:
        """Read to the end, and return all events from the first one on, over all connections. A
        failure is an event as well, and is not raised: see :attr:`failure`."""
        for _ in self:
            continue
        return self._events.copy()

    def text(self) -> str:
        """Read to the end, and return the whole text, over all connections.

        The forms are those of :meth:`flask_llmstream.EventSource.text`. In others, read the events.

        :raises ServerFailure: the answer failed.
        :raises StreamTruncated: it has no end, or is in another form, or the reader has left.
        """
        self.events()
        if self.failure is not None:
            raise self.failure
        if self.ending is None:
            self._check_whole()
        return self.text_so_far

    def leave(self) -> None:
        """Close the response, as the server does when its client has left. What the reader has not
        taken is lost. At the end, and a second time, it does nothing."""
        if not self._is_over:
            self._has_left = self._is_over = True
            self._waiting.clear()
            self.response.close()

    def drop_after(self, count: int) -> List[MessageEvent]:
        """Read so many events more. Then the connection breaks: the reader :meth:`leaves <leave>`.

        :returns: these events.
        :raises ValueError: ``count`` is no number from 0, or the stream has ended before.
        """
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"count: has to be a number from 0, not {count!r}")
        events = list(islice(self, count))
        if len(events) < count:
            raise ValueError(f"count: the stream had only {len(events)} events more")
        self.leave()
        return events

    def resume(self, client: Client, path: str, **request: Any) -> None:
        """Come back behind the last event that was read, by a GET with its ``Last-Event-ID``.

        :param client: the test client.
        :param path: the view's own path, or that of the kept stream, ``/v1/chat/streams/<id>``.
        :param request: the other arguments of the client's ``get``.
        :raises ServerFailure: the stream can't be had: the status is 404, 410 …
        """
        self.leave()
        headers = Headers(request.pop("headers", None))
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        self._open(client.get(path, headers=headers, **request))

    def _open(self, response: Response) -> None:
        blocks = _blocks_of(response)
        first = _first_block(response, blocks)
        self.response = response
        self._blocks = blocks
        self._decoder = AnswerDecoder(MAX_EVENT_BYTES, self.last_event_id)
        self._waiting = deque(self._decoder.feed(first))
        self._has_left = False
        self._is_over = False
        self._is_cut = False

    def _take(self) -> MessageEvent:
        while not self._waiting:
            if self._is_over:
                raise StopIteration
            self._read_block()
        event = self._waiting.popleft()
        self._answer.read(event)
        self._text += self._answer.text
        self.last_event_id = event.id
        return event

    def _read_block(self) -> None:
        block = next(self._blocks, None)
        self._waiting.extend(self._decoder.end() if block is None else self._decoder.feed(block))
        if block is None:
            self._is_over = True
            self._is_cut = self._decoder.is_within_event
            self.response.close()

    def _check_whole(self) -> None:
        if self._has_left:
            raise StreamTruncated("The reader has left before the end of the answer.")
        if self._answer.is_empty:
            words = f"None of the {len(self._events)} events was text in a form that text() reads."
            raise StreamTruncated(words, code="no_answer")
        if self._answer.has_an_end or self._is_cut:
            raise StreamTruncated("The stream ended before its answer was complete.")


def _blocks_of(response: Any) -> Iterator[bytes]:
    if not hasattr(response, "iter_encoded"):
        raise TypeError(f"response: has to be a test client's response, not {response!r:.60}")
    return iter(response.iter_encoded())


def _first_block(response: Response, blocks: Iterator[bytes]) -> bytes:
    """The beginning of a body, for which the test client has waited already."""
    if response.status_code >= 300:
        reason = response.status.partition(" ")[2]
        headers = cast("Mapping[str, str]", response.headers)
        body = response.get_data(as_text=True)
        response.close()
        raise refused(response.status_code, reason, headers, body)
    first = next(blocks, b"")
    is_stream = response.mimetype == "text/event-stream" or response.status_code == 204
    if not (is_stream or begins_answer(first)):
        response.close()
        raise NotAnEventStream(
            f"The response is no event stream: its type is {response.mimetype!r}, and it begins "
            f"with {first[:60]!r}.",
            status=response.status_code,
        )
    return first


def read(response: Response) -> StreamReader:
    """Read a response to its end.

    :returns: its reader, for the ``text()``, the ``ending`` or the ``failure``.
    :raises ServerFailure, NotAnEventStream: as :class:`StreamReader` does.
    """
    reader = StreamReader(response)
    reader.events()
    return reader
