"""One stream: it ends once, for its first reason, and its finaliser runs whatever happened."""

from __future__ import annotations

import gc
import threading
import weakref
from asyncio import CancelledError

import gevent
import pytest
from gevent import GreenletExit

from flask_llmstream.errors import StreamClosed, StreamError, UnsendableItem
from flask_llmstream.formats.openai import ChatCompletion
from flask_llmstream.records import MAX_TEXT, Usage
from flask_llmstream.runtime.runtime import runtime_for
from tests.support.running_stream import Running
from tests.support.runtimes import (
    BESIDE,
    GREENLETS,
    LOOPS,
    PLACES,
    THREADS,
    here,
    only,
    wait_for_worker_threads,
)
from tests.support.sources import Waiting

producer_on_greenlet = only(GREENLETS, *LOOPS)
producer_on_thread = only(THREADS, BESIDE)


@pytest.fixture(params=[*PLACES, *LOOPS], ids=lambda place: place.name)
def place(request):
    """Wherever a producer can run."""
    return request.param


REASONS = ["complete", "error", "timeout", "disconnect", "cancelled", "shutdown"]


@pytest.fixture
def waiting(place):
    """A stream, to be started, whose ``source`` waits behind its first item."""
    source = Waiting(place)
    running = Running(place, source, total_timeout=60)
    running.source = source
    yield running
    source.go_on.set()
    place.run(running.leave)


def start_and_receive_the_first(running):
    running.start().source.waits.wait()
    assert running.receive() == b"data: one\n\n"


# From its start to a good end.


def test_everything_is_received_in_order_and_then_the_end(place):
    running = Running(place, (str(number) for number in range(1000))).start()
    assert running.rest() == b"".join(b"data: %d\n\n" % number for number in range(1000))
    assert running.summary().reason == "complete"


def test_where_nobody_hears_of_the_end_only_the_slot_is_given_back(place):
    running = Running(place, ["one"])
    running.told.hears = lambda stream: False
    running.start().rest()
    assert running.told.wait_for_the_release() == []
    running.stream.abandon()


def test_any_iterable_will_do(place):
    running = Running(place, ["one", "two"]).start()
    assert running.rest() == b"data: one\n\ndata: two\n\n"
    running.summary()


def test_an_empty_source_ends_well(place):
    running = Running(place, iter([])).start()
    assert running.rest() == b""
    assert running.summary().reason == "complete"


def test_a_new_stream_has_not_ended_and_started_nothing(place):
    asked = []
    running = Running(place, map(asked.append, "abc"))
    assert running.stream.reason is None
    running.stream.abandon()
    assert asked == []


def test_receiving_gives_up_after_its_time(waiting):
    start_and_receive_the_first(waiting)
    assert waiting.receive(0) == b""


def test_a_producer_that_is_ahead_waits_for_its_reader(place):
    given = []
    source = (given.append(n) or str(n) for n in range(10))
    filled = place.for_reader()

    def counted():
        for item in source:
            if len(given) == 3:
                filled.set()
            yield item

    running = Running(place, counted(), buffer=2).start()
    filled.wait()
    assert len(given) == 3
    running.rest()
    assert running.summary().items == 10


# One ending.


@pytest.mark.parametrize("second", REASONS)
@pytest.mark.parametrize("first", REASONS)
@only(GREENLETS, THREADS)
def test_the_first_reason_wins(waiting, first, second):
    start_and_receive_the_first(waiting)
    assert waiting.stream.end(first) is True
    assert waiting.stream.end(second) is False
    waiting.source.go_on.set()
    assert waiting.leave().reason == first


def test_of_many_that_end_it_at_once_one_wins(waiting):
    waiting.start()
    won, together = [], threading.Barrier(8)

    def race():
        together.wait()
        if waiting.stream.end("complete"):
            won.append(True)

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert won == [True]


def test_what_a_later_error_says_is_not_told_of_the_first(waiting):
    waiting.start()
    waiting.stream.end("complete")
    waiting.stream.end("error", StreamError("too late"))
    assert waiting.stream.failure is None


