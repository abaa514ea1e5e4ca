"""Something of which no event tells is looked at again and again."""

from __future__ import annotations

from typing import List, Optional

from flask_llmstream.runtime import looks as module
from flask_llmstream.runtime.looks import looks
from tests.support.manual_timers import ManualClock


class Waits:
    """A wakeup that notes how long it is waited on, and moves the clock so far."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.seconds: List[float] = []

    def wait(self, timeout: Optional[float] = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self.clock.now += timeout
        return False


def waits(monkeypatch, seconds, pauses):
    """The waits between all looks, and how many looks there were."""
    clock = ManualClock()
    monkeypatch.setattr(module, "monotonic", clock)
    wakeup = Waits(clock)
    count = len(list(looks(wakeup, seconds, pauses)))
    return wakeup.seconds, count


def test_without_time_there_is_one_look(monkeypatch):
    assert waits(monkeypatch, 0, (1, 2)) == ([], 1)


def test_the_pauses_grow_up_to_the_longest(monkeypatch):
    assert waits(monkeypatch, 8.75, (1, 2)) == ([1, 1.5, 2, 2, 2, 0.25], 7)


def test_the_last_look_is_when_the_time_is_over(monkeypatch):
    assert waits(monkeypatch, 1, (0.75, 5)) == ([0.75, 0.25], 3)


class Sleeps(Waits):
    """The process does not run in one of the waits."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__(clock)
        self._asleep = seconds

    def wait(self, timeout: Optional[float] = None) -> bool:
        asleep, self._asleep = self._asleep, 0.0
        self.clock.now += asleep
        return super().wait(timeout)


def test_no_time_passes_while_the_process_does_not_run(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(module, "monotonic", clock)
    wakeup = Sleeps(clock, 100)
    assert len(list(looks(wakeup, 4, (1, 1)))) == 5
    assert wakeup.seconds == [1, 1, 1, 1]


def test_waits_that_are_only_a_little_late_end_in_time(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(module, "monotonic", clock)
    wakeup = Sleeps(clock, 0.75)
    assert len(list(looks(wakeup, 4, (1, 1)))) == 5
    assert wakeup.seconds == [1, 1, 1, 0.25]


def test_a_look_that_began_before_the_time_was_over_is_not_the_last(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(module, "monotonic", clock)
    found = looks(Waits(clock), 4, (1, 1))
    next(found)
    clock.now += 100  # the process does not run while it looks
    assert len(list(found)) == 1
