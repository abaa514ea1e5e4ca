"""The response of a reader who comes back: the log of a stream, from the event that it has on.

Such a reader is an ordinary stream, whose source is the log. So its heartbeats, its limits and its
departure are those of every stream.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Iterator, Optional

from ..app.current import Current
from ..errors import RequestError, StreamGone
from ..formats import EventStreamFormat
from ..log import log as library_log
from ..records import Ending, Summary
from ..replay.base import GAP_NUMBER, Reading, StreamHead
from ..replay.event_log import End, EventLog
from ..replay.numbering import ending_behind
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.wakeup import Wakeup
from ..stream.ids import LastEvent, last_event_of
from ..stream.options import StreamOptions
from ..stream.stream import Stream
from .streams import FlaskHooks


class ReplayedFormat(EventStreamFormat):
    """The format of a stream from the log: its bytes have been made before.

    :param head: the stream's.
    :param is_whole: whether it is read from its opening on.
    """

    def __init__(self, head: StreamHead, is_whole: bool) -> None:
        self.content_type = head.content_type
        self.headers = head.headers
        self._is_whole = is_whole

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        return b"" if self._is_whole else super().opening(comment, event_id)

    def item(self, item: Any) -> bytes:
        return item  # type: ignore[no-any-return]

    def ending(self, ending: Ending, event_id: Optional[str]) -> bytes:
        return b""


class ReplaySource:
    """Gives the bytes of a stream from the log: what was kept, then what comes.

    :param reading: is closed with it.
    :param last: the last event that the reader has; ``None``: it wants the stream from its opening
        on.
    """

    def __init__(self, reading: Reading, last: Optional[LastEvent]) -> None:
        self._reading = reading
        self._last = last
        self._wakeup: Optional[Wakeup] = None
        self._is_aborted = False

    @property
    def is_local(self) -> bool:
        """Whether the producer is in this process."""
        return self._reading.is_local

    def __iter__(self) -> Iterator[bytes]:
        with closing(wakeup_of_the_caller()) as wakeup:
            self._wakeup = wakeup
            yield from self._blocks(self._reading.log, wakeup)

    def _blocks(self, log: EventLog, wakeup: Wakeup) -> Iterator[bytes]:
        after = _number(self._last)
        if self._last is None:
            yield self._reading.head.opening
        while not self._is_aborted:
            block = log.read(after)
            if block is not None:
                yield self._gap(block.lost) + block.events if block.lost else block.events
                after = block.last
            elif log.end is not None and after >= log.end.number:
                yield self._ending(log.end)
                return
            else:
                log.wait(after, wakeup)

    def _ending(self, end: End) -> bytes:
        """The bytes of the end that the reader lacks."""
        return ending_behind(end.frame, (self._last and self._last.of_ending) or 0)

    def _gap(self, lost: int) -> bytes:
        """The bytes that tell of lost events.

        :raises StreamGone: the stream's format has none.
        """
        gap = self._reading.head.gap
        if not gap:
            raise gone("evicted")
        return gap.replace(GAP_NUMBER, b"%d" % lost)

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


_ALL = 10**16
"""No event has so high a number."""


def _number(last: Optional[LastEvent]) -> int:
    """The number of the last event that a reader has; 0 for none."""
    if last is None:
        return 0
    return _ALL if last.number is None else last.number  # in the end, it has all events


_GONE = {
    "evicted": "A part of this answer is kept no more.",
    "replaced": "This answer was lost, and made anew.",
}


def gone(code: str) -> StreamGone:
    """The error for a reader that lacks what is kept no more."""
    return StreamGone(_GONE[code], code=code)


class ReplayHooks(FlaskHooks):
    """The hooks of a reader of the log. The stream itself reports its end, where it is produced."""

    def hears(self, stream: Stream) -> bool:
        """Whether there is anything to log."""
        return stream.error is not None and stream.reason == "error"

    def finished(self, stream: Stream, summary: Summary) -> None:
        """Log a failure to read."""
        library_log.warning("stream %s: its log can't be read on: %s", stream.id, summary.error)


class ReadingStream(Stream):
    """The stream of a reader of the log. Its source says whether the producer is in this process.
    """

    __slots__ = ()

    def shut_down(self) -> None:
        """End it, and have the reader come back. Not where the producer is in this process, which
        ends, too: its end comes through the log."""
        source: Any = self._source
        if not source.is_local:
            super().shut_down()

    def send_off(self) -> None:
        """End this connection, and have the reader come back."""
        super().shut_down()


def replay_stream(
    here: Current,
    stream_id: str,
    reading: Reading,
    last: Optional[LastEvent],
    options: StreamOptions,
) -> Stream:
    """Make the stream of a reader of the log.

    :param reading: the log. It is closed with the stream.
    :param last: the last event that it has; ``None``: it wants the stream from its opening on.
    :param options: those of the application; only heartbeat, ``send_timeout`` and ``max_lifetime``
        count.
    :raises StreamGone: what the reader lacks is kept no more.
    """
    try:
        _check(reading, last)
    except StreamGone:
        reading.close()
        raise
    format = ReplayedFormat(reading.head, last is None)
    format.stream_id = stream_id
    return reading_stream(here, ReplaySource(reading, last), format, options)


def reading_stream(
    here: Current, source: Any, format: ReplayedFormat, options: StreamOptions
) -> Stream:
    """Make the stream of a reader from the source of its bytes."""
    own = StreamOptions(
        heartbeat=options.heartbeat,
        max_lifetime=options.max_lifetime,
        send_timeout=options.send_timeout,
        worker=options.worker,
        reconnect="restart",
    )
    name = "the log of a stream"
    return ReadingStream(format.stream_id, name, source, format, own, ReplayHooks(here))


def _check(reading: Reading, last: Optional[LastEvent]) -> None:
    """
    :raises StreamGone: the events behind the last one are kept no more.
    """
    if last is not None and last.number and last.run != reading.log.run:
        raise gone("replaced")
    if not reading.head.gap and _number(last) < reading.log.first - 1:
        raise gone("evicted")


def asked_from(stream_id: str, last_event_id: str) -> Optional[LastEvent]:
    """The last event that a reader of this stream has; ``None`` for a new reader.

    :param last_event_id: what it sends; ``""`` for nothing.
    :raises RequestError: that is no event's ID of this stream.
    """
    last = last_event_of(last_event_id)
    if last_event_id and (last is None or last.stream_id != stream_id):
        raise RequestError("is no event of this stream", field="Last-Event-ID")
    return last
