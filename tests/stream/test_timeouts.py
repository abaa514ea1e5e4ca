"""The timers that end a stream from inside, each for its own patience."""

from __future__ import annotations

import pytest

from flask_llmstream.deltas import Delta
from flask_llmstream.errors import StreamTimeout
from flask_llmstream.formats.openai import ChatCompletion
from flask_llmstream.stream.frames import last_frame
from tests.support.running_stream import Running
from tests.support.sources import Waiting


@pytest.fixture
def start(place):
    """Start a stream with these options, whose ``source`` waits behind its first item."""
    started = []

    def start(**options):
        source = Waiting(place)
        running = Running(place, source, **options)
        running.source = source
        started.append(running)
        return running.start()

    yield start
    for running in started:
        running.source.go_on.set()
        place.run(running.leave)


def waits_behind_its_first_item(running):
    running.source.waits.wait()
    assert running.receive() == b"data: one\n\n"
    return running


@pytest.mark.parametrize(
    "option, seconds",
    [("first_event_timeout", 5), ("idle_timeout", 6), ("total_timeout", 7)],
)
def test_each_has_a_timer_only_where_it_was_asked_for(start, option, seconds):
    (timer,) = start(**{option: seconds}).schedule.waiting
    assert timer.seconds == seconds
    assert start().schedule.waiting == []


@pytest.mark.parametrize(
    "option", ["first_event_timeout", "idle_timeout", "total_timeout", "max_lifetime"]
)
def test_they_are_let_go_of_when_nobody_reads_any_more(start, option):
    running = waits_behind_its_first_item(start(**{option: 60}))
    running.source.go_on.set()
    running.leave()
    assert running.schedule.waiting == []


# Until the first item.


def test_a_source_that_never_begins_is_timed_out(place):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        waits.set()
        go_on.wait()
        yield "late"

    running = Running(place, source(), first_event_timeout=5).start()
    waits.wait()
    running.schedule.fire()
    go_on.set()
    assert running.rest() == b""
    summary = running.summary()
    assert (summary.reason, str(summary.error)) == (
        "timeout",
        "The answer did not begin within 5 seconds.",
    )


def test_a_source_that_began_in_time_may_pause(start):
    running = waits_behind_its_first_item(start(first_event_timeout=5))
    running.schedule.fire()
    assert running.stream.reason is None


# Between items.


def test_a_source_that_pauses_for_too_long_is_timed_out(start):
    running = waits_behind_its_first_item(start(idle_timeout=5))
    running.clock.now += 5
    running.schedule.fire()
    running.source.go_on.set()
    summary = running.summary()
    assert (summary.reason, str(summary.error)) == (
        "timeout",
        "The answer paused for more than 5 seconds.",
    )


def test_the_pause_is_counted_from_the_last_item(start):
    running = waits_behind_its_first_item(start(idle_timeout=5))
    running.clock.now += 3
    running.schedule.fire()
    assert running.stream.reason is None
    (timer,) = running.schedule.waiting
    assert timer.seconds == 2


def test_before_the_first_item_nothing_is_a_pause(place):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        waits.set()
        go_on.wait()
        yield "late"

    running = Running(place, source(), idle_timeout=5).start()
    waits.wait()
    running.clock.now += 50
    running.schedule.fire()
    assert running.stream.reason is None
    go_on.set()
    assert running.rest() == b"data: late\n\n"
    running.summary()


def test_what_the_reader_takes_its_time_for_is_no_pause(place):
    third = place.for_reader()

    def source():
        yield from ["one", "two"]
        third.set()
        yield "three"

    running = Running(place, source(), buffer=2, idle_timeout=5).start()
    third.wait()
    while not running.stream.sink.waits_for_room:
        pass  # a thread has a step to go from there, and takes it
    running.clock.now += 50
    running.schedule.fire()
    assert running.stream.reason is None
    assert running.rest() == b"data: one\n\ndata: two\n\ndata: three\n\n"
    assert running.summary().reason == "complete"


