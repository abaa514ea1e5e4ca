"""``EventLog``: the events of one stream in this process. One writes, any number read.

The readers share the events, and each knows the number of the last event that it has. So what was
before it came and what comes live are one sequence: no event can be lost or repeated between the
two.

No lock is held. The writer appends an event *before* it reads the list of waiting readers; a reader
joins that list *before* it looks a last time for an event. So one of the two always sees the other.
"""

from __future__ import annotations

from itertools import islice
from typing import List, NamedTuple, Optional, Tuple

from ..errors import StreamClosed
from ..runtime.atomic import claim
from ..runtime.wakeup import Wakeup

BLOCK_BYTES = 32 * 1024
"""The most bytes that one read joins."""

_SHARE = 8
"""A full log forgets an eighth of its events at a time: to forget one costs as much as to move all
that are behind it."""


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
    :param max_bytes: the most bytes that are kept; one larger event is kept alone. Default:
        1048576.
    :ivar end: the end of the run; ``None`` while it goes on. Nothing follows it.
    :ivar size: the bytes of the events that are kept.
    """

    __slots__ = (
        "run", "end", "size", "_kept", "_max_events", "_max_bytes", "_waiting", "_is_open",
        "__weakref__",
    )  # fmt: skip

    def __init__(
        self, run: int = 1, *, max_events: int = 10_000, max_bytes: int = 1024 * 1024
    ) -> None:
        self.run = run
        self.end: Optional[End] = None
        self.size = 0
        self._kept: Tuple[int, List[bytes]] = (1, [])  # the first number, and the events from it on
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._waiting: List[Wakeup] = []
        self._is_open = True

    @property
    def first(self) -> int:
        """The number of the first event that is kept; ``last + 1`` where none is."""
        return self._kept[0]

    @property
    def last(self) -> int:
        """The number of the last event; 0 before the first."""
        first, events = self._kept
        return first + len(events) - 1

    # Called by the writer.

    def append(self, event: bytes) -> None:
        """Keep the next event.

        :raises StreamClosed: the run has ended.
        """
        if self.end is not None:
            raise StreamClosed(self.end.reason)
        events = self._kept[1]
        events.append(event)
        self.size += len(event)
        if self.size > self._max_bytes or len(events) > self._max_events:
            self._evict()
        if self._waiting:
            self._wake()

    def _evict(self) -> None:
        first, events = self._kept
        count, size = 0, self.size
        least = len(events) // _SHARE or 1
        while count < len(events) - 1 and (
            count < least or size > self._max_bytes or len(events) - count > self._max_events
        ):
            size -= len(events[count])
            count += 1
        self._kept = first + count, events[count:]  # one step: a reader sees the old or the new
        self.size = size

    def skip_to(self, number: int) -> None:
        """Go on with the event of a higher number, as those before it can't be had. The events so
        far are forgotten, too. For a log that is a copy."""
        self._kept = number, []
        self.size = 0

    def finish(self, frame: bytes, reason: str) -> bool:
        """Keep the end. Any thread may call it.

        :returns: ``False`` where there is an end already.
        """
        if not claim(self, "_is_open"):
            return False
        self.end = End(frame, reason, self.last)
        self._wake()
        return True

    def _wake(self) -> None:
        for wakeup in self._waiting[:]:
            wakeup.set()

    # Called by the readers.

    def read(self, after: int) -> Optional[Block]:
        """The events behind one, joined up to 32 KiB, or one larger event.

        :param after: the number of the last event that the reader has; 0: none.
        :returns: ``None`` where there are none yet, or none any more.
        """
        start, block = self.events(after, BLOCK_BYTES)
        if not block:
            return None
        return Block(b"".join(block), start + len(block) - 1, start - after - 1)

    def events(self, after: int, most_bytes: int) -> Tuple[int, List[bytes]]:
        """The events behind one, each for itself, up to a number of bytes, or one larger event.

        :param after: as of :meth:`read`.
        :returns: the number of the first of them, and the events; none where there are none yet, or
            none any more.
        """
        end = self.end  # before the events: an event that comes behind the end is not read
        first, events = self._kept
        last = first + len(events) - 1 if end is None else end.number
        start = max(after + 1, first)
        block: List[bytes] = []
        for event in islice(events, start - first, max(start, last + 1) - first):
            most_bytes -= len(event)
            if most_bytes < 0 and block:
                break
            block.append(event)
        return start, block

    def wait(self, after: int, wakeup: Wakeup, timeout: Optional[float] = None) -> bool:
        """Wait for an event behind this one, or for the end.

        :param wakeup: the reader's own.
        :param timeout: seconds; ``None``: for ever.
        :returns: ``False`` when the time ran out.
        """
        self._waiting.append(wakeup)
        try:
            return self.last > after or self.end is not None or wakeup.wait(timeout)
        finally:
            self._waiting.remove(wakeup)