def test_a_timeout_ends_it_with_a_failure_the_reader_can_see(waiting):
    start_and_receive_the_first(waiting)
    waiting.schedule.fire()
    assert waiting.rest() == b""
    assert waiting.stream.failure.code == "timeout"
    assert waiting.stream.failure.status == 504
    assert waiting.stream.failure.message == "The answer took longer than 60 seconds."


@producer_on_thread
def test_whoever_sees_the_reason_sees_its_failure(waiting):
    """The producer ends in the middle of a timeout: while that asks whether this is debug mode."""

    def is_debug():
        waiting.source.go_on.set()
        waiting.told.summary()
        return False

    start_and_receive_the_first(waiting)
    waiting.told.is_debug = is_debug
    waiting.schedule.fire()
    summary = waiting.leave()
    assert (summary.reason == "timeout") == (summary.failure is not None)


def test_a_timer_that_fires_behind_the_end_changes_nothing(place):
    running = Running(place, ["one"], total_timeout=60).start()
    running.rest()
    running.schedule.fire()
    assert running.summary().reason == "complete"
    assert running.stream.failure is None


def test_an_end_behind_the_timer_changes_nothing(waiting):
    start_and_receive_the_first(waiting)
    waiting.schedule.fire()
    waiting.source.go_on.set()
    assert waiting.leave().reason == "timeout"


def test_what_came_before_a_timeout_is_still_received(waiting):
    waiting.start().source.waits.wait()
    waiting.schedule.fire()
    assert waiting.rest() == b"data: one\n\n"


def test_without_a_total_timeout_there_is_no_timer(place):
    running = Running(place, ["one"]).start()
    assert running.schedule.waiting == []
    running.rest()
    running.summary()


def test_the_timer_is_let_go_of_when_nobody_reads_any_more(waiting):
    waiting.start()
    waiting.source.go_on.set()
    waiting.leave()
    assert waiting.schedule.waiting == []


def test_leaving_twice_is_harmless(waiting):
    waiting.start()
    waiting.stream.abandon()
    waiting.source.go_on.set()
    assert waiting.leave().reason == "disconnect"
    assert waiting.leave().reason == "disconnect"


@producer_on_greenlet
@pytest.mark.parametrize("reason", ["timeout", "disconnect", "cancelled", "shutdown"])
def test_a_source_that_waits_is_closed_at_once(waiting, reason):
    start_and_receive_the_first(waiting)
    waiting.stream.end(reason)
    assert waiting.summary().reason == reason
    assert waiting.source.closed == [True]


@producer_on_thread
@pytest.mark.parametrize("reason", ["timeout", "disconnect", "cancelled", "shutdown"])
def test_a_source_that_blocks_a_thread_is_closed_at_its_next_item(waiting, reason):
    start_and_receive_the_first(waiting)
    waiting.stream.end(reason)
    assert waiting.source.closed == []
    waiting.source.go_on.set()
    assert waiting.summary().reason == reason
    assert waiting.source.closed == [True]


def test_a_source_whose_item_waits_for_room_is_closed_at_once(place):
    third, closed = place.for_reader(), []

    def source():
        try:
            yield from ["one", "two"]
            third.set()
            yield "three"
        finally:
            closed.append(True)

    running = Running(place, source(), buffer=2).start()
    third.wait()
    assert running.leave().reason == "disconnect"
    assert closed == [True]


def test_a_source_may_ignore_its_stop_but_not_go_on(place):
    waits, go_on, given = place.for_reader(), place.for_producer(), []

    def source():
        while True:
            try:
                given.append("more")
                yield "more"
                waits.set()
                go_on.wait()
            except (GreenletExit, CancelledError):
                continue

    running = Running(place, source()).start()
    waits.wait()
    running.stream.end("cancelled")
    go_on.set()
    assert running.summary().reason == "cancelled"
    assert len(given) == 2


@pytest.mark.parametrize("item", ["more", Usage(1, 1)])
def test_nor_may_one_whose_items_are_not_sent(place, item):
    waits, go_on, given = place.for_reader(), place.for_producer(), []

    def source():
        for number in range(1000):
            try:
                given.append(number)
                yield item
                waits.set()
                go_on.wait()
            except (GreenletExit, CancelledError):
                continue

    running = Running(place, source(), format=ChatCompletion("a-model")).start()
    waits.wait()
    running.stream.end("cancelled")
    go_on.set()
    assert running.summary().reason == "cancelled"
    assert len(given) == 2


