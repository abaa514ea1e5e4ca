"""A callback runs after its seconds, in order and once, and never when it was cancelled."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import gevent
import pytest

from flask_llmstream.runtime.timers import (
    MOST_CANCELLED,
    HubTimer,
    ThreadTimer,
    TimerThread,
    thread_schedule,
)
from tests.support.runtimes import GREENLETS, HANG_GUARD, THREADS, only

LATER = HANG_GUARD * 1000
"""So long that no test waits for it."""

both_kinds = only(GREENLETS, THREADS)
on_threads = only(THREADS)


@pytest.fixture
def schedule(place):
    """The schedule of this place. On threads it has a timer thread of its own."""
    return HubTimer if place is GREENLETS else TimerThread().schedule


def timer_threads():
    return [thread for thread in threading.enumerate() if thread.name == "llmstream-timers"]


@both_kinds
def test_a_callback_runs_after_its_seconds(place, schedule):
    ran = place.for_reader()
    schedule(0.001, ran.set)
    ran.wait()


@both_kinds
def test_callbacks_run_in_the_order_of_their_times(place, schedule):
    order, both = [], place.for_reader()
    schedule(0.02, lambda: (order.append("second"), both.set()))
    schedule(0.01, lambda: order.append("first"))
    both.wait()
    assert order == ["first", "second"]


@both_kinds
def test_a_cancelled_callback_never_runs(place, schedule):
    ran, done = [], place.for_reader()
    timer = schedule(0.01, lambda: ran.append("cancelled"))
    schedule(0.02, done.set)
    timer.cancel()
    done.wait()
    assert ran == []


@both_kinds
def test_cancelling_again_or_after_the_callback_is_harmless(place, schedule):
    ran = place.for_reader()
    timer = schedule(0, ran.set)
    ran.wait()
    timer.cancel()
    timer.cancel()


@both_kinds
def test_a_callback_can_schedule_the_next(place, schedule):
    ran = place.for_reader()
    schedule(0, lambda: schedule(0, ran.set))
    ran.wait()


@both_kinds
def test_a_cancelled_timer_lets_go_of_its_callback(schedule):
    class Callback:
        def __call__(self):
            """Never comes."""

    callback = Callback()
    seen = weakref.ref(callback)
    keeps_the_thread = schedule(LATER, print)
    timer = schedule(LATER, callback)
    timer.cancel()
    del callback
    gc.collect()
    assert seen() is None
    keeps_the_thread.cancel()


@on_threads
def test_cancelled_timers_do_not_gather_until_their_time_comes(schedule):
    keeps_the_thread = [schedule(LATER, print) for _ in range(50)]
    for _ in range(1000):
        schedule(LATER, print).cancel()
    kept = sum(isinstance(one, ThreadTimer) for one in gc.get_objects())
    for timer in keeps_the_thread:
        timer.cancel()
    assert kept <= 50 + MOST_CANCELLED


@on_threads
def test_all_timers_share_one_thread_that_ends_with_the_last(schedule):
    timers = [schedule(LATER, print) for _ in range(100)]
    (thread,) = timer_threads()
    for timer in timers:
        timer.cancel()
    thread.join(HANG_GUARD)
    assert not thread.is_alive()


@on_threads
def test_a_new_thread_starts_after_the_last_has_ended(place, schedule):
    for _ in range(2):
        ran = place.for_reader()
        schedule(0, ran.set)
        ran.wait()
        for thread in timer_threads():
            thread.join(HANG_GUARD)


@on_threads
def test_an_earlier_timer_does_not_wait_for_a_later_one(place, schedule):
    later, ran = schedule(LATER, print), place.for_reader()
    schedule(0, ran.set)
    ran.wait()
    later.cancel()


@on_threads
@pytest.mark.parametrize("failure", [LookupError, gevent.Timeout])
def test_a_callback_that_fails_is_logged_and_the_next_one_runs(place, schedule, caplog, failure):
    def fail():
        raise failure

    ran = place.for_reader()
    schedule(0, fail)
    schedule(0.001, ran.set)
    ran.wait()
    (record,) = caplog.records
    assert record.exc_info[0] is failure


@on_threads
def test_a_log_that_fails_on_it_keeps_the_next_one_from_nothing(place, schedule, failing_log):
    ran = place.for_reader()
    schedule(0, lambda: 1 / 0)
    schedule(0.001, ran.set)
    ran.wait()


@on_threads
def test_timers_go_on_after_a_moment_without_room_for_a_thread(place, schedule, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            schedule(LATER, print)
    ran = place.for_reader()
    schedule(0, ran.set)
    ran.wait()


@on_threads
def test_the_longest_time_that_a_float_can_say_is_only_long(place, schedule):
    longest, ran = schedule(1e300, print), place.for_reader()
    schedule(0, ran.set)
    ran.wait()
    longest.cancel()


def test_a_forked_child_has_timers_of_its_own():
    parents = thread_schedule(LATER, print)
    child = os.fork()
    if child == 0:
        ran = threading.Event()
        thread_schedule(0, ran.set)
        os._exit(0 if ran.wait(HANG_GUARD) else 1)
    _, status = os.waitpid(child, 0)
    parents.cancel()
    assert status == 0


@only(GREENLETS)
def test_the_hub_keeps_nothing_of_a_cancelled_timer():
    hub = gevent.get_hub()
    active = hub.loop.activecnt
    timer = HubTimer(LATER, print)
    timer.cancel()
    assert hub.loop.activecnt == active
