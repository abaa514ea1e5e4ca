"""``EventLog``: the events of one stream in this process. One writes, any number read.

The readers share the events, and each knows the number of the last event that it has. So what was
before it came and what comes live are one sequence: no event can be lost or repeated between the
two.

No lock is held. The writer appends an event *before* it reads the list of watchers; a reader joins
that list *before* it looks a last time for an event. So one of the two always sees the other.

The newest events are a list. From time to time the writer joins them to a chunk, which takes half
the memory, and begins a new list. It adds the chunk *before* that; a reader looks at the list
*before* the chunks. So a reader finds each event in one of the two, or in both.
"""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import Callable, List, NamedTuple, Optional, Tuple

from ..errors import StreamClosed
from ..runtime.atomic import claim
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.wakeup import Wakeup
from .chunks import Chunk, chunk_of, found_in, with_some_packed
from .numbering import Numbering

BLOCK_BYTES = 32 * 1024
"""The most bytes that one read joins."""

_CHUNK_EVENTS = 128
"""The most events of a chunk. Only then is their size counted: that is too slow to be done on the
path of every token."""

_SHARE = 8
"""The newest events, which are in no chunk, take an eighth of the log at most."""


class Block(NamedTuple):
    """What a reader gets at a time.

    :ivar events: events, joined.
    :ivar last: the number of the last of them.
    :ivar lost: how many events before them are kept no more.
    """

    events: bytes
    last: int
    lost: int = 0


class End(NamedTuple):
    """The end of a run.

    :ivar frame: the last bytes for a reader.
    :ivar reason: as of :class:`~flask_llmstream.records.Summary`; ``lost``: its producer is lost.
    :ivar number: the number of the last event.
    """

    frame: bytes
    reason: str
    number: int


