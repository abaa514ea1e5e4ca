"""Who holds the hub is told by name, and who lets it turn is not."""

from __future__ import annotations

import os
import re
import threading
from time import monotonic

import gevent
import pytest

from flask_llmstream.stalls import StallWatch
from tests.answers import Answer
from tests.places import GREENLETS, HANG_GUARD, only

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
    """A watch that looks often, while one producer runs."""
    watch = StallWatch(name_of, stall_seconds=0.02, look_seconds=0.001)
    watch.enter()
    yield watch
    watch.leave()


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

    watch = StallWatch(name_of, stall_seconds=0.02, look_seconds=0.001)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        watch.enter()
    watch.leave()
    (record,) = caplog.records
    assert record.exc_info[0] is RuntimeError
    watch.enter()
    compute_until(lambda: len(caplog.records) > 1)
    watch.leave()
    assert "has held the hub" in caplog.records[1].getMessage()


@on_the_hub
def test_what_is_no_producers_is_told_by_its_place_alone(watching, caplog):
    compute_until(lambda: caplog.records)
    assert caplog.records[0].getMessage().startswith("something that is no stream's generator")


@on_the_hub
def test_a_hub_that_has_its_turns_is_not_told_of(caplog):
    watch = StallWatch(name_of, stall_seconds=HANG_GUARD, look_seconds=0.001)
    watch.enter()
    for _ in range(50):
        gevent.sleep(0)
    watch.leave()
    assert caplog.records == []


@on_the_hub
def test_without_a_producer_nothing_is_said_and_the_thread_ends(caplog):
    before = len(os.listdir("/proc/self/task"))
    watch = StallWatch(name_of, stall_seconds=0.001, look_seconds=0.001)
    watch.enter()
    watch.leave()
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