@pytest.mark.parametrize("reason", ["timeout", "disconnect", "cancelled", "shutdown"])
def test_a_source_of_a_whole_answer_is_stopped_as_well(place, reason):
    waits, go_on, given = place.for_reader(), place.for_producer(), []

    def source():
        for number in range(1000):
            yield str(number)
            given.append(number)
            waits.set()
            go_on.wait()

    running = Running(place, source(), format=ChatCompletion("a-model")).start()
    waits.wait()
    running.stream.end(reason)
    go_on.set()
    assert running.summary().reason == reason
    assert len(given) <= 2


def test_a_worker_that_is_stopped_from_elsewhere_ends_as_cancelled(place):
    def source():
        yield "one"
        raise GreenletExit

    running = Running(place, source()).start()
    running.rest()
    assert running.summary().reason == "cancelled"


def test_an_end_that_comes_while_it_starts_is_not_lost(place):
    """As of a drain on another thread: the slot is taken, and there is nothing to stop yet."""
    asked, runtime = [], runtime_for(place.worker)
    running = Running(place, map(asked.append, "abc"))

    def worker(name):
        running.stream.shut_down()
        assert running.stream.sink.is_read
        return runtime.worker(name)

    running.start(worker=worker)
    assert running.rest() == b""
    assert running.summary().reason == "shutdown"
    assert asked == []


def test_ending_it_before_its_producer_had_a_turn_asks_the_source_for_nothing(place):
    asked, enters, turn = [], place.for_reader(), place.for_producer()

    def enter(work):
        enters.set()
        turn.wait()
        work()

    running = Running(place, map(asked.append, "abc"), enter=enter).start()
    enters.wait()
    running.stream.end("cancelled")
    turn.set()
    assert running.summary().reason == "cancelled"
    assert asked == []


# What is aborted.


class Abortable(Waiting):
    """What a provider gives: it can be freed from its waiting from outside."""

    def __init__(self, place, failure=None):
        super().__init__(place)
        self.aborted = []
        self._failure = failure

    def abort(self):
        self.aborted.append(True)
        self.go_on.set()
        if self._failure is not None:
            raise self._failure


@producer_on_thread
@pytest.mark.parametrize("reason", ["timeout", "disconnect", "cancelled", "shutdown"])
def test_what_can_be_aborted_is_aborted_once(place, reason):
    source = Abortable(place)
    running = Running(place, source).start()
    source.waits.wait()
    running.stream.end(reason)
    assert running.leave().reason == reason
    assert source.aborted == [True]


def test_what_ends_by_itself_is_not_aborted(place):
    source = Abortable(place)
    source.go_on.set()
    running = Running(place, source).start()
    running.rest()
    running.leave()
    assert source.aborted == []


@producer_on_thread
@pytest.mark.parametrize("failure", [LookupError, gevent.Timeout])
def test_an_abort_that_fails_keeps_nobody_from_being_told(place, caplog, failure):
    source = Abortable(place, failure)
    running = Running(place, source, total_timeout=60).start()
    source.waits.wait()
    running.schedule.fire()
    assert running.rest() == b"data: one\n\n"
    assert running.summary().reason == "timeout"
    (record,) = caplog.records
    assert record.exc_info[0] is failure


# A reader who leaves.


def test_who_asked_is_told_of_a_departure_while_the_source_still_waits(place):
    source = Waiting(place)
    running = Running(place, source, on_disconnect=print).start()
    source.waits.wait()
    running.stream.end("disconnect")
    running.told.departure.wait()
    source.go_on.set()
    running.summary()
    (departure,) = running.told.departures
    assert (departure.reason, departure.items) == ("disconnect", 1)


@pytest.mark.parametrize("reason", ["timeout", "cancelled", "shutdown"])
def test_no_other_end_is_a_departure(place, reason):
    source = Waiting(place)
    running = Running(place, source, on_disconnect=print).start()
    source.waits.wait()
    running.stream.end(reason)
    source.go_on.set()
    running.summary()
    assert running.told.departures == []


