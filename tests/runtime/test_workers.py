"""A producer runs beside its reader, and is stopped as its kind of worker allows."""

from __future__ import annotations

import os
import threading
from asyncio import CancelledError
from time import monotonic

import gevent
import gevent.event
import pytest
from gevent import GreenletExit

from flask_llmstream.errors import ConfigurationError
from flask_llmstream.runtime import turns
from flask_llmstream.runtime.runtime import on_greenlet, runtime_for
from flask_llmstream.runtime.workers import GreenletWorker, ThreadWorker
from tests.support.runtimes import (
    BESIDE,
    GREENLETS,
    LOOP_BESIDE_GREENLET,
    LOOP_BESIDE_THREAD,
    LOOPS,
    PLACES,
    THREADS,
    here,
    only,
)

producer_on_greenlet = only(GREENLETS)
interrupted_producer = only(GREENLETS, LOOP_BESIDE_GREENLET)
producer_on_thread = only(THREADS, BESIDE)


@pytest.fixture(params=[*PLACES, *LOOPS], ids=lambda place: place.name)
def place(request):
    """Each place where a producer can run."""
    return request.param


def nothing():
    """Nothing to abort."""


class Run:
    """One run of a worker: what it delivered and how it ended.

    :param place: where the test runs.
    :param deliver: what else is done with an item.
    """

    def __init__(self, place, source, deliver=lambda item: None):
        self.worker = place.new_worker("a source")
        self.items = []
        self.error = None
        self.ran_on = None
        self.ended = place.for_reader()
        self._source = source
        self._deliver = deliver

    def start(self):
        self.worker.start(self._run)
        return self

    def _run(self):
        self.ran_on = here()
        try:
            self.worker.drive(self._source, self._take)
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    def _take(self, item):
        self.items.append(item)
        self._deliver(item)


def test_every_item_is_delivered_in_order(place):
    run = Run(place, iter(range(1000))).start()
    run.ended.wait()
    assert run.items == list(range(1000))
    assert run.error is None


def test_it_runs_beside_the_reader(place):
    run = Run(place, []).start()
    run.ended.wait()
    assert run.ran_on != here()


def test_starting_returns_before_anything_is_produced(place):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "late"

    run = Run(place, source()).start()
    assert run.items == []
    go_on.set()
    run.ended.wait()
    assert run.items == ["late"]


def test_what_the_source_raises_comes_out(place):
    def source():
        yield "one"
        raise LookupError("gone")

    run = Run(place, source()).start()
    run.ended.wait()
    assert run.items == ["one"]
    assert isinstance(run.error, LookupError)


def test_what_taking_an_item_raises_comes_out(place):
    def refuse(item):
        raise LookupError("unwanted")

    run = Run(place, iter(["one", "two"]), refuse).start()
    run.ended.wait()
    assert run.items == ["one"]
    assert isinstance(run.error, LookupError)


def test_stopped_before_it_began_it_asks_the_source_for_nothing(place):
    asked = []

    def source():
        asked.append("first")
        yield "never"

    run = Run(place, source())
    run.worker.stop(nothing)
    run.start()
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)
    assert asked == run.items == []


@producer_on_greenlet
def test_stopped_between_its_start_and_its_turn_it_asks_the_source_for_nothing(place):
    run = Run(place, iter(["never"])).start()
    run.worker.stop(nothing)
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)
    assert run.items == []


@interrupted_producer
def test_a_stop_is_raised_where_the_source_waits(place):
    waits, unwound = place.for_reader(), []

    def source():
        try:
            yield "one"
            waits.set()
            place.for_producer().wait()
        finally:
            unwound.append(True)

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(nothing)
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)
    assert unwound == [True]


@interrupted_producer
def test_a_stop_is_raised_where_an_item_waits_for_room(place):
    room, waits = place.for_producer(), place.for_reader()
    run = Run(place, iter(["one"]), lambda item: (waits.set(), room.wait())).start()
    waits.wait()
    run.worker.stop(nothing)
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)


@producer_on_greenlet
def test_stopping_returns_before_the_source_has_unwound(place):
    waits, unwound = place.for_reader(), []

    def source():
        try:
            waits.set()
            place.for_producer().wait()
            yield "never"
        finally:
            unwound.append(True)

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(nothing)
    assert unwound == []
    run.ended.wait()


@interrupted_producer
def test_a_source_may_ignore_the_stop_and_give_one_more(place):
    waits = place.for_reader()

    def source():
        try:
            waits.set()
            place.for_producer().wait()
        except (GreenletExit, CancelledError):
            yield "a last word"

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(nothing)
    run.ended.wait()
    assert run.items == ["a last word"]
    assert run.error is None


