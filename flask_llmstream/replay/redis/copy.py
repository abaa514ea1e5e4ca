"""``Copy``: a stream that is produced elsewhere and read here. The follower fills its event log."""

from __future__ import annotations

from typing import Any, List, Optional

from ..base import StreamHead
from ..event_log import EventLog
from .entries import END, Entry, Position, entries_of
from .keys import StreamKeys
from .link import check_answered
from .run import Terms
from .steps import Step

LOOKS = 5
"""How often a silent stream's lease is looked at within the time of a lease."""

MISSES = 3
"""So many looks in a row must find no lease: a producer that finds its own expired, because Redis
was away, takes it again within that time."""

LEAST_INTERVALS = MISSES - 1.5
"""So much time must lie between the first of these looks and the last, in intervals between looks.
Where this process was held up before it sent one, the next comes right behind it."""


class Copy:
    """One stream that is followed.

    :ivar readings: the readers in this process.
    :ivar is_dropped: whether it is followed no more.
    :ivar position: of the last entry that was read.
    """

    def __init__(self, keys: StreamKeys, head: StreamHead, log: EventLog, terms: Terms) -> None:
        self.keys = keys
        self.head = head
        self.log = log
        self.readings: List[object] = []
        self.is_dropped = False
        self._terms = terms
        self.position = self._begin = Position(log.run, 0)
        self._token = b""  # of the run's beginning; none where that is not known
        self._is_same_run = False  # not until that was looked at
        self._misses = 0
        self._missed_at: Optional[float] = None  # when the reply to the first of them was read
        self._look_at = 0.0
        self._mark_at = 0.0

    @property
    def is_lost(self) -> bool:
        """Whether its readers were told that the producer is lost. It may have come back."""
        return self.log.end is not None and self.log.end.reason == "lost"

    def join(self, reading: object) -> bool:
        """Add a reader.

        :returns: ``False`` where it is followed no more.
        """
        self.readings.append(reading)
        if self.is_dropped:  # ``drop`` looks in the other order
            self.readings.remove(reading)
            return False
        return True

    # Called by the follower.

    def drop(self) -> bool:
        """Follow it no more, unless somebody reads it."""
        self.is_dropped = True
        if self.readings:
            self.is_dropped = False
        return self.is_dropped

    def steps(self, now: float) -> List[Step]:
        """What to ask beside the events: whether the producer lives; and a mark that it is read.

        What is done with a reply raises RedisUnreachable where the server refuses to be read.
        """
        steps: List[Step] = []
        if now >= self._mark_at:
            self._mark_at = now + self._terms.lease / 2
            command = ("SET", self.keys.readers, 1, "PX", self._terms.lease_ms)
            steps.append(Step(command, bool))
        if now >= self._look_at:
            self._look_at = now + self._terms.lease / LOOKS
            steps.append(Step(("GET", self.keys.lease), self._looked))
        if not self._is_same_run:
            first = ("XRANGE", self.keys.events, self._begin.id, "+", "COUNT", 1)
            steps.append(Step(first, self._compared))
        return steps

    def take(self, entries: Any, now: float) -> None:
        """Take what came. Where it may be of another run it is left, and comes again. Another copy
        of the stream may have lacked some that this one has."""
        self._misses = 0
        self._look_at = now + self._terms.lease / LOOKS
        for entry in entries_of(entries) if self._is_same_run else ():
            if self.log.end is None and entry.position > self.position:
                self._take(entry)

    def judge(self, now: float) -> None:
        """End the log if the producer is lost.

        :param now: when the replies were read.
        """
        if not self._misses:
            self._missed_at = None
        elif self._missed_at is None:
            self._missed_at = now
        elif self._misses >= MISSES:
            intervals = (now - self._missed_at) * LOOKS / self._terms.lease
            if intervals >= LEAST_INTERVALS:
                self.lose()

    def lose(self) -> None:
        """Tell the readers that the producer is lost."""
        self.log.finish(self.head.lost, "lost")

    def reconnected(self) -> None:
        """Begin to count anew: what could not be seen is not missed. Meanwhile Redis may have lost
        everything, and another producer may have begun a run with the number of this one."""
        self._misses = 0
        self._missed_at = None
        self._is_same_run = False

    def _looked(self, holder: Any) -> None:
        check_answered(holder)
        self._misses = self._misses + 1 if holder is None else 0
        self._is_same_run = self._is_same_run and holder is not None

    def _compared(self, entries: Any) -> None:
        # It is asked in front of the read, on the same connection. A Redis that loses everything
        # between the two breaks that connection. Without an entry it is asked again.
        check_answered(entries)
        if not entries:
            return
        first = next(entries_of(entries))
        if first.token and first.position == self._begin:
            self._token = self._token or first.token
            if self._token != first.token:
                self.lose()
        self._is_same_run = True

    def _take(self, entry: Entry) -> None:
        self.position = entry.position
        if entry.position.run > self.log.run:  # the old producer was lost
            self.lose()
            return
        for number, event in entry.events:
            self._append(number, event)
        if entry.position.number == END:
            self._skip_to(entry.last + 1)
            self.log.finish(entry.frame, entry.reason or "error")

    def _append(self, number: int, event: bytes) -> None:
        if number > self.log.last:  # an entry may repeat numbers
            self._skip_to(number)
            self.log.append(event)

    def _skip_to(self, number: int) -> None:
        if number > self.log.last + 1:
            self.log.skip_to(number)
