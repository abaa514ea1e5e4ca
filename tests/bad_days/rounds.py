"""Counts what a server holds before a crowd, after it, and after a second one."""

from __future__ import annotations

import threading
from typing import Any, Dict, List

from tests.bad_days.crowd import Crowd
from tests.support.servers import HANG_GUARD, LiveServer

Counts = Dict[str, int]

EXACT = ["greenlets", "threads", "descriptors", "watchers", "slots", "streams"]
"""None of these may be left."""

SPARE = {"objects": 100, "heap_kib": 512}
"""A process may hold so many more of these: its caches fill as it runs."""

_pause = threading.Event()


class Rounds:
    """Crowds of one size, one after the other.

    :ivar counts: the counts before the first crowd, and after each.
    :ivar crowds: the crowds.
    """

    def __init__(self, live: LiveServer, readers: int, seconds: float, pause: float) -> None:
        self._live = live
        self._size: Any = (readers, seconds, pause)
        self.crowds: List[Crowd] = []
        Crowd(live.port, readers // 10, seconds / 10, pause / 10, seed=0).run()
        self.counts = [settled(live)]

    def run(self) -> Counts:
        """Run one more crowd, and return the counts after it. The first one fills the caches: only
        after a later one the counts get time to come down to those before it."""
        last = self.counts[-1] if self.crowds else {}
        crowd = Crowd(self._live.port, *self._size, seed=len(self.counts))
        self.crowds.append(crowd.run())
        self.counts.append(settled(self._live, self.counts[0], last))
        return self.counts[-1]

    @property
    def left(self) -> Dict[str, int]:
        """The :data:`EXACT` counts that the last crowd has raised; empty where all is well."""
        before, after = self.counts[0], self.counts[-1]
        left = {name: after[name] - before[name] for name in EXACT}
        return {name: number for name, number in left.items() if number > 0}

    @property
    def broken(self) -> List[str]:
        """The kinds of readers that did not get their answer whole, and how it ended."""
        ends = [end for crowd in self.crowds for end in crowd.tally]
        return [end for end in ends if end.endswith(("cut", "reset"))]

    @property
    def grown(self) -> Dict[str, int]:
        """The growth by the last crowd, where it is more than :data:`SPARE`."""
        return grown_between(*self.counts[-2:])


def grown_between(before: Counts, after: Counts) -> Counts:
    """The growth between two counts, where it is more than :data:`SPARE`."""
    grown = {name: after[name] - before.get(name, after[name]) for name in SPARE}
    return {name: number for name, number in grown.items() if number > SPARE[name]}


def settled(live: LiveServer, before: Counts = {}, last: Counts = {}) -> Counts:
    """The counts once all streams have ended and nothing is left, or when the time is over."""
    for _ in range(HANG_GUARD * 5):
        counts: Counts = live.get("/counts")
        over = not counts["slots"] and not counts["streams"]
        over = over and all(counts[name] <= before.get(name, counts[name]) for name in EXACT)
        if over and not grown_between(last, counts):
            break
        _pause.wait(0.2)
    return counts
