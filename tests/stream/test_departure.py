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
        self.due = 0.0  # when the timer has to fire
        self.departure = Departure(
            self.stream, seconds, lambda work: work(), self._look_in, self.clock
        )

    def _look_in(self, seconds, callback):
        self.due = self.clock.now + seconds
        return self.schedule(seconds, callback)

    def pass_by(self, seconds):
        """Let the time pass, with each look that falls into it."""
        until = self.clock.now + seconds
        while self.schedule.waiting and self.stream.reason is None:
            if self.due > until:
                break
            self.clock.now = self.due
            self.schedule.fire()
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


def late_look(left, seconds):
    """A look that comes so much later than it should."""
    left.clock.now = left.due + seconds
    left.schedule.fire()


@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_a_process_that_did_not_run_looks_again_before_it_ends_the_stream(seconds):
    left = Left(seconds)
    left.departure.begin()
    late_look(left, 100)
    assert left.stream.reason is None
    left.stream.other_readers = 1  # which did not run, either
    left.pass_by(1000)
    assert left.stream.reason is None


@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_a_process_that_is_always_late_ends_the_stream_all_the_same(seconds):
    left = Left(seconds)
    left.departure.begin()
    late_look(left, 100)
    late_look(left, 100)
    assert left.stream.reason == "disconnect"


def test_a_look_behind_a_late_one_gives_other_processes_time_to_say_that_they_read():
    left = Left(1)
    left.departure.begin()
    late_look(left, 100)
    left.pass_by(4.5)
    assert left.stream.reason is None
    left.pass_by(1)
    assert left.stream.reason == "disconnect"