def test_leaving_behind_the_end_is_no_departure(place):
    running = Running(place, ["one"], on_disconnect=print).start()
    running.told.summary()
    running.leave()
    assert running.told.departures == []


# A server that goes.


def test_a_shutdown_tells_the_reader_when_to_come_back(waiting):
    start_and_receive_the_first(waiting)
    waiting.stream.shut_down()
    waiting.source.go_on.set()
    summary = waiting.summary()
    assert (summary.reason, summary.failure.code) == ("shutdown", "shutdown")
    assert 1000 <= summary.failure.retry <= 5000


# Failures.


def test_an_exception_ends_it_with_a_failure_that_does_not_say_what_it_was(place):
    def source():
        yield "one"
        raise LookupError("a secret")

    running = Running(place, source()).start()
    assert running.rest() == b"data: one\n\n"
    summary = running.summary()
    assert summary.reason == "error"
    assert isinstance(summary.error, LookupError)
    assert summary.failure.code == "internal"
    assert summary.failure.id == "an-id"
    assert "secret" not in summary.failure.message


def test_in_debug_the_failure_says_what_it_was(place):
    def source():
        raise LookupError("a secret")
        yield

    running = Running(place, source())
    running.told.is_debug = lambda: True
    running.start().rest()
    assert running.summary().failure.message == "LookupError: a secret"


def test_a_stream_error_speaks_for_itself(place):
    def source():
        raise StreamError("Out of credit.", code="no_credit", status=402, retry_after=7)
        yield

    running = Running(place, source()).start()
    running.rest()
    failure = running.summary().failure
    assert (failure.code, failure.message) == ("no_credit", "Out of credit.")
    assert (failure.status, failure.retry_after) == (402, 7)


@pytest.mark.parametrize("exception", [gevent.Timeout, SystemExit, KeyboardInterrupt])
def test_what_is_no_common_exception_ends_it_all_the_same(place, exception):
    def source():
        yield "one"
        raise exception

    running = Running(place, source()).start()
    running.rest()
    summary = running.summary()
    assert summary.reason == "error"
    assert isinstance(summary.error, exception)


class Speechless(Exception):
    def __str__(self):
        raise LookupError("no words")


@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_that_cant_say_what_it_is_ends_it_all_the_same(place, debug):
    def source():
        yield "one"
        raise Speechless

    running = Running(place, source())
    running.told.is_debug = lambda: debug
    running.start()
    assert running.rest() == b"data: one\n\n"
    assert running.summary().reason == "error"


@pytest.mark.parametrize("item", [None, b"bytes", object(), {"a": float("nan")}])
def test_an_item_that_cant_be_sent_is_an_error_that_names_the_source(place, item):
    running = Running(place, ["one", item, "three"]).start()
    assert running.rest() == b"data: one\n\n"
    error = running.summary().error
    assert isinstance(error, UnsendableItem)
    assert "the source gave an item that can't be sent" in str(error)


def test_a_type_error_of_the_sources_own_is_its_own(place):
    def source():
        yield "one"
        raise TypeError("mine")

    running = Running(place, source()).start()
    running.rest()
    assert str(running.summary().error) == "mine"


def test_a_source_that_cant_be_iterated_is_closed(place):
    class Broken:
        closed = False

        def __iter__(self):
            raise LookupError("no iterator")

        def close(self):
            self.closed = True

    source = Broken()
    running = Running(place, source).start()
    running.rest()
    assert isinstance(running.summary().error, LookupError)
    assert source.closed


def test_what_fails_behind_the_end_is_logged_once(place, caplog):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        yield "one"
        waits.set()
        try:
            go_on.wait()
        finally:
            raise LookupError("while unwinding")

    running = Running(place, source()).start()
    waits.wait()
    running.stream.end("cancelled")
    go_on.set()
    assert running.summary().reason == "cancelled"
    (record,) = caplog.records
    assert record.exc_info[0] is LookupError


