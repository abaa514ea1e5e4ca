"""A function is called again and again, until it or its caller has enough."""

from __future__ import annotations

import gc
import weakref
from time import monotonic

import gevent
import pytest

from flask_llmstream.runtime.repeats import AT_A_TIME, repeat
from flask_llmstream.runtime.timers import HubTimer, TimerThread
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, only

SOON = 0.001
LATER = HANG_GUARD * 1000

both_kinds = only(GREENLETS, THREADS)
on_greenlets = only(GREENLETS)


@pytest.fixture
def schedule(place):
    return HubTimer if place is GREENLETS else TimerThread().schedule


class Calls:
    """Counts its calls, and has enough of them at last."""

    def __init__(self, place, most):
        self.count = 0
        self.enough = place.for_reader()
        self._most = most

    def __call__(self):
        self.count += 1
        if self.count == self._most:
            self.enough.set()
        return self.count < self._most


@both_kinds
def test_it_is_called_until_it_has_enough(place, schedule):
    calls, others = Calls(place, 3), Calls(place, 5)
    repeat(schedule, SOON, calls)
    repeat(schedule, SOON, others)
    calls.enough.wait()
    others.enough.wait()
    assert (calls.count, others.count) == (3, 5)


@both_kinds
def test_cancelled_it_is_called_no_more(place, schedule):
    calls, others = Calls(place, 1), Calls(place, 3)
    timer = repeat(schedule, SOON, calls)
    repeat(schedule, SOON, others)
    timer.cancel()
    timer.cancel()
    others.enough.wait()
    assert calls.count == 0


@both_kinds
def test_it_may_be_cancelled_while_it_is_called(place, schedule):
    timers, others = [], Calls(place, 4)

    def cancelled():
        timers.pop().cancel()  # a second call finds none
        return True

    timers.append(repeat(schedule, SOON, cancelled))
    repeat(schedule, SOON, others)
    others.enough.wait()
    assert timers == []


@both_kinds
def test_a_cancelled_one_is_let_go_of(place, schedule):
    calls = Calls(place, 1)
    timer = repeat(schedule, LATER, calls)
    timer.cancel()
    gone = weakref.ref(calls)
    del calls
    gc.collect()
    assert gone() is None


@both_kinds
def test_one_that_fails_keeps_no_other_from_its_calls(place, schedule, caplog):
    others = Calls(place, 3)
    repeat(schedule, SOON, lambda: 1 / 0)
    repeat(schedule, SOON, others)
    others.enough.wait()
    assert "ZeroDivisionError" in caplog.text


@on_greenlets
def test_one_may_cancel_another(place, schedule):
    calls, others, timers = Calls(place, 1), Calls(place, 3), []

    def cancels():
        timers[0].cancel()
        return False

    repeat(schedule, SOON, cancels)
    timers.append(repeat(schedule, SOON, calls))
    repeat(schedule, SOON, others)
    others.enough.wait()
    assert calls.count == 0


@on_greenlets
def test_many_of_a_hub_do_not_keep_it_from_other_work(place, schedule):
    seen, jumps, last = [], [], Calls(place, 1)
    for number in range(AT_A_TIME * 2):
        repeat(schedule, SOON, lambda number=number: seen.append(number))
    repeat(schedule, SOON, last)
    while not last.count:
        before = len(seen)
        gevent.sleep(0)  # until the hub has had its turn, however late it is
        jumps.append(len(seen) - before)
    assert max(jumps) == AT_A_TIME, "so many at a time"
    assert seen == list(range(AT_A_TIME * 2))


@on_greenlets
def test_the_last_leaves_no_timer_behind(place, schedule):
    loop = gevent.get_hub().loop
    before = loop.activecnt
    timers = [repeat(schedule, LATER, print), repeat(schedule, LATER, print)]
    assert loop.activecnt == before + 1, "one for both"
    for timer in timers:
        timer.cancel()
    assert loop.activecnt == before


@on_greenlets
def test_the_last_to_have_enough_leaves_none_either(place, schedule):
    loop = gevent.get_hub().loop
    before = loop.activecnt
    calls = Calls(place, 2)
    repeat(schedule, SOON, calls)
    calls.enough.wait()
    gevent.sleep(0)
    assert loop.activecnt == before


@on_greenlets
def test_one_that_comes_later_waits_for_its_own_time(place, schedule):
    first, second = Calls(place, 2), Calls(place, 1)
    repeat(schedule, SOON, first)
    gevent.sleep(SOON / 2)
    began = monotonic()
    repeat(schedule, SOON, second)
    second.enough.wait()
    assert monotonic() - began >= SOON
    first.enough.wait()
