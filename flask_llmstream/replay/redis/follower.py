"""``Follower``: reads all streams that are read in this process and produced elsewhere, with one
blocking ``XREAD``. Behind the same read it waits for what others tell this process."""

from __future__ import annotations

from time import monotonic
from typing import Any, Callable, Dict, List, Optional, Set

from .copy import Copy
from .entries import Position
from .health import Backoff, Health
from .link import Command, Link, RedisUnreachable, check_answered
from .texts import to_text
from .worker import Worker

UNREACHABLE_SECONDS = 30.0
"""How long readers wait for a Redis that can't be reached. A single try counts for half of that at
most: the process may not have run meanwhile."""

MOST_ENTRIES = 256
"""The most entries of all streams in one reply, or one for each."""

_DROP_SECONDS = 1.0
"""How often it is checked whether a stream that has ended is still read."""

FROM_THE_START = b"0-0"


class Follower:
    """One connection of this process that reads, on a worker of its own.

    :param inbox: the key of the stream by which this process is told something.
    :param stop: called with the ID of a stream that somebody wants to stop.
    :param block_seconds: the longest that a read waits while it follows a stream.
    :param idle_seconds: the longest that one waits while it follows none. Nothing depends on its
        end, and each is a round trip.
    """

    def __init__(
        self,
        link: Link,
        health: Health,
        inbox: bytes,
        stop: Callable[[str], object],
        block_seconds: float,
        idle_seconds: float,
    ) -> None:
        self._link = link
        self._health = health
        self._inbox = inbox
        self._inbox_after = FROM_THE_START
        self._stop = stop
        self._block_seconds = block_seconds
        self._idle_seconds = idle_seconds
        self._backoff = Backoff()
        self._copies: Set[Copy] = set()
        self._listeners: Set[object] = set()
        self._failed_at = 0.0
        self._failing_seconds = 0.0
        self._worker = Worker(self._turn, link.close, "llmstream-redis-follower")

    def follow(self, copy: Copy) -> None:
        """Fill the log of this copy, as long as anybody reads it. A read that is blocked goes on
        without it; whoever calls this wakes it by a message."""
        self._copies.add(copy)
        self._worker.wake()

    def listen(self, listener: object) -> None:
        """Read the inbox until :meth:`unlisten`."""
        self._listeners.add(listener)
        self._worker.wake()

    def unlisten(self, listener: object) -> None:
        """This one needs the inbox no more."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End the worker."""
        self._worker.close(self._link.close)

    # On the worker.

    def _turn(self) -> Optional[float]:
        self._drop_the_unread()
        copies = [copy for copy in list(self._copies) if copy.log.end is None]
        if not copies and not self._listeners:
            return _DROP_SECONDS if self._copies else None
        return self._exchange(copies, monotonic())

    def _drop_the_unread(self) -> None:
        for copy in list(self._copies):
            if not copy.readings and copy.drop():
                self._copies.discard(copy)

    def _exchange(self, copies: List[Copy], now: float) -> float:
        steps = [step for copy in copies for step in copy.steps(now)]
        commands = [*(step.command for step in steps), self._read(copies)]
        try:
            *replies, read = self._link.exchange(commands)
            for step, reply in zip(steps, replies):
                step.done(reply)
            check_answered(read)
        except RedisUnreachable as error:
            return self._failed(copies, error)
        self._works()
        self._take(copies, read or ())
        read_at = monotonic()
        for copy in copies:
            copy.judge(read_at)
        return 0.0

    def _read(self, copies: List[Copy]) -> Command:
        places = _places(copies)
        count = max(1, MOST_ENTRIES // (len(places) + 1))
        keys = [self._inbox, *places]
        after = [self._inbox_after, *(place.id for place in places.values())]
        seconds = self._block_seconds if copies else self._idle_seconds
        block = ("BLOCK", max(1, round(seconds * 1000)))
        return ("XREAD", "COUNT", count, *block, "STREAMS", *keys, *after)

    def _take(self, copies: List[Copy], streams: Any) -> None:
        now, came = monotonic(), dict(streams)
        messages = came.pop(self._inbox, None)
        if messages:
            self._take_messages(messages)
        for copy in copies:
            if copy.keys.events in came:
                copy.take(came[copy.keys.events], now)

    def _take_messages(self, messages: Any) -> None:
        self._inbox_after = messages[-1][0]
        for _, fields in messages:
            if fields[0] == b"stop":
                self._stop(to_text(fields[1]))

    def _works(self) -> None:
        self._backoff.reset()
        self._health.works()

    def _failed(self, copies: List[Copy], error: RedisUnreachable) -> float:
        self._link.close()
        self._inbox_after = FROM_THE_START  # a Redis that has lost it numbers anew
        is_hopeless = self._count_failure(monotonic()) > UNREACHABLE_SECONDS
        wait = self._backoff.wait()
        if self._backoff.tries > 1:
            self._health.failed(error)
        for copy in copies:
            copy.reconnected()
            if is_hopeless:
                copy.lose()
        return wait

    def _count_failure(self, now: float) -> float:
        """For how long Redis can't be reached."""
        passed, self._failed_at = now - self._failed_at, now
        if not self._backoff.tries:  # the first
            self._failing_seconds = passed = 0.0
        self._failing_seconds += min(passed, UNREACHABLE_SECONDS / 2)
        return self._failing_seconds


def _places(copies: List[Copy]) -> Dict[bytes, Position]:
    """Behind which entry to read each stream. It is asked for once: where it has several copies,
    from the one that has read least, as Redis does not tell which of them a reply is for."""
    places: Dict[bytes, Position] = {}
    for copy in copies:
        key = copy.keys.events
        places[key] = min(places.get(key, copy.position), copy.position)
    return places
