"""Functions that are called again and again, until somebody has enough of it.

A function must not block: it would hold up the hub, or all timers.
"""

from __future__ import annotations

from itertools import islice
from time import monotonic
from typing import Any, Callable, Dict, Optional

from gevent import get_hub

from ..log import log
from .per_hub import PerHub
from .timers import HubTimer, Schedule, Timer

AT_A_TIME = 100
"""The most functions that a hub calls before its other callbacks have their turn."""

Call = Callable[[], bool]
"""Called again and again, as long as it returns true."""


def repeat(schedule: Schedule, seconds: float, call: Call) -> Timer:
    """Call a function every so many seconds, until it returns false, or the timer that is returned
    is cancelled.

    :param schedule: where it is called.
    :param seconds: the time from one call to the next. On a hub the calls that have this in common
        share one timer of the loop's, which costs more than all the rest of a short stream's watch.
    """
    if schedule is HubTimer:
        return _rounds_of(get_hub()).join(seconds, call)
    return Repeat(schedule, seconds, call)


class Repeat:
    """One function, called by timers of its own."""

    __slots__ = ("_schedule", "_seconds", "_call", "_timer", "_is_over")

    def __init__(self, schedule: Schedule, seconds: float, call: Call) -> None:
        self._schedule = schedule
        self._seconds = seconds
        self._call: Optional[Call] = call
        self._timer: Optional[Timer] = None
        self._next()

    def cancel(self) -> None:
        """Call it no more. On threads a call that has begun goes on."""
        self._call = None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _next(self) -> None:
        self._timer = self._schedule(self._seconds, self._fire)
        if self._call is None:  # cancelled on another thread, before the timer was there
            self.cancel()

    def _fire(self) -> None:
        call = self._call
        if call is not None and call() and self._call is not None:
            self._next()


class HubRepeat:
    """One function among those that a hub calls with the same pause."""

    __slots__ = ("_call", "_round")

    def __init__(self, call: Call, round: _Round) -> None:
        self._call: Optional[Call] = call
        self._round = round
        round.add(self)

    def cancel(self) -> None:
        """Call it no more. A second call is harmless."""
        self._call = None
        self._round.remove(self)

    def fire(self) -> None:
        """Call it, and wait for the next time."""
        call = self._call
        if call is not None and call() and self._call is not None:
            self._round.add(self)


class _Round:
    """The functions that one hub calls with the same pause. All wait for the same time, so they are
    in the order in which they are due."""

    __slots__ = ("_due", "_seconds", "_loop", "_timer", "_timer_seconds")

    def __init__(self, seconds: float, loop: Any) -> None:
        self._due: Dict[HubRepeat, float] = {}  # the moment of each one's next call
        self._seconds = seconds
        self._loop = loop
        self._timer: Any = None
        self._timer_seconds = -1.0

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to call."""
        return not self._due

    def add(self, one: HubRepeat) -> None:
        """Call it when the pause is over."""
        if not self._due:
            self._start_timer(self._seconds)
        self._due[one] = monotonic() + self._seconds

    def remove(self, one: HubRepeat) -> None:
        """Call it no more, if it waits for that."""
        if self._due.pop(one, None) is not None and not self._due:
            self._timer.stop()

    def _start_timer(self, seconds: float) -> None:
        if seconds != self._timer_seconds:  # else the timer is used again, which is cheap
            self.close()
            self._timer, self._timer_seconds = self._loop.timer(seconds), seconds
        self._timer.start(self._fire, update=True)

    def close(self) -> None:
        """Release the timer. It has nothing to call."""
        if self._timer is not None:
            self._timer.close()

    def _fire(self) -> None:
        self._timer.stop()
        now = monotonic()
        for one, moment in [*islice(self._due.items(), AT_A_TIME)]:
            if moment > now:
                break
            if self._due.pop(one, None) is not None:  # else the one before has cancelled it
                log.isolated(one.fire, "a timer's callback failed")
        first = next(iter(self._due.values()), None)
        if first is not None:
            self._start_timer(max(first - now, 0.0))


class _Rounds:
    """The rounds of one hub, each by its seconds."""

    def __init__(self, hub: Any) -> None:
        self._loop = hub.loop
        self._of: Dict[float, _Round] = {}

    def join(self, seconds: float, call: Call) -> HubRepeat:
        round = self._of.get(seconds)
        if round is None:
            self._drop_empty()
            round = self._of[seconds] = _Round(seconds, self._loop)
        return HubRepeat(call, round)

    def _drop_empty(self) -> None:
        """Keep no round for each time that was ever asked for."""
        for seconds, round in [*self._of.items()]:
            if round.is_empty:
                self._of.pop(seconds).close()


_rounds_of = PerHub(_Rounds)