def test_a_check_that_was_under_way_at_the_end_leaves_no_timer(start):
    running = waits_behind_its_first_item(start(idle_timeout=5))
    (timer,) = running.schedule.waiting
    under_way = timer.callback
    running.source.go_on.set()
    running.leave()
    under_way()
    assert running.schedule.waiting == []


# In all.


def test_a_source_that_takes_too_long_in_all_is_timed_out(start):
    running = waits_behind_its_first_item(start(total_timeout=5))
    running.schedule.fire()
    running.source.go_on.set()
    summary = running.summary()
    assert isinstance(summary.error, StreamTimeout)
    assert str(summary.error) == "The answer took longer than 5 seconds."


def test_a_connection_that_grew_old_is_shut_down(start):
    running = waits_behind_its_first_item(start(max_lifetime=100))
    running.schedule.fire()
    running.source.go_on.set()
    assert running.summary().reason == "shutdown"


def test_connections_that_began_together_do_not_grow_old_together(start):
    lifetimes = [start(max_lifetime=100).schedule.waiting[0].seconds for _ in range(20)]
    assert all(90 <= seconds <= 100 for seconds in lifetimes)
    assert len(set(lifetimes)) > 1


# An item for which nothing is sent.

UNSENT = {
    "text": (Delta(reasoning="hm"), "text"),
    "whole": ("one", lambda event: ChatCompletion("gemma")),
}


def thinking(place, item):
    """A source that waits behind its first item."""
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        yield item
        waits.set()
        go_on.wait()

    return source(), waits, go_on


@pytest.mark.parametrize("how", UNSENT)
def test_a_source_whose_first_item_is_not_sent_has_begun(place, how):
    item, format = UNSENT[how]
    source, waits, go_on = thinking(place, item)
    running = Running(place, source, format=format, first_event_timeout=5).start()
    waits.wait()
    running.schedule.fire()
    go_on.set()
    running.rest()
    assert running.summary().reason == "complete"


@pytest.mark.parametrize("how", UNSENT)
def test_a_source_whose_items_are_not_sent_is_not_idle(place, how):
    item, format = UNSENT[how]
    source, waits, go_on = thinking(place, item)
    running = Running(place, source, format=format, idle_timeout=5).start()
    waits.wait()
    running.clock.now += 3
    running.schedule.fire()
    (timer,) = running.schedule.waiting
    assert timer.seconds == 2
    go_on.set()
    running.rest()
    assert running.summary().reason == "complete"


@pytest.mark.parametrize("how", UNSENT)
def test_a_source_that_pauses_behind_an_item_that_is_not_sent_is_timed_out(place, how):
    item, format = UNSENT[how]
    source, waits, go_on = thinking(place, item)
    running = Running(place, source, format=format, idle_timeout=5).start()
    waits.wait()
    running.clock.now += 5
    running.schedule.fire()
    go_on.set()
    running.rest()
    assert running.summary().reason == "timeout"


def test_an_item_that_is_not_sent_is_no_item(place):
    running = Running(place, ["one", Delta(reasoning="hm")], on_finish=lambda summary: None).start()
    assert running.rest() == b"data: one\n\n"
    summary = running.summary()
    assert (summary.items, summary.text, summary.left_out) == (1, "one", {"reasoning": 1})


def test_the_text_of_a_stream_is_its_words_with_whole_characters(place):
    items = ["a\ud83d", Delta(reasoning="hm", refusal="\ude00"), Delta("b")]
    running = Running(place, items, on_finish=lambda summary: None).start()
    running.rest()
    assert running.summary().text == "a😀b"


def test_half_a_character_that_waits_is_sent_before_the_end(place):
    running = Running(place, ["a\ud83d"]).start()
    running.rest()
    assert last_frame(running.stream).startswith("data: \ufffd\n\nevent: ended\n".encode())
    running.summary()