class EventLog:
    """The events of one run of one stream, by their numbers from 1 on.

    :param run: the number of the run, from 1 on.
    :param max_events: the most events that are kept. Default: 10,000.
    :param max_bytes: the most bytes that are kept; one larger event is kept, with an eighth of that
        behind it at most. Default: 1048576.
    :ivar end: the end of the run; ``None`` while it goes on. Nothing follows it.
    :ivar numbering: gives the events their IDs when they are read; ``None``: they have them.
    """

    __slots__ = (
        "run", "end", "numbering", "_chunks", "_size", "_newest", "_chunk_events", "_large",
        "_max_events", "_max_bytes", "_watchers", "_is_open", "_ends_with", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, run: int = 1, *, max_events: int = 10_000, max_bytes: int = 1024 * 1024
    ) -> None:
        self.run = run
        self.end: Optional[End] = None
        self._size = 0
        self.numbering: Optional[Numbering] = None
        self._chunks: List[Chunk] = []
        self._newest: Tuple[int, List[bytes]] = (1, [])  # the first number, and the events
        self._chunk_events = max(min(_CHUNK_EVENTS, max_events // _SHARE), 1)
        self._large = max_bytes // _SHARE // self._chunk_events  # a larger event is a chunk alone
        self._max_events = max_events - self._chunk_events + 1  # there is room for a chunk
        self._max_bytes = max_bytes - self._large * self._chunk_events
        self._watchers: List[Callable[[], object]] = []  # waiting readers, and the end
        self._is_open = True
        self._ends_with: Optional[str] = None  # the reason, just before there is an end

    @property
    def first(self) -> int:
        """The number of the first event that is kept; ``last + 1`` where none is."""
        number, chunks = self._newest[0], self._chunks
        return chunks[0].first if chunks else number

    @property
    def last(self) -> int:
        """The number of the last event; 0 before the first."""
        first, events = self._newest
        return first + len(events) - 1

    # Called by the writer.

    def append(self, event: bytes) -> None:
        """Keep the next event.

        :param event: with its ID, where the log has no ``numbering``.
        :raises StreamClosed: the run has ended.
        """
        events = self._newest[1]
        events.append(event)
        if self._watchers or len(events) >= self._chunk_events or len(event) > self._large:
            self._look(event)

    def appender(self) -> Callable[[bytes], None]:
        """The function that keeps the next event, for a writer with many: :meth:`append`, faster.
        Nobody may call :meth:`append` beside it."""
        watchers, most, large, look = self._watchers, self._chunk_events, self._large, self._look
        events = self._newest[1]
        keep = events.append

        def append(event: bytes) -> None:
            nonlocal events, keep
            keep(event)
            if watchers or len(events) >= most or len(event) > large:
                look(event)
                events = self._newest[1]
                keep = events.append

        return append

    def _look(self, event: bytes) -> None:
        """Do what is not done for every event.

        :param event: the newest.
        """
        if self._ends_with is not None:
            raise StreamClosed(self._ends_with)
        first, events = self._newest
        is_large = len(event) > self._large
        if is_large or len(events) >= self._chunk_events:
            others = events[:-1] if is_large else events
            self._add(chunk_of(first, others))
            self._add(chunk_of(first + len(others), events[len(others) :]))
            self._newest = first + len(events), []
        self._wake()

    def _add(self, chunk: Chunk) -> None:
        """Add a chunk, unless it is empty, and forget the oldest where there is no room."""
        if chunk.first == chunk.stop:
            return
        chunks, least = self._chunks, chunk.stop - self._max_events
        chunks.append(chunk)
        self._size += len(chunk.data)
        count = 0
        while count < len(chunks) - 1 and (
            self._size > self._max_bytes or chunks[count].first < least
        ):
            self._size -= len(chunks[count].data)
            count += 1
        if count:
            self._chunks = chunks[count:]  # one step: a reader sees the old or the new

    def skip_to(self, number: int) -> None:
        """Go on with the event of a higher number, as those before it can't be had. The events so
        far are forgotten, too. For a log that is a copy."""
        self._newest = number, []
        self._chunks = []
        self._size = 0

    def finish(self, frame: bytes, reason: str) -> bool:
        """Keep the end. Any thread may call it. An event that is appended meanwhile is kept, or its
        ``append`` raises.

        :returns: ``False`` where there is an end already.
        """
        if not claim(self, "_is_open"):
            return False
        self._ends_with = reason
        self._watchers.append(_nothing)  # so that the writer looks, and sees the reason
        # Only then the last number: the writer appends, and looks for the reason behind that.
        self.end = End(frame, reason, self.last)
        self._wake()
        return True

    def _wake(self) -> None:
        for wake in self._watchers[:]:
            wake()

    def pack(self) -> bool:
        """Compress some of the events, once the run has ended. Takes less than a millisecond. Only
        one caller at a time.

        :returns: whether more of them can be compressed.
        """
        if self.end is None:
            return False
        first, newest = self._newest
        if newest:
            self._chunks = [*self._chunks, chunk_of(first, newest[: self.end.number + 1 - first])]
            self._newest = self.end.number + 1, []
        self._chunks = with_some_packed(self._chunks, BLOCK_BYTES)
        return any(chunk.may_be_packed for chunk in self._chunks)

    # Called by the readers.

    def read(self, after: int, max_bytes: int = BLOCK_BYTES) -> Optional[Block]:
        """The events behind one, joined.

        :param after: the number of the last event that the reader has; 0: none.
        :param max_bytes: the most bytes, without the IDs; one larger event comes alone. Default:
            32768.
        :returns: ``None`` where there are none yet, or none any more.
        """
        found = self._found(after, max_bytes)
        if found is None or found.first == found.stop:
            return None
        return Block(self._numbered(found), found.stop - 1, found.first - after - 1)

    def events(self, after: int, max_bytes: int) -> Tuple[int, List[bytes]]:
        """As :meth:`read`, with each event by itself.

        :returns: the number of the first event, and the events.
        """
        first, events = self._each(after, max_bytes)
        if self.numbering is None:
            return first, events
        return first, self.numbering.number_each(events, first)

    def _each(self, after: int, size: int) -> Tuple[int, List[bytes]]:
        """As :meth:`events`, without IDs."""
        first, newest = self._newest
        events = newest[after + 1 - first :] if after + 1 >= first else []
        # The events before the reason: where there is none yet, ``finish`` will count all of these.
        if events and self._ends_with is None and sum(map(len, events)) <= size:
            return after + 1, events  # a token or two: no chunk is made of them
        found = self._found(after, size)
        return (max(after + 1, self.first), []) if found is None else (found.first, found.events())

    def _numbered(self, found: Chunk) -> bytes:
        if self.numbering is None:
            return found.data
        return self.numbering.number(found.data, found.first)[0]

    def _found(self, after: int, size: int) -> Optional[Chunk]:
        """The events behind one, up to a size: those in chunks, or else the newest."""
        first, newest = self._newest  # before the chunks
        last = first + len(newest) - 1
        # ``finish`` gives the reason, and counts then. So without a reason it will count all of
        # these; and with one, none of them is certain before there is the end.
        if self._ends_with is not None:
            last = self.end.number if self.end is not None else 0
        if after >= last:
            return None
        chunks, start = self._chunks, after + 1
        if chunks and start < chunks[-1].stop:
            return found_in(chunks, start, size)
        start = max(start, first)
        return chunk_of(start, newest[start - first : last - first + 1]).within(size)

    def wait(self, after: int, wakeup: Wakeup, timeout: Optional[float] = None) -> bool:
        """Wait for an event behind this one, or for the end.

        :param wakeup: the reader's own.
        :param timeout: seconds; ``None``: for ever.
        :returns: ``False`` when the time ran out.
        """
        self._watchers.append(wakeup.set)
        try:
            return self.last > after or self.end is not None or wakeup.wait(timeout)
        finally:
            self._watchers.remove(wakeup.set)

    def wait_for_end(self, timeout: float) -> Optional[End]:
        """Wait for the end.

        :param timeout: seconds.
        :returns: ``None`` when the time ran out.
        """
        deadline = monotonic() + timeout
        with closing(wakeup_of_the_caller()) as wakeup:
            while self.end is None and monotonic() < deadline:
                self.wait(self.last, wakeup, max(deadline - monotonic(), 0))
        return self.end


def _nothing() -> None:
    """Wakes nobody."""
