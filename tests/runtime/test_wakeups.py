"""Each side of a channel waits without polling, and wakes when the other side wakes it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import gevent
import pytest
from gevent import get_hub

from flask_llmstream.runtime.timers import HubTimer
from flask_llmstream.runtime.wakeups import CrossThreadWakeup, GreenletWakeup, ThreadWakeup
from tests.support.runtimes import BESIDE, GREENLETS, HANG_GUARD, THREADS, only

WAKEUPS = {GREENLETS: GreenletWakeup, BESIDE: CrossThreadWakeup, THREADS: ThreadWakeup}

a_greenlet_waits = only(GREENLETS, BESIDE)


def thread(run):
    started = threading.Thread(target=run)
    started.start()
    return started


@pytest.fixture
def wakeup(place):
    """Makes the wakeup on which the test waits. It is closed after the test."""
    with ExitStack() as closing:

        def make():
            waiting = WAKEUPS[place]()
            closing.callback(waiting.close)
            return waiting

        yield make


@pytest.fixture
def beside(place):
    """Run a function where the other side runs. The result can be joined."""
    return gevent.spawn if place is GREENLETS else thread


def test_a_set_wakes_who_waits(wakeup, beside):
    waiting = wakeup()
    other = beside(waiting.set)
    assert waiting.wait()
    other.join()


def test_a_set_before_the_wait_is_kept(wakeup):
    waiting = wakeup()
    waiting.set()
    assert waiting.wait()


def test_waiting_consumes_the_set(wakeup):
    waiting = wakeup()
    waiting.set()
    waiting.wait()
    assert not waiting.wait(0)


def test_two_sets_wake_once(wakeup):
    waiting = wakeup()
    waiting.set()
    waiting.set()
    assert waiting.wait()
    assert not waiting.wait(0)


def test_two_sets_while_it_waits_wake_once(wakeup, beside):
    waiting = wakeup()
    other = beside(lambda: (waiting.set(), waiting.set()))
    assert waiting.wait(HANG_GUARD)
    other.join()
    waiting.wait(0)  # on a thread the second may have come behind the wake
    assert not waiting.wait(0)


def test_without_a_set_the_time_runs_out(wakeup):
    assert not wakeup().wait(0.001)


def test_it_can_be_waited_on_again_after_the_time_ran_out(wakeup, beside):
    waiting = wakeup()
    waiting.wait(0)
    other = beside(waiting.set)
    assert waiting.wait()
    other.join()


def test_a_shorter_wait_behind_a_longer_one_ends_in_its_own_time(wakeup, beside):
    waiting = wakeup()
    other = beside(waiting.set)
    waiting.wait(HANG_GUARD * 1000)
    assert not waiting.wait(0)
    other.join()


def test_the_longest_wait_that_a_float_can_say_is_only_long(wakeup, beside):
    waiting = wakeup()
    other = beside(waiting.set)
    assert waiting.wait(1e300)
    other.join()


@a_greenlet_waits
def test_a_short_wait_that_was_woken_does_not_cut_a_longer_one(wakeup):
    waiting = wakeup()
    gevent.spawn(waiting.set)
    assert waiting.wait(0.01)
    HubTimer(0.02, waiting.set)  # the hub fires it behind the end of the short wait
    assert waiting.wait(HANG_GUARD)


def test_a_short_wait_that_was_woken_leaves_the_next_its_own_time(wakeup, beside):
    waiting = wakeup()
    other = beside(waiting.set)
    assert waiting.wait(0.01)
    other.join()
    assert not waiting.wait(0.02)


@a_greenlet_waits
def test_who_was_killed_while_waiting_is_not_woken_later(wakeup):
    waiting = wakeup()
    killed = gevent.spawn(waiting.wait)
    gevent.idle()
    killed.kill(block=False)
    waiting.set()
    killed.join()
    assert waiting.wait(), "the set is for who waits next"


@a_greenlet_waits
def test_one_set_wakes_only_the_wait_it_was_for(wakeup):
    waiting = wakeup()
    waiting.set()
    first = gevent.spawn(waiting.wait)
    first.join()
    second = gevent.spawn(waiting.wait, 0)
    assert second.get() is False


@a_greenlet_waits
def test_the_timer_of_a_wait_that_was_woken_is_let_go_of_when_closed(wakeup):
    waiting, active = wakeup(), get_hub().loop.activecnt
    gevent.spawn(waiting.set)
    waiting.wait(HANG_GUARD)
    assert get_hub().loop.activecnt == active + 1
    waiting.close()
    assert get_hub().loop.activecnt == active


def test_closing_twice_is_harmless(wakeup):
    waiting = wakeup()
    waiting.wait(0)
    waiting.close()
    waiting.close()


def test_no_set_is_lost_between_two_sides_in_lockstep(place, wakeup, beside):
    mine, theirs = wakeup(), GreenletWakeup() if place is GREENLETS else ThreadWakeup()
    rounds = 2000

    def answer():
        for _ in range(rounds):
            theirs.wait()
            mine.set()

    other = beside(answer)
    for _ in range(rounds):
        theirs.set()
        assert mine.wait(HANG_GUARD)
    other.join()
