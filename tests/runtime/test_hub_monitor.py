"""The log names the code that holds the hub, and no code that lets the hub run."""

from __future__ import annotations

import os
import queue
import re
import threading
from functools import partial
from time import monotonic

import gevent
import pytest

from flask_llmstream.runtime.hub_monitor.monitor import HubMonitor
from flask_llmstream.runtime.hub_monitor.suspects import Suspects
from flask_llmstream.runtime.hub_monitor.worker_threads import WorkerThreads
from flask_llmstream.runtime.threads import start_native_thread
from flask_llmstream.runtime.wakeups import CrossThreadWakeup
from tests.support.answers import Answer
from tests.support.runtimes import BESIDE, GREENLETS, HANG_GUARD, only, wait_for_worker_threads

on_the_hub = only(GREENLETS)


def name_of(frame):
    """This test's producers are functions called ``produce``."""
    return "ticks" if frame.f_code.co_name == "produce" else None


def compute_until(condition):
    guard = monotonic() + HANG_GUARD / 2
    while not condition():
        assert monotonic() < guard, "nothing came"


@pytest.fixture
def watching():
    """A monitor that looks often, while one producer runs."""
    monitor = HubMonitor(name_of, stall_seconds=0.02, look_seconds=0.001)
    monitor.enter()
    yield monitor
    monitor.leave()


@on_the_hub
def test_a_producer_that_holds_the_hub_is_named_with_the_seconds_and_the_line(watching, caplog):
    def produce():
        compute_until(lambda: caplog.records)

    produce()
    told = caplog.records[0].getMessage()
    assert re.match(r"the generator of ticks has held the hub for \d+\.\d s, at .*:\d+ in ", told)


@on_the_hub
def test_it_is_told_again_while_it_lasts_but_ever_more_rarely(watching, caplog):
    compute_until(lambda: len(caplog.records) >= 4)
    told = [record.created for record in caplog.records[:4]]
    assert told[3] - told[2] > told[1] - told[0]


@on_the_hub
def test_a_log_that_fails_does_not_end_the_watch(watching, failing_log):
    compute_until(lambda: failing_log.failed >= 2)


@on_the_hub
def test_without_a_thread_to_watch_a_producer_runs_all_the_same(monkeypatch, caplog):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monitor = HubMonitor(name_of, stall_seconds=0.02, look_seconds=0.001)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        monitor.enter()
    monitor.leave()
    (record,) = caplog.records
    assert record.exc_info[0] is RuntimeError
    monitor.enter()
    compute_until(lambda: len(caplog.records) > 1)
    monitor.leave()
    assert "has held the hub" in caplog.records[1].getMessage()


@on_the_hub
def test_what_is_no_producers_is_told_by_its_place_alone(watching, caplog):
    compute_until(lambda: caplog.records)
    assert caplog.records[0].getMessage().startswith("something that is no stream's generator")


@on_the_hub
def test_a_hub_that_has_its_turns_is_not_told_of(caplog):
    monitor = HubMonitor(name_of, stall_seconds=HANG_GUARD, look_seconds=0.001)
    monitor.enter()
    for _ in range(50):
        gevent.sleep(0)
    monitor.leave()
    assert caplog.records == []


@on_the_hub
def test_without_a_producer_nothing_is_said_and_the_thread_ends(caplog):
    before = len(os.listdir("/proc/self/task"))
    monitor = HubMonitor(name_of, stall_seconds=0.001, look_seconds=0.001)
    monitor.enter()
    monitor.leave()
    compute_until(lambda: len(os.listdir("/proc/self/task")) <= before)
    assert caplog.records == []


@on_the_hub
def test_the_view_is_named(app, streams, caplog):
    @app.route("/")
    @streams.view()
    def spinning():
        compute_until(lambda: caplog.records)
        yield "at last"

    with Answer(app, "/") as answer:
        answer.rest()
    (told, *_) = [r.getMessage() for r in caplog.records if "held the hub" in r.getMessage()]
    assert "spinning" in told


# Cut up.


@pytest.fixture
def soon():
    """A monitor that looks often, and warns of no long stretch, while one producer runs."""
    monitor = HubMonitor(name_of, HANG_GUARD, look_seconds=0.001, hold_seconds=0.002)
    monitor.enter()
    yield monitor
    monitor.leave()


def compute(seconds):
    ends = monotonic() + seconds
    while monotonic() < ends:
        pass


@on_the_hub
def test_a_producer_that_holds_the_hub_piece_by_piece_is_told_with_its_share(soon, caplog):
    def produce():
        compute(0.02)

    guard = monotonic() + HANG_GUARD / 2
    while not caplog.records:
        assert monotonic() < guard, "nothing came"
        produce()
        gevent.sleep(0)
    told = caplog.records[0].getMessage()
    start = r"the generator of ticks has held the hub for \d+% of the last seconds, at .*:\d+ in "
    assert re.match(start, told)
    assert "worker='thread'." in told


@on_the_hub
def test_what_computes_elsewhere_is_told_what_reaches_it(soon, caplog):
    def generate():
        while not caplog.records:
            compute(0.02)
            gevent.sleep(0)

    gevent.spawn(generate).get(timeout=HANG_GUARD / 2)
    told = caplog.records[0].getMessage()
    assert told.startswith("something that is no stream's generator (generate) has held the hub")
    assert "a patched threading.Thread is a greenlet" in told


@on_the_hub
def test_many_greenlets_that_take_turns_are_nobodys_fault(caplog):
    monitor = HubMonitor(name_of, HANG_GUARD, look_seconds=0.001, hold_seconds=0.5)
    monitor.enter()
    for _ in range(20):
        gevent.joinall([gevent.spawn(compute, 0.0001) for _ in range(100)])
    monitor.leave()
    assert caplog.records == []


