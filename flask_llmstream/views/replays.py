"""The response of a reader who comes back: the log of a stream, from the event that it has on.

Such a reader is an ordinary stream, whose source is the log. So its heartbeats, its limits and its
departure are those of every stream.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Optional

from ..app.current import Current
from ..app.state import state_of
from ..errors import RequestError, StreamGone, UnknownStream
from ..formats import EventStreamFormat
from ..log import log as library_log
from ..records import Ending, Summary
from ..replay.base import GAP_NUMBER, Reading, StreamHead
from ..replay.event_log import EventLog
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.wakeup import Wakeup
from ..stream.ids import LastEvent, last_event_of
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from .streams import FlaskHooks


class Position(NamedTuple):
    """Where a reader goes on.

    :ivar number: the number of the last event that it has; ``None``: it wants the stream from its
        opening on.
    :ivar run: the number of the run that the event is of.
    """

    number: Optional[int] = None
    run: int = 1


START = Position()


class ReplayedFormat(EventStreamFormat):
    """The format of a stream from the log: its bytes have been made before.

    :param head: the stream's.
    """

    def __init__(self, head: StreamHead) -> None:
        self.content_type = head.content_type
        self.headers = head.headers

    def item(self, item: Any) -> bytes:
        return item  # type: ignore[no-any-return]

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b""


class ReplaySource:
    """Gives the bytes of a stream from the log: what was kept, then what comes.

    :param reading: is closed with it.
    """

    def __init__(self, reading: Reading, position: Position) -> None:
        self._reading = reading
        self._position = position
        self._wakeup: Optional[Wakeup] = None
        self._is_aborted = False

    def __iter__(self) -> Iterator[bytes]:
        head, log, after = self._reading.head, self._reading.log, self._position.number
        if after is None:
            after = 0
            yield head.opening
        while not self._is_aborted:
            block = log.read(after)
            if block is not None:
                yield _gap(head, block.lost) + block.events if block.lost else block.events
                after = block.last
            elif log.end is not None and after >= log.end.number:
                yield log.end.frame
                return
            else:
                self._wait(log, after)

    def _wait(self, log: EventLog, after: int) -> None:
        if self._wakeup is None:
            self._wakeup = wakeup_of_the_caller()
        if not self._is_aborted:  # ``abort`` looks in the other order
            log.wait(after, self._wakeup)

    def abort(self) -> None:
        """Let the iteration end. Called from anywhere."""
        self._is_aborted = True
        if self._wakeup is not None:
            self._wakeup.set()

    def close(self) -> None:
        """The reader has left."""
        self._reading.close()

    def __del__(self) -> None:
        self._reading.close()


def _gap(head: StreamHead, lost: int) -> bytes:
    """The bytes that tell of lost events.

    :raises StreamGone: the stream's format has none.
    """
    if not head.gap:
        raise StreamGone("A part of this answer is kept no more.", code="evicted")
    return head.gap.replace(GAP_NUMBER, b"%d" % lost)


class ReplayHooks(FlaskHooks):
    """The hooks of a reader of the log. The stream itself reports its end, where it is produced."""

    def hears(self, stream: Stream) -> bool:
        """Whether there is anything to log."""
        return stream.error is not None and stream.reason == "error"

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Log a failure to read."""
        library_log.warning("stream %s: its log can't be read on: %s", stream.id, summary.error)


class ReadingStream(Stream):
    """The stream of a reader of the log.

    :ivar is_local: whether the producer is in this process.
    """

    __slots__ = ("is_local",)

    is_local: bool

    def shut_down(self) -> None:
        """End it, and have the reader come back. Not where the producer is in this process, which
        ends, too: its end comes through the log."""
        if not self.is_local:
            super().shut_down()


def replay_stream(
    here: Current, stream_id: str, position: Position, options: StreamOptions
) -> Stream:
    """Make the stream of a reader of the log.

    :param options: those of the application; only heartbeat and ``send_timeout`` count.
    :raises UnknownStream: the log has no such stream.
    :raises StreamGone: what the reader lacks is kept no more.
    """
    reading = state_of(here.app).replay.read(stream_id)
    if reading is None:
        raise UnknownStream()
    try:
        _check(reading, position)
    except StreamGone:
        reading.close()
        raise
    source = ReplaySource(reading, position)
    own = StreamOptions(
        heartbeat=options.heartbeat,
        send_timeout=options.send_timeout,
        worker=options.worker,
        reconnect="restart",
    )
    format = ReplayedFormat(reading.head)
    format.stream_id = stream_id
    name = "the log of a stream"
    stream = ReadingStream(stream_id, name, source, format, own, ReplayHooks(here))
    stream.is_local = reading.is_local
    return stream


def _check(reading: Reading, position: Position) -> None:
    """
    :raises StreamGone: the events behind this position are kept no more.
    """
    log, number = reading.log, position.number
    if number and position.run != log.run:
        raise StreamGone("This answer was lost, and made anew.", code="replaced")
    if not reading.head.gap and (number or 0) < log.first - 1:
        raise StreamGone("A part of this answer is kept no more.", code="evicted")


def position_of(last: Optional[LastEvent]) -> Position:
    """Where a reader goes on who has this event.

    :raises StreamGone: 204, it has the end.
    """
    if last is None:
        return START
    if last.number is None:
        raise StreamGone("This answer has ended.", code="ended", status=204)
    return Position(last.number, last.run)


def asked_position(stream_id: str, last_event_id: str) -> Position:
    """Where a reader of this stream goes on.

    :param last_event_id: what it sends; ``""`` for nothing.
    :raises RequestError: that is no event's ID of this stream.
    :raises StreamGone: 204, it has the end.
    """
    last = last_event_of(last_event_id)
    if last_event_id and (last is None or last.stream_id != stream_id):
        raise RequestError("is no event of this stream", field="Last-Event-ID")
    return position_of(last)