@interrupted_producer
def test_a_second_stop_does_not_reach_the_sources_own_cleaning_up(place):
    waits, cleans, go_on = place.for_reader(), place.for_reader(), place.for_producer()
    cleaned = []

    def source():
        try:
            waits.set()
            place.for_producer().wait()
            yield "never"
        finally:
            cleans.set()
            go_on.wait()
            cleaned.append(True)

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(nothing)
    cleans.wait()
    run.worker.stop(nothing)
    gevent.idle()
    go_on.set()
    run.ended.wait()
    assert cleaned == [True]


class CleaningUp:
    """A source that waits in its ``finally`` after its last item was taken."""

    def __init__(self, place):
        self.cleans, self.go_on, self.cleaned = place.for_reader(), place.for_producer(), []

    def __iter__(self):
        try:
            yield "one"
        finally:
            self.cleans.set()
            self.go_on.wait()
            self.cleaned.append(True)


@producer_on_greenlet
def test_a_stop_does_not_reach_the_sources_own_cleaning_up(place):
    source = CleaningUp(place)
    run = Run(place, iter(source)).start()
    source.cleans.wait()
    run.worker.stop(nothing)
    gevent.idle()
    source.go_on.set()
    run.ended.wait()
    assert source.cleaned == [True]
    assert run.error is None


@producer_on_greenlet
def test_whoever_goes_on_behind_anothers_cleaning_up_is_stopped_then(place):
    first, waits = CleaningUp(place), place.for_reader()

    def source():
        yield from first
        waits.set()
        place.for_producer().wait()
        yield "never"

    run = Run(place, source()).start()
    first.cleans.wait()
    run.worker.stop(nothing)
    gevent.idle()
    first.go_on.set()
    waits.wait()
    run.ended.wait()
    assert first.cleaned == [True]
    assert isinstance(run.error, GreenletExit)


@producer_on_greenlet
def test_cleaning_up_that_never_ends_is_interrupted_at_last(place, monkeypatch):
    monkeypatch.setattr("flask_llmstream.runtime.workers.LOOKS", 1)
    source = CleaningUp(place)
    run = Run(place, iter(source)).start()
    source.cleans.wait()
    run.worker.stop(nothing)
    run.ended.wait()
    assert source.cleaned == []
    assert isinstance(run.error, GreenletExit)


@interrupted_producer
def test_a_stop_does_not_reach_what_runs_behind_the_source(place):
    worker = place.new_worker("a source")
    waits, go_on, ended = place.for_reader(), place.for_producer(), place.for_reader()

    def run():
        worker.drive([], nothing)
        waits.set()
        go_on.wait()
        ended.set()

    worker.start(run)
    waits.wait()
    worker.stop(nothing)
    gevent.idle()
    go_on.set()
    ended.wait()


@interrupted_producer
def test_a_stop_that_interrupts_aborts_nothing(place):
    aborted, waits = [], place.for_reader()

    def source():
        waits.set()
        place.for_producer().wait()
        yield "never"

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(lambda: aborted.append(True))
    run.ended.wait()
    assert aborted == []


@producer_on_thread
def test_a_stop_on_a_thread_aborts_what_the_source_waits_for(place):
    waits, freed = place.for_reader(), place.for_producer()

    def source():
        yield "one"
        waits.set()
        freed.wait()
        raise ConnectionAbortedError

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(freed.set)
    run.ended.wait()
    assert isinstance(run.error, ConnectionAbortedError)


@producer_on_thread
def test_a_thread_that_was_stopped_ends_at_its_next_item(place):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        yield "one"
        waits.set()
        go_on.wait()
        yield "two"

    run = Run(place, source()).start()
    waits.wait()
    run.worker.stop(nothing)
    go_on.set()
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)
    assert run.items == ["one"]


@producer_on_greenlet
def test_a_source_that_never_waits_still_lets_its_reader_read(place):
    read = place.for_reader()

    def computes():
        for number in range(1000):
            busy_until = monotonic() + 0.006  # past the 5 ms of one turn
            while monotonic() < busy_until:
                pass
            if read.is_set():
                return
            yield number

    run = Run(place, computes()).start()
    gevent.spawn(read.set)
    run.ended.wait()
    assert len(run.items) < 10


@producer_on_greenlet
def test_with_the_callers_turn_a_source_that_never_waits_is_done_before_the_hubs_next_turn(
    place, monkeypatch
):
    monkeypatch.setattr(turns, "TURN_SECONDS", 60)
    others = []
    gevent.spawn(others.append, "was ready before")
    run = Run(place, iter(range(3))).start()
    run.worker.give_turn()
    assert run.items == [0, 1, 2]
    assert others == []