@pytest.mark.parametrize("error", [StreamClosed("disconnect"), StreamError("aborted")])
def test_what_being_stopped_looks_like_is_not_logged(place, caplog, error):
    waits, go_on = place.for_reader(), place.for_producer()

    def source():
        yield "one"
        waits.set()
        try:
            go_on.wait()
        finally:
            raise error

    running = Running(place, source()).start()
    waits.wait()
    running.stream.end("cancelled")
    go_on.set()
    running.summary()
    assert caplog.records == []


# The finaliser.


def test_the_finaliser_runs_on_the_worker(place):
    running = Running(place, ["one"]).start()
    running.rest()
    running.summary()
    assert running.told.ran_on != here()


def test_the_slot_is_given_back_behind_everything_else(place):
    running = Running(place, ["one"]).start()
    running.rest()
    running.summary()
    assert running.told.released == [1], "after one summary"


def test_the_source_is_closed_before_the_summary_is_told(place):
    source = Waiting(place)
    source.go_on.set()
    closed_then = []
    running = Running(place, iter(source))
    finished = running.told.finished
    running.told.finished = lambda *ended: (closed_then.extend(source.closed), finished(*ended))
    running.start().rest()
    running.summary()
    assert closed_then == [True]


def test_both_an_iterable_and_its_iterator_are_closed(place):
    class Closing:
        def __init__(self, closed):
            self.close = lambda: closed.append(type(self).__name__)

    class Iterable(Closing):
        def __iter__(self):
            return Iterator(closed)

    class Iterator(Closing):
        def __iter__(self):
            return self

        def __next__(self):
            raise StopIteration

    closed = []
    running = Running(place, Iterable(closed)).start()
    running.rest()
    running.summary()
    assert closed == ["Iterator", "Iterable"]


@pytest.mark.parametrize("exception", [LookupError, gevent.Timeout, GreenletExit])
def test_a_source_that_fails_while_it_is_closed_still_has_its_finaliser(place, exception, caplog):
    """Room for two items: it is closed where the third waits for its reader, who leaves."""
    third = place.for_reader()

    class Source:
        def __init__(self):
            self._items = iter(["one", "two", "three"])

        def __iter__(self):
            return self

        def __next__(self):
            item = next(self._items)
            if item == "three":
                third.set()
            return item

        def close(self):
            raise exception

    running = Running(place, Source(), buffer=2).start()
    third.wait()
    assert running.leave().reason == "disconnect"
    (record,) = caplog.records
    assert record.exc_info[0] is exception


def test_a_generator_that_ignores_being_closed_still_has_its_finaliser(place, caplog):
    third = place.for_reader()

    def source():
        try:
            yield "one"
            yield "two"
            third.set()
            yield "three"
        except GeneratorExit:
            yield "four"

    running = Running(place, source(), buffer=2).start()
    third.wait()
    assert running.leave().reason == "disconnect"
    assert "generator ignored GeneratorExit" in caplog.text


def test_a_context_that_cant_be_entered_is_a_failure(place, caplog):
    closed = []

    class Source(list):
        def close(self):
            closed.append(True)

    def enter(work):
        raise LookupError("no context")

    running = Running(place, Source(["never"]), enter=enter).start()
    assert running.rest() == b""
    summary = running.summary()
    assert summary.reason == "error"
    assert isinstance(summary.error, LookupError)
    assert closed == [True]
    assert "its context failed" in caplog.text


def test_a_context_that_fails_when_it_is_left_changes_nothing(place, caplog):
    def enter(work):
        work()
        raise LookupError("torn down badly")

    running = Running(place, ["one"], enter=enter).start()
    assert running.rest() == b"data: one\n\n"
    assert running.summary().reason == "complete"
    assert "its context failed" in caplog.text


def test_a_stream_that_is_left_before_its_start_closes_its_source_and_tells_nobody(place):
    closed = []

    class Source(list):
        def close(self):
            closed.append(True)

    running = Running(place, Source())
    running.stream.abandon()
    running.stream.abandon()
    assert closed == [True]
    assert running.told.summaries == running.told.released == []


def test_its_format_hears_once_that_nobody_reads_it_any_more(place):
    left, running = [], Running(place, ["one"])
    running.stream.format.left = lambda: left.append(running.stream.reason)
    running.start().rest()
    assert left == []
    running.summary()
    running.leave()
    assert left == ["complete"]


