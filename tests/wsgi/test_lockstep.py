"""One flow of control in two places: each step on the worker, its caller waiting."""

from __future__ import annotations

import contextvars
import threading
import weakref

import gevent
import pytest

from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.runtime.wakeups import ThreadWakeup
from flask_llmstream.wsgi.lockstep import Lockstep
from tests.support.runtimes import GREENLETS, THREADS, only

TENANT = contextvars.ContextVar("tenant", default="nobody")


def runtime():
    return threading.get_ident(), gevent.getcurrent()


def nothing():
    pass


@pytest.fixture
def deserted(place):
    return place.for_reader()


@pytest.fixture
def begin(place, deserted):
    """Start over on a worker of its own; each is ended behind the test."""
    begun = []

    def begin():
        begun.append(Lockstep(runtime_for(place.worker), "the caller", deserted.set))
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
    places = {lockstep.run(runtime) for _ in range(3)}
    assert len(places) == 1
    assert runtime() not in places


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


# Errands.


def test_an_errand_runs_where_the_caller_waits(begin):
    lockstep = begin()
    assert lockstep.run(lambda: lockstep.back(runtime)) == runtime()


def test_what_an_errand_raises_is_raised_in_the_step(begin):
    lockstep = begin()

    def step():
        with pytest.raises(ZeroDivisionError):
            lockstep.back(lambda: 1 / 0)
        return "went on"

    assert lockstep.run(step) == "went on"


def test_a_step_may_have_any_number_of_errands(begin):
    lockstep, done = begin(), []
    lockstep.run(lambda: [lockstep.back(lambda: done.append(number)) for number in (1, 2, 3)])
    assert done == [1, 2, 3]


# The end.


def test_the_worker_ends_with_its_last(place, begin):
    lockstep, last, ran_on = begin(), place.for_reader(), []
    on_worker = lockstep.run(runtime)
    lockstep.end(lambda: (ran_on.append(runtime()), last.set()))
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
        def deserted(self):
            pass

        def step(self):
            pass

    owner, last = Owner(), place.for_reader()
    lockstep = Lockstep(runtime_for(place.worker), "the caller", owner.deserted)
    lockstep.run(owner.step)
    lockstep.end(last.set)
    last.wait()
    seen = weakref.ref(owner)
    del owner
    assert seen() is None


# A caller who is interrupted.


@only(GREENLETS)
def test_what_interrupts_the_caller_interrupts_the_step(place, begin, deserted):
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
    deserted.wait()
    assert caught == [timeout]


@only(GREENLETS)
def test_a_caller_who_is_killed_before_the_step_began_has_none(begin, deserted):
    caller = gevent.spawn(begin().run, pytest.fail)
    gevent.sleep(0)  # it waits, and the worker was not scheduled yet
    caller.kill(block=False)
    deserted.wait()


@only(GREENLETS)
def test_a_step_whose_caller_is_gone_has_no_errands(place, begin, deserted):
    lockstep, waits, caught = begin(), place.for_reader(), []

    def step():
        try:
            waits.set()
            gevent.sleep(60)
        except gevent.GreenletExit:
            for _ in range(2):
                try:
                    lockstep.back(pytest.fail)
                except gevent.GreenletExit:
                    caught.append(True)

    caller = gevent.spawn(lockstep.run, step)
    waits.wait()
    caller.kill()
    deserted.wait()
    assert caught == [True, True]


@only(GREENLETS)
def test_a_worker_that_somebody_kills_ends_as_if_it_was_deserted(begin, deserted):
    lockstep = begin()
    worker = lockstep.run(gevent.getcurrent)
    gevent.kill(worker)
    deserted.wait()
    with pytest.raises(RuntimeError, match="ended"):
        lockstep.run(nothing)


@only(THREADS)
def test_a_step_on_a_thread_runs_to_its_end_though_its_caller_is_gone(place, deserted):
    class Interrupted(ThreadWakeup):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    go_on, runtime = place.for_producer(), runtime_for("auto")._replace(readable=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        Lockstep(runtime, "the caller", deserted.set).run(go_on.wait)
    assert not deserted.is_set()
    go_on.set()
    deserted.wait()