@producer_on_greenlet
def test_a_caller_that_gave_its_turn_goes_on_where_the_source_waits(place):
    go_on = place.for_producer()

    def source():
        yield "one"
        go_on.wait()
        yield "two"

    run = Run(place, source()).start()
    run.worker.give_turn()
    assert run.items == ["one"]
    run.worker.give_turn()  # it has begun: nothing to do
    go_on.set()
    run.ended.wait()
    assert run.items == ["one", "two"]


@producer_on_greenlet
def test_a_given_turn_is_over_when_the_call_returns(place):
    """Whatever the caller waits for next is not disturbed by it."""
    for source in (iter("a"), gevent_sleeping("a")):
        Run(place, source).start().worker.give_turn()
        timer = gevent.get_hub().loop.timer(0.001)
        timer.start(gevent.getcurrent().switch, "woken by the timer")
        # No wait of gevent's own, which would check what woke it.
        assert gevent.get_hub().switch() == "woken by the timer"
        timer.close()


def gevent_sleeping(*items):
    gevent.sleep(0)
    yield from items


@producer_on_greenlet
def test_a_caller_that_is_killed_meanwhile_leaves_the_producer_alone(place):
    go_on = place.for_producer()

    def source():
        gevent.kill(caller)
        go_on.wait()
        yield "one"

    run = Run(place, source()).start()
    caller = gevent.spawn(run.worker.give_turn)
    caller.join()
    assert isinstance(caller.value, GreenletExit)
    go_on.set()
    run.ended.wait()
    assert run.items == ["one"]


@producer_on_greenlet
def test_what_fails_in_a_given_turn_is_the_hubs_and_not_the_callers(place, capsys):
    worker = place.new_worker("a source")

    def run():
        raise LookupError("gone")

    worker.start(run)
    worker.give_turn()
    assert "LookupError: gone" in capsys.readouterr().err


@producer_on_greenlet
def test_in_a_given_turn_a_source_that_computes_gives_way_after_its_turn(place):
    back = []

    def computes():
        while not back:
            busy_until = monotonic() + 0.006
            while monotonic() < busy_until:
                pass
            yield "more"

    run = Run(place, computes()).start()
    run.worker.give_turn()
    back.append(True)
    assert run.items
    run.ended.wait()


@interrupted_producer
def test_a_source_that_never_waits_can_be_stopped(place):
    def computes():
        while True:
            busy_until = monotonic() + 0.006
            while monotonic() < busy_until:
                pass
            yield "more"

    run = Run(place, computes()).start()
    gevent.spawn(run.worker.stop, nothing)
    run.ended.wait()
    assert isinstance(run.error, GreenletExit)


@producer_on_thread
def test_a_thread_whose_source_used_gevent_leaves_no_hub(place):
    descriptors = len(os.listdir("/proc/self/fd"))
    threads = set(threading.enumerate())
    gone_on = place.for_producer()

    def source():
        gevent.idle()
        yield len(os.listdir("/proc/self/fd"))
        gone_on.wait()

    run = Run(place, source()).start()
    (thread,) = set(threading.enumerate()) - threads
    gone_on.set()
    run.ended.wait()
    thread.join()
    assert run.items[0] > descriptors, "a hub was there"
    assert len(os.listdir("/proc/self/fd")) == descriptors


@producer_on_thread
def test_a_thread_does_not_keep_the_process_from_ending(place):
    threads = set(threading.enumerate())
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "late"

    run = Run(place, source()).start()
    (thread,) = set(threading.enumerate()) - threads
    assert thread.daemon
    go_on.set()
    run.ended.wait()


def test_a_greenlet_has_to_wait_through_the_hub(place):
    assert on_greenlet() is (place not in (THREADS, LOOP_BESIDE_THREAD))


def test_producers_run_where_the_request_does():
    assert runtime_for("auto").worker is ThreadWorker
    assert gevent.spawn(runtime_for, "auto").get().worker is GreenletWorker


def test_a_thread_can_be_asked_for_on_a_greenlet():
    assert issubclass(gevent.spawn(runtime_for, "thread").get().worker, ThreadWorker)


def test_a_greenlet_cant_be_asked_for_on_a_thread():
    assert gevent.spawn(runtime_for, "greenlet").get().worker is GreenletWorker
    with pytest.raises(ConfigurationError, match="worker: .*patch_all"):
        runtime_for("greenlet")
