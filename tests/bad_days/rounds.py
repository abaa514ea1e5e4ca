"""What a server holds before a crowd, after it, and after a second one."""

from __future__ import annotations

import threading
from typing import Any, Dict, List

from tests.bad_days.crowd import Crowd
from tests.support.servers import HANG_GUARD, LiveServer

Counts = Dict[str, int]

EXACT = ["greenlets", "threads", "descriptors", "watchers", "slots", "streams"]
"""Of these nothing may be left."""

SPARE = {"objects": 100, "heap_kib": 512}
"""So many may be more, of all that a process holds: its caches fill as it runs."""

_pause = threading.Event()


class Rounds:
    """Crowds of one size, one after the other.

    :ivar counts: before the first, and after each.
    :ivar crowds: the crowds themselves.
    """

    def __init__(self, live: LiveServer, readers: int, seconds: float, pause: float) -> None:
        self._live = live
        self._size: Any = (readers, seconds, pause)
        self.crowds: List[Crowd] = []
        Crowd(live.port, readers // 10, seconds / 10, pause / 10, seed=0).run()
        self.counts = [settled(live)]

    def run(self) -> Counts:
        """One crowd more, and what is left of it."""
        crowd = Crowd(self._live.port, *self._size, seed=len(self.counts))
        self.crowds.append(crowd.run())
        self.counts.append(settled(self._live, self.counts[0], self.counts[-1]))
        return self.counts[-1]

    @property
    def left(self) -> Dict[str, int]:
        """What the last crowd left, of what nothing may be left; empty as it should be."""
        before, after = self.counts[0], self.counts[-1]
        left = {name: after[name] - before[name] for name in EXACT}
        return {name: number for name, number in left.items() if number > 0}

    @property
    def grown(self) -> Dict[str, int]:
        """What the last crowd added to what the one before it had left, past what may be spared."""
        return grown_between(*self.counts[-2:])


def grown_between(before: Counts, after: Counts) -> Counts:
    """What there is more of, past what may be spared."""
    grown = {name: after[name] - before.get(name, after[name]) for name in SPARE}
    return {name: number for name, number in grown.items() if number > SPARE[name]}


def settled(live: LiveServer, before: Counts = {}, last: Counts = {}) -> Counts:
    """The counts when all streams have ended, and nothing is left or the time for it is over."""
    for _ in range(HANG_GUARD * 5):
        counts: Counts = live.get("/counts")
        over = not counts["slots"] and not counts["streams"]
        over = over and all(counts[name] <= before.get(name, counts[name]) for name in EXACT)
        if over and not grown_between(last, counts):
            break
        _pause.wait(0.2)
    return counts