@on_the_hub
def test_nor_are_hundreds_of_short_producers_that_are_ready_at_a_time(caplog):
    monitor = HubMonitor(name_of, stall_seconds=0.3, look_seconds=0.001)

    def stream():
        monitor.enter()
        compute(0.001)
        monitor.leave()

    monitor.enter()
    gevent.joinall([gevent.spawn(stream) for _ in range(800)])
    monitor.leave()
    assert caplog.records == []


@only(BESIDE)
def test_the_hub_of_a_reader_whose_producer_has_a_thread_is_watched_as_well(
    place, app, serve, waiting, caplog
):
    serve(lambda: waiting)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        compute_until(lambda: "held the hub" in caplog.text)
        waiting.go_on.set()
        answer.rest()
    wait_for_worker_threads()


# On the thread of a worker.


def looks(threads):
    """Look once at the threads; the names that were warned of."""
    told = []
    threads.look(told.append)
    return told


@pytest.fixture
def threads():
    return WorkerThreads()


@pytest.fixture
def on_worker(threads):
    """Run a producer on a thread of its own, and raise its errors here."""
    outcomes = queue.Queue()

    def run(produce):
        try:
            with threads.watched("ticks"):
                outcomes.put(produce())
        except BaseException as error:
            outcomes.put(error)

    def begin(produce):
        start_native_thread(partial(run, produce), "worker")
        return partial(outcomes.get, timeout=HANG_GUARD)

    return begin


def test_a_greenlet_that_computes_on_a_workers_thread_is_told_by_name(threads, on_worker):
    started, go_on = threading.Event(), threading.Event()

    def generate():
        started.set()
        compute_until(go_on.is_set)

    ended = on_worker(lambda: gevent.spawn(generate).join())
    assert started.wait(HANG_GUARD)
    told = [looks(threads) for _ in range(3)]
    go_on.set()
    assert ended() is None
    assert told[:2] == [[], []]
    ((who, place, share),) = told[2]
    assert who == "something that is not the generator of ticks (generate)"
    assert re.match(r".*:\d+ in \w+", place)
    assert share == 1
    assert looks(threads) == []


def test_a_producer_that_computes_on_its_own_thread_is_no_ones_fault(threads, on_worker):
    started, go_on = threading.Event(), threading.Event()

    def generate():
        started.set()
        compute_until(go_on.is_set)

    ended = on_worker(generate)
    assert started.wait(HANG_GUARD)
    told = [looks(threads) for _ in range(10)]
    go_on.set()
    assert ended() is None
    assert told == [[]] * 10


def test_a_workers_hub_that_waits_is_no_ones_fault(threads, on_worker):
    started, wakeup = threading.Event(), queue.Queue()

    def generate():
        go_on = CrossThreadWakeup()
        wakeup.put(go_on)
        gevent.spawn(started.set)
        go_on.wait(HANG_GUARD)
        go_on.close()

    ended = on_worker(generate)
    go_on = wakeup.get(timeout=HANG_GUARD)
    assert started.wait(HANG_GUARD)
    told = [looks(threads) for _ in range(10)]
    go_on.set()
    assert ended() is None
    assert told == [[]] * 10


def test_to_look_at_a_worker_that_does_not_use_gevent_makes_it_no_hub(threads, on_worker):
    def generate():
        for _ in range(5):
            looks(threads)
        return gevent._hub_local.get_hub_if_exists()

    assert on_worker(generate)() is None


@only(BESIDE)
def test_what_a_generator_waits_for_in_vain_on_its_own_thread_is_told(app, streams, caplog):
    def generate():
        compute_until(lambda: caplog.records)

    @app.route("/")
    def view():
        def ticks():
            gevent.spawn(generate).join()
            yield "at last"

        return streams.response(ticks(), worker="thread")

    with Answer(app, "/") as answer:
        answer.rest()
    wait_for_worker_threads()
    told = caplog.records[0].getMessage()
    assert re.search(r"generator of .*ticks.* \(generate\) has held the hub of its thread", told)
    assert "a patched threading.Thread is a greenlet" in told


# Who is told of, and how often.


def test_who_is_seen_most_of_the_time_is_a_suspect():
    suspects = Suspects(pause=2, looks=4)
    assert [suspects.saw("ticks") for _ in range(4)] == [0, 0, 1, 1]
    assert suspects.saw(None) == 0
    assert suspects.saw("ticks") == 0.75


def test_a_short_burst_is_nothing_to_tell_of():
    suspects = Suspects(pause=2, looks=4)
    assert [suspects.saw("ticks") for _ in range(2)] == [0, 0]
    assert [suspects.saw(None) for _ in range(4)] == [0] * 4
    assert suspects.saw("ticks") == 0


def test_many_who_hold_it_in_turn_are_no_suspects():
    suspects = Suspects(pause=2, looks=4)
    assert [suspects.saw(who) for who in ("a", "b", "a", "b", "a", "b")] == [0] * 6


def test_what_was_seen_while_producers_ran_is_forgotten_with_the_last():
    suspects = Suspects(pause=2, looks=4)
    for _ in range(2):
        suspects.saw("ticks")
    suspects.forget()
    assert [suspects.saw("ticks") for _ in range(2)] == [0, 0]


def test_one_is_told_of_once_and_then_ever_more_rarely():
    suspects = Suspects(pause=2)
    told = [now for now in range(100) if suspects.may_warn("ticks", now)]
    assert told == [0, 2, 6, 14, 30, 62]
    assert suspects.may_warn("another", 99)
