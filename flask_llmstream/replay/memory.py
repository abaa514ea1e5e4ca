"""``MemoryStorage``: keeps streams in the memory of this process. A server with several processes
needs one that they share."""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from time import monotonic
from typing import Callable, Deque, Dict, List, Optional
from weakref import ReferenceType, ref

from ..errors import ReplayFull, StreamIsProduced
from ..runtime.atomic import try_pop
from .base import Limits, Listing, Reading, Recording, ReplayStorage, StreamHead
from .event_log import EventLog
from .expiring import Expiring

STOP_SECONDS = 60.0
"""How long a stream that has not begun stays stopped."""

NOTES_PER_STREAM = 10
"""How many notes are kept for each stream that may be."""

PLAIN_STREAMS = 100
"""How many of the streams that ended last are not compressed: a reader comes back soon."""

_PACK_STEPS = 8
"""How much is compressed at the end of another stream: a quarter of a MiB."""


class _Stream:
    """One stream that is kept.

    :ivar stops: ends its producer, until it was stopped or has ended.
    :ivar readings: those that are open.
    """

    __slots__ = ("head", "log", "stops", "readings")

    def __init__(self, head: StreamHead, log: EventLog, stop: Callable[[str], object]) -> None:
        self.head = head
        self.log = log
        self.stops = [stop]
        self.readings: List[object] = []


class MemoryRecording(Recording):
    """The producer's end of a stream in memory.

    :param ended: is called at the end.
    """

    __slots__ = ("log", "append", "_stream", "_ended")

    append: Callable[[bytes], None]  # type: ignore[assignment]

    def __init__(self, stream: _Stream, ended: Callable[[], object]) -> None:
        self.log = stream.log
        self.append = stream.log.appender()
        self._stream = stream
        self._ended = ended

    def finish(self, frame: bytes, reason: str) -> None:
        if self.log.finish(frame, reason):
            self._stream.stops.clear()
            self._ended()

    def is_read(self) -> bool:
        return bool(self._stream.readings)


class MemoryReading(Reading):
    """A reader's end of a stream in memory."""

    is_local = True

    def __init__(self, stream: _Stream) -> None:
        self.head = stream.head
        self.log = stream.log
        self.is_live = stream.log.end is None
        self._readings = stream.readings
        self._readings.append(self)

    def close(self) -> None:
        if self in self._readings:
            self._readings.remove(self)


class MemoryStorage(ReplayStorage):
    """Streams and notes of this process. Where it is full, the stream that ended first makes room.

    :param clock: tells the time in seconds.
    """

    def __init__(self, limits: Limits = Limits(), clock: Callable[[], float] = monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        expires, most, clock = self._limits.expires, self._limits.max_streams, self._clock
        self._process = os.getpid()
        self._running: Dict[str, _Stream] = {}
        self._ended = Expiring(expires, 0, clock)
        self._plain: Deque[ReferenceType[EventLog]] = deque()  # the oldest last
        self._stopped = Expiring(STOP_SECONDS, most, clock)
        self._notes = Expiring(expires, most * NOTES_PER_STREAM, clock)

    def record(
        self, stream_id: str, head: StreamHead, stop: Callable[[str], object]
    ) -> Recording:
        self._make_room()
        self._refuse_if_ended(stream_id)
        limits = self._limits
        log = EventLog(max_events=limits.max_events, max_bytes=limits.max_bytes)
        made = _Stream(head, log, stop)
        if self._running.setdefault(stream_id, made) is not made:
            raise StreamIsProduced(stream_id)
        try:
            self._refuse_if_ended(stream_id)  # it may have ended meanwhile
        except StreamIsProduced:
            self._running.pop(stream_id)
            log.finish(head.lost, "lost")  # for a reader who has just found this one
            raise
        if self._stopped.pop(stream_id):  # ``stop`` looks in the other order
            _cancel(made)
        return MemoryRecording(made, partial(self._end, stream_id))

    def _refuse_if_ended(self, stream_id: str) -> None:
        if self._ended.get(stream_id):
            raise StreamIsProduced(stream_id, has_ended=True)

    def _end(self, stream_id: str) -> None:
        stream = self._running.get(stream_id)
        if stream is not None:
            self._ended.set(stream_id, stream)  # first this: it is always in one of the two
            self._running.pop(stream_id, None)
            self._pack_later(stream.log)

    def _pack_later(self, log: EventLog) -> None:
        """Compress the log of an ended stream at the end of a later one. So most take little
        memory, and no end takes long."""
        self._plain.appendleft(ref(log))
        oldest = try_pop(self._plain) if len(self._plain) > PLAIN_STREAMS else None
        packed = None if oldest is None else oldest()
        if packed is not None and all(packed.pack() for _ in range(_PACK_STEPS)):
            self._plain.append(ref(packed))  # there is more of it

    def _make_room(self) -> None:
        self._begin_anew_if_forked()
        limit = self._limits.max_streams
        self._ended.expire()
        if limit and len(self._running) + len(self._ended) >= limit:
            if self._ended.pop_oldest() is None:
                raise ReplayFull()

    def _begin_anew_if_forked(self) -> None:
        if self._process != os.getpid():  # the streams are the parent's
            self._begin()

    def _stream(self, stream_id: str) -> Optional[_Stream]:
        self._begin_anew_if_forked()
        return self._running.get(stream_id) or self._ended.get(stream_id)

    def read(self, stream_id: str) -> Optional[Reading]:
        stream = self._stream(stream_id)
        return None if stream is None else MemoryReading(stream)

    def stop(self, stream_id: str) -> bool:
        if self._stream(stream_id) is None:
            self._stopped.set(stream_id, True)
        stream = self._stream(stream_id)  # it may have begun meanwhile
        if stream is not None:
            _cancel(stream)
        return True

    def forget(self, stream_id: str) -> None:
        self._begin_anew_if_forked()
        self._ended.pop(stream_id)

    def running(self, owner: str) -> List[Listing]:
        self._begin_anew_if_forked()
        running = [
            Listing(stream_id, stream.head.created, stream.head.model)
            for stream_id, stream in list(self._running.items())
            if owner and stream.head.owner == owner
        ]
        return sorted(running, key=lambda listing: listing.created)

    # Notes.

    def add_note(self, key: str, value: str) -> Optional[str]:
        self._begin_anew_if_forked()
        return self._notes.add(key, value)

    def set_note(self, key: str, value: str) -> None:
        self._begin_anew_if_forked()
        self._notes.set(key, value)

    def note(self, key: str) -> Optional[str]:
        self._begin_anew_if_forked()
        return self._notes.get(key)

    def drop_note(self, key: str, value: str) -> None:
        if self.note(key) == value:
            self._notes.pop(key)


def _cancel(stream: _Stream) -> None:
    stop = try_pop(stream.stops)
    if stop is not None:
        stop("cancelled")
