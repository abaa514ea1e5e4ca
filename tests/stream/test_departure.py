"""A stream that goes on without its reader ends once nobody reads it any more."""

from __future__ import annotations

import pytest

from flask_llmstream.stream.departure import Departure
from tests.support.manual_timers import ManualClock, ManualSchedule


class Detached:
    """A stream without its first reader."""

    def __init__(self):
        self.reason = None
        self.other_readers = 0

    def is_read(self):
        return self.other_readers > 0

    def end(self, reason):
        self.reason = reason
        return True


class Left:
    """A stream whose reader has left, and its time."""

    def __init__(self, seconds):
        self.stream = Detached()
        self.clock, self.schedule = ManualClock(), ManualSchedule()
        self.departure = Departure(
            self.stream, seconds, lambda work: work(), self.schedule, self.clock
        )

    def pass_by(self, seconds):
        """Let the time pass, with each look that falls into it."""
        until = self.clock.now + seconds
        while self.schedule.waiting and self.stream.reason is None:
            (timer,) = self.schedule.waiting
            if self.clock.now + timer.seconds > until:
                break
            self.clock.now += timer.seconds
            timer.fire()
        self.clock.now = until


@pytest.mark.parametrize("seconds", [1, 60, 3600])
def test_it_ends_when_its_time_is_over(seconds):
    left = Left(seconds)
    left.departure.begin()
    left.pass_by(seconds - 0.5)
    assert left.stream.reason is None
    left.pass_by(6)
    assert left.stream.reason == "disconnect"


def test_without_time_it_ends_at_once():
    left = Left(0)
    left.departure.begin()
    assert left.stream.reason == "disconnect"


@pytest.mark.parametrize("seconds", [0, 60])
def test_it_goes_on_while_another_reads(seconds):
    left = Left(seconds)
    left.stream.other_readers = 1
    left.departure.begin()
    left.pass_by(1000)
    assert left.stream.reason is None


def test_the_time_begins_anew_when_the_last_reader_leaves():
    left = Left(60)
    left.stream.other_readers = 1
    left.departure.begin()
    left.pass_by(1000)
    left.stream.other_readers = 0
    left.pass_by(50)
    assert left.stream.reason is None
    left.pass_by(20)
    assert left.stream.reason == "disconnect"


def test_nothing_waits_once_the_stream_has_ended():
    left = Left(60)
    left.departure.begin()
    left.stream.reason = "complete"
    left.departure.cancel()
    assert left.schedule.waiting == []