class NoRoom(Exception):
    """Neither for a thread nor for a timer."""


class NoWorker:
    def __init__(self, name):
        """Of no use."""

    def start(self, run):
        raise NoRoom

    def stop(self, abort):
        """Nothing runs."""


def no_timer(seconds, callback):
    raise NoRoom


@only(*PLACES)
@pytest.mark.parametrize("missing", [{"worker": NoWorker}, {"schedule": no_timer}], ids=list)
def test_a_stream_that_cant_start_gives_its_slot_back_and_closes_its_source(place, missing):
    closed = []

    class Source(list):
        def close(self):
            closed.append(True)

    running = Running(place, Source(), total_timeout=60)
    runtime = runtime_for(place.worker)._replace(**{"schedule": running.schedule, **missing})
    with pytest.raises(NoRoom):
        running.stream.start(runtime, running.told.release)
    running.stream.abandon()
    assert len(running.told.released) == 1
    assert closed == [True]
    assert running.schedule.waiting == []


# The summary.


def test_the_summary_counts_frames_and_bytes(place):
    running = Running(place, ["one", {"two": 2}]).start()
    received = running.rest()
    summary = running.summary()
    assert (summary.items, summary.bytes) == (2, len(received))
    assert summary.id == "an-id"


def test_the_summary_counts_what_the_reader_left_behind(place):
    third = place.for_reader()

    def source():
        yield "one"
        yield "two"
        third.set()
        yield "three"

    running = Running(place, source(), buffer=2).start()
    third.wait()
    running.receive(0)
    summary = running.leave()
    assert summary.items in (2, 3), "the third may have found room"
    assert summary.bytes == sum(map(len, [b"data: one\n\n", b"data: two\n\n"])) + (
        len(b"data: three\n\n") if summary.items == 3 else 0
    )


def test_the_summary_times_the_first_event_and_the_whole(place):
    first, last = place.for_producer(), place.for_producer()

    def source():
        first.wait()
        yield "one"
        last.wait()

    running = Running(place, source()).start()
    running.clock.now += 3
    first.set()
    running.receive()
    running.clock.now += 4
    last.set()
    running.rest()
    summary = running.summary()
    assert summary.first_event_seconds == 3
    assert summary.seconds == 7


def test_without_a_first_event_there_is_no_time_of_it(place):
    running = Running(place, []).start()
    running.rest()
    assert running.summary().first_event_seconds is None


def test_the_usage_goes_into_the_summary_and_not_to_the_reader(place):
    usage = Usage(prompt_tokens=3, completion_tokens=4)
    running = Running(place, ["one", usage]).start()
    assert running.rest() == b"data: one\n\n"
    assert running.summary().usage == running.stream.sink.usage == usage


def test_the_text_is_the_deltas_joined(place):
    running = Running(place, ["Hel", {"not": "text"}, "lo"], on_finish=print).start()
    running.rest()
    assert running.summary().text == "Hello"


def test_the_text_is_kept_only_where_somebody_asked(place):
    running = Running(place, ["Hello"]).start()
    running.rest()
    assert running.summary().text == ""


@pytest.mark.parametrize("size", [MAX_TEXT + 1, 700_000, 999_999, 1_000_000])
def test_the_text_is_bounded(place, size):
    running = Running(place, ["a" * size, "b" * size], on_finish=print).start()
    running.rest()
    assert running.summary().text == ("a" * size + "b" * size)[:MAX_TEXT]


# What it keeps alive.


class Source:
    """Remembered only weakly."""

    def __init__(self, fails):
        self._fails = fails

    def __iter__(self):
        yield "one"
        if self._fails:
            raise LookupError("gone")


@pytest.mark.parametrize("fails", [False, True], ids=["complete", "error"])
def test_a_stream_that_ended_is_freed_without_the_garbage_collector(place, fails):
    source = Source(fails)
    seen = weakref.ref(source)
    gc.disable()
    try:
        running = Running(place, source).start()
        running.rest()
        running.leave()
        running.told.summaries.clear()
        del running, source
        wait_for_worker_threads()
        assert seen() is None
    finally:
        gc.enable()
