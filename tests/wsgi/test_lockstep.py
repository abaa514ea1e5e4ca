"""A caller and its worker take turns: each step runs on the worker while the caller waits."""

from __future__ import annotations

import contextvars
import weakref

import gevent
import pytest

from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.runtime.wakeups import ThreadWakeup
from flask_llmstream.wsgi.lockstep import Lockstep
from tests.support.runtimes import GREENLETS, THREADS, here, only

TENANT = contextvars.ContextVar("tenant", default="nobody")


def nothing():
    pass


@pytest.fixture
def abandoned(place):
    return place.for_reader()


@pytest.fixture
def begin(place, abandoned):
    """A function that begins a lockstep on a new worker. Each is ended after the test."""
    begun = []

    def begin():
        begun.append(Lockstep(runtime_for(place.worker), "the caller", abandoned.set))
        return begun[-1]

    yield begin
    for lockstep in begun:
        lockstep.end(nothing)


# Steps.


def test_a_step_gives_what_it_returns(begin):
    assert begin().run(lambda: "done") == "done"


def test_a_step_raises_what_it_raises(begin):
    lockstep = begin()
    with pytest.raises(ZeroDivisionError) as raised:
        lockstep.run(lambda: 1 / 0)
    assert any(entry.name == "<lambda>" for entry in raised.traceback)


@pytest.mark.parametrize("error", [StopIteration, gevent.GreenletExit, KeyboardInterrupt])
def test_also_what_is_no_failure(begin, error):
    def step():
        raise error

    with pytest.raises(error):
        begin().run(step)


def test_all_steps_run_on_one_worker_that_is_not_the_caller(begin):
    lockstep = begin()
    places = {lockstep.run(here) for _ in range(3)}
    assert len(places) == 1
    assert here() not in places


def test_steps_see_the_callers_contextvars_and_what_earlier_steps_set(begin):
    TENANT.set("the caller's")
    lockstep = begin()
    assert lockstep.run(TENANT.get) == "the caller's"
    lockstep.run(lambda: TENANT.set("a step's"))
    assert lockstep.run(TENANT.get) == "a step's"
    assert TENANT.get() == "the caller's"


def test_an_outcome_is_not_kept(begin):
    class Result:
        pass

    lockstep = begin()
    seen = weakref.ref(lockstep.run(Result))
    assert seen() is None


# Calls at the caller.


def test_a_step_can_call_a_function_where_the_caller_waits(begin):
    lockstep = begin()
    assert lockstep.run(lambda: lockstep.run_at_caller(here)) == here()


def test_what_that_function_raises_is_raised_in_the_step(begin):
    lockstep = begin()

    def step():
        with pytest.raises(ZeroDivisionError):
            lockstep.run_at_caller(lambda: 1 / 0)
        return "went on"

    assert lockstep.run(step) == "went on"


def test_a_step_may_call_its_caller_any_number_of_times(begin):
    lockstep, done = begin(), []

    def step():
        for number in (1, 2, 3):
            lockstep.run_at_caller(lambda: done.append(number))

    lockstep.run(step)
    assert done == [1, 2, 3]


# The end.


def test_the_worker_ends_with_its_last(place, begin):
    lockstep, last, ran_on = begin(), place.for_reader(), []
    on_worker = lockstep.run(here)
    lockstep.end(lambda: (ran_on.append(here()), last.set()))
    last.wait()
    assert ran_on == [on_worker]


def test_only_the_first_end_counts(place, begin):
    lockstep, last = begin(), place.for_reader()
    lockstep.run(nothing)
    lockstep.end(last.set)
    lockstep.end(pytest.fail)
    last.wait()
    assert lockstep.is_over


def test_behind_its_end_no_step_runs(begin):
    lockstep = begin()
    lockstep.run(nothing)
    lockstep.end(nothing)
    with pytest.raises(RuntimeError, match="ended"):
        lockstep.run(nothing)


def test_an_ended_worker_holds_nobody(place, begin):
    class Owner:
        def abandoned(self):
            pass

        def step(self):
            pass

    owner, last = Owner(), place.for_reader()
    lockstep = Lockstep(runtime_for(place.worker), "the caller", owner.abandoned)
    lockstep.run(owner.step)
    lockstep.end(last.set)
    last.wait()
    seen = weakref.ref(owner)
    del owner
    assert seen() is None


# A caller who is interrupted.


@only(GREENLETS)
def test_what_interrupts_the_caller_interrupts_the_step(place, begin, abandoned):
    lockstep, waits, caught = begin(), place.for_reader(), []

    def step():
        try:
            waits.set()
            gevent.sleep(60)
        except gevent.Timeout as timeout:
            caught.append(timeout)
            raise

    caller = gevent.spawn(lockstep.run, step)
    waits.wait()
    timeout = gevent.Timeout()
    caller.kill(timeout)
    abandoned.wait()
    assert caught == [timeout]


@only(GREENLETS)
def test_a_caller_who_is_killed_before_the_step_began_has_none(begin, abandoned):
    caller = gevent.spawn(begin().run, pytest.fail)
    gevent.sleep(0)  # it waits, and the worker was not scheduled yet
    caller.kill(block=False)
    abandoned.wait()


@only(GREENLETS)
def test_a_step_whose_caller_is_gone_can_call_nothing_there(place, begin, abandoned):
    lockstep, waits, caught = begin(), place.for_reader(), []

    def step():
        try:
            waits.set()
            gevent.sleep(60)
        except gevent.GreenletExit:
            for _ in range(2):
                try:
                    lockstep.run_at_caller(pytest.fail)
                except gevent.GreenletExit:
                    caught.append(True)

    caller = gevent.spawn(lockstep.run, step)
    waits.wait()
    caller.kill()
    abandoned.wait()
    assert caught == [True, True]


@only(GREENLETS)
def test_a_worker_that_is_killed_ends_as_one_whose_caller_is_gone(begin, abandoned):
    lockstep = begin()
    worker = lockstep.run(gevent.getcurrent)
    gevent.kill(worker)
    abandoned.wait()
    with pytest.raises(RuntimeError, match="ended"):
        lockstep.run(nothing)


@only(THREADS)
def test_a_step_on_a_thread_runs_to_its_end_though_its_caller_is_gone(place, abandoned):
    class Interrupted(ThreadWakeup):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    go_on, runtime = place.for_producer(), runtime_for("auto")._replace(readable=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        Lockstep(runtime, "the caller", abandoned.set).run(go_on.wait)
    assert not abandoned.is_set()
    go_on.set()
    abandoned.wait()
