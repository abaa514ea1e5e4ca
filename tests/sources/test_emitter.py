"""An emitter: what is sent from anywhere arrives, and it ends once, told to whoever asked."""

from __future__ import annotations

import threading

import gevent
import pytest
from flask import current_app

from flask_llmstream import (
    Emitter,
    ServerSentEvent,
    StreamClosed,
    StreamError,
    Summary,
    UnsendableItem,
)
from flask_llmstream.errors import StreamNotStarted
from tests.support.answers import Answer
from tests.support.connections import Connection
from tests.support.runtimes import GREENLETS, THREADS, only, wait_for_worker_threads

both = only(GREENLETS, THREADS)


@pytest.fixture
def serve(app, streams):
    """Serve an emitter at ``/``: ``use`` is called with it in the view."""

    def serve(use=lambda emitter: None, **options):
        made = []

        @app.route("/")
        def view():
            emitter = streams.emitter(**{"format": "text", **options})
            made.append(emitter)
            use(emitter)
            return emitter.response()

        return made

    return serve


@pytest.fixture
def open_stream(place, app, serve):
    """An emitter whose stream is read, and what reads it."""
    answers = []

    def open_stream(use=lambda emitter: None, **options):
        (made, answer) = serve(use, **options), Answer(app, "/")
        answers.append(answer)
        answer.block()
        return made[0], answer

    yield open_stream
    for answer in answers:
        answer.close()
    wait_for_worker_threads()


class Told:
    """A callback that remembers what it was told."""

    def __init__(self, place):
        self.calls = []
        self._came = place.for_reader()

    def __call__(self, *arguments):
        self.calls.append(arguments)
        self._came.set()

    def wait(self):
        self._came.wait()
        return self.calls


@pytest.fixture
def told(place):
    return Told(place)


# Sending.


def test_what_is_sent_arrives_in_order_and_then_the_end(place, open_stream):
    emitter, answer = open_stream()
    for item in ("one", {"two": 2}, ServerSentEvent("three", event="third")):
        emitter.send(item)
    assert emitter.complete()
    told = [event.data for event in answer.all_events()]
    assert told[:3] == ["one", '{"two":2}', "three"]


def test_the_fields_of_an_event_can_be_said(place, open_stream):
    emitter, answer = open_stream()
    emitter.send("one", event="delta", id="7", retry=500, comment="a comment")
    emitter.complete()
    assert answer.rest().startswith(
        b": a comment\nevent: delta\ndata: one\nid: 7\nretry: 500\n\n"
    )


def test_a_comment_alone_can_be_sent(place, open_stream):
    emitter, answer = open_stream()
    emitter.send(comment="still there")
    emitter.complete()
    assert answer.rest().startswith(b": still there\n\n")


def test_a_field_that_cant_be_is_refused_and_the_stream_goes_on(place, open_stream):
    emitter, answer = open_stream()
    with pytest.raises(ValueError, match="^id: "):
        emitter.send("one", id="a\nb")
    emitter.send("two")
    emitter.complete()
    assert b"data: two\n\n" in answer.rest()


@pytest.mark.parametrize("item", [None, {1, 2}, {"nan": float("nan")}])
def test_an_item_that_cant_be_sent_ends_the_stream_once_and_names_the_place(
    place, open_stream, item
):
    emitter, answer = open_stream()
    with pytest.raises(UnsendableItem, match=r"test_emitter\.py:\d+, gave an item"):
        emitter.send(item)
    with pytest.raises(StreamClosed) as closed:
        emitter.send("more")
    assert closed.value.reason == "error"
    assert b"event: error" in answer.rest()


def test_32_native_threads_lose_nothing_and_keep_each_ones_order(place, open_stream):
    emitter, answer = open_stream(overflow="block", buffer=8)
    left = [32]
    lock = threading.Lock()

    def run(thread):
        for number in range(50):
            emitter.send(f"{thread} {number}")
        with lock:
            left[0] -= 1
            if not left[0]:
                emitter.complete()

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(32)]
    for thread in threads:
        thread.start()
    sent = [event.data.split() for event in answer.all_events() if " " in event.data]
    for thread in threads:
        thread.join()
    assert len(sent) == 32 * 50
    for thread in range(32):
        assert [int(n) for t, n in sent if int(t) == thread] == list(range(50))


# Before the response starts.


def test_what_is_sent_before_the_response_is_kept(place, app, serve):
    def use(emitter):
        emitter.send("one")
        emitter.send("two")
        emitter.complete()

    serve(use)
    with Answer(app, "/") as answer:
        assert [event.data for event in answer.all_events()] == ["one", "two"]
    wait_for_worker_threads()


def test_who_has_to_return_the_response_is_not_left_hanging(place, app, serve):
    refused = []

    def use(emitter):
        emitter.send("one")
        with pytest.raises(StreamNotStarted):
            emitter.send("two")
        refused.append(True)
        emitter.complete()

    serve(use, overflow="block", buffer=1)
    with Answer(app, "/") as answer:
        assert [event.data for event in answer.all_events()] == ["one"]
    assert refused
    wait_for_worker_threads()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_response_that_nobody_reads_ends_it_as_cancelled(place, app, serve, method):
    completed = []
    (made) = serve(lambda emitter: emitter.on_completion(completed.append))
    Answer(app, "/", method=method).close()
    with pytest.raises(StreamClosed) as closed:
        made[0].send("late")
    assert closed.value.reason == "cancelled"
    assert [summary.reason for summary in completed] == ["cancelled"]


@pytest.mark.parametrize("make", ["emitter", "create"])
def test_the_end_of_what_nobody_reads_is_reported(place, app, streams, make):
    finished = []

    @app.route("/")
    def view():
        def told(summary):
            finished.append((current_app.name, summary.reason))

        if make == "emitter":
            return streams.emitter(on_finish=told).response()
        return streams.create(lambda emitter: None, on_finish=told)

    Answer(app, "/").close()
    assert finished == [(app.name, "cancelled")]


def test_completion_is_told_also_of_what_was_complete_before_nobody_read_it(place, app, serve):
    told = []

    def use(emitter):
        emitter.on_completion(told.append)
        emitter.complete()

    serve(use)
    Answer(app, "/").close()
    assert [summary.reason for summary in told] == ["complete"]


# The end.


def test_completing_twice_is_harmless(place, open_stream):
    emitter, answer = open_stream()
    assert emitter.complete()
    assert not emitter.complete()
    assert not emitter.fail(LookupError())
    assert b"error" not in answer.rest()


def test_behind_the_end_nothing_can_be_sent(place, open_stream):
    emitter, answer = open_stream()
    emitter.complete()
    with pytest.raises(StreamClosed) as closed:
        emitter.send("late")
    assert closed.value.reason == "complete"
    assert (emitter.requested, emitter.is_cancelled) == (0, True)
    answer.rest()


def test_a_failure_is_told_to_the_reader_and_to_whoever_asked(place, open_stream, told):
    emitter, answer = open_stream(lambda emitter: emitter.on_error(told))
    emitter.fail(StreamError("Out of credit."))
    assert b"Out of credit." in answer.rest()
    ((error,),) = told.wait()
    assert str(error) == "Out of credit."


def test_what_is_no_exception_is_no_failure(place, open_stream):
    emitter, answer = open_stream()
    with pytest.raises(TypeError, match=r"^error: has to be an exception, as StreamError"):
        emitter.fail("Out of credit.")
    emitter.complete()
    answer.rest()


def test_a_failed_send_of_a_reader_who_left_says_so(place, app, serve, told):
    made = serve(lambda emitter: emitter.on_cancel(told), heartbeat=0)
    with Connection() as connection, Answer(app, "/", connection.environ) as answer:
        answer.block()
        connection.client_closes()
        told.wait()
        with pytest.raises(StreamClosed) as closed:
            made[0].send("late")
    assert closed.value.reason == "disconnect"
    assert made[0].is_cancelled
    wait_for_worker_threads()


# Callbacks.


def test_completion_is_told_last_once_in_an_app_context(place, open_stream):
    order, done = [], place.for_reader()

    def use(emitter):
        emitter.on_error(lambda error: order.append("error"))
        emitter.on_completion(lambda summary: order.append(current_app.name))
        emitter.on_completion(lambda summary: done.set())

    emitter, answer = open_stream(use, on_finish=lambda summary: order.append("finish"))
    emitter.fail(LookupError())
    answer.rest()
    done.wait()
    assert order == ["finish", "error", "a_site"]


def overflows(emitter):
    with pytest.raises(StreamClosed, match="overflow"):
        while True:
            emitter.send("one more")


@pytest.mark.parametrize(
    "kind, end", [("on_dispose", Emitter.complete), ("on_cancel", overflows)], ids=["good", "bad"]
)
def test_an_end_on_a_thread_of_somebody_elses_is_told_all_the_same(
    place, open_stream, told, kind, end
):
    emitter, answer = open_stream(lambda emitter: getattr(emitter, kind)(told), overflow="error")
    ends = threading.Thread(target=end, args=(emitter,))
    ends.start()
    ends.join()
    answer.rest()
    assert told.wait() == [()]


def test_a_departure_is_told_though_the_producer_was_done_with_it_before(place, open_stream, told):
    emitter, answer = open_stream(lambda emitter: emitter.on_cancel(told))
    emitter.finished(Summary("0", "disconnect", 0, 0, 0, None, 0.0, None, "", None, None))
    emitter.ended("disconnect", None)
    assert told.wait() == [()]


def test_one_that_fails_keeps_the_others_from_nothing(place, open_stream, told, caplog):
    def use(emitter):
        emitter.on_completion(lambda summary: 1 / 0)
        emitter.on_completion(told)

    emitter, answer = open_stream(use)
    emitter.complete()
    answer.rest()
    assert len(told.wait()) == 1
    assert "an on_completion callback failed" in caplog.text


def test_one_that_comes_late_is_told_at_once(place, open_stream, told):
    emitter, answer = open_stream(lambda emitter: emitter.on_completion(told))
    emitter.complete()
    answer.rest()
    told.wait()
    late = []
    emitter.on_completion(late.append)
    assert [summary.reason for summary in late] == ["complete"]


@both
def test_a_timeout_may_be_answered_with_a_last_word_and_a_good_end(schedule, place, open_stream):
    def use(emitter):
        @emitter.on_timeout
        def last_word():
            emitter.send("that is all")
            emitter.complete()

    emitter, answer = open_stream(use, total_timeout=5, send_timeout=0)
    schedule.fire()
    assert [event.data for event in answer.all_events()] == ["that is all"]


@both
def test_a_timeout_that_nobody_answers_ends_the_stream(schedule, place, open_stream, told):
    emitter, answer = open_stream(
        lambda emitter: emitter.on_timeout(told), total_timeout=5, send_timeout=0
    )
    schedule.fire()
    assert b'"code":"timeout"' in answer.rest()
    assert told.wait() == [()]


@both
def test_an_answer_to_a_timeout_that_never_comes_is_not_waited_for(schedule, place, open_stream):
    asked, go_on = place.for_reader(), place.for_producer()

    def use(emitter):
        @emitter.on_timeout
        def last_word():
            asked.set()
            go_on.wait()

    emitter, answer = open_stream(use, total_timeout=5, send_timeout=0)
    schedule.fire()
    asked.wait()
    schedule.fire()
    assert b'"code":"timeout"' in answer.rest()
    go_on.set()


@both
def test_a_timeout_behind_the_end_changes_nothing(schedule, place, open_stream, told):
    def use(emitter):
        emitter.on_timeout(told)
        emitter.on_completion(told)

    emitter, answer = open_stream(use, total_timeout=5, send_timeout=0)
    assert emitter.complete()
    schedule.fire()
    assert b"timeout" not in answer.rest()
    ((summary,),) = told.wait()
    assert summary.reason == "complete"


@both
def test_completing_behind_a_timeout_comes_too_late(schedule, place, open_stream):
    emitter, answer = open_stream(total_timeout=5, send_timeout=0)
    schedule.fire()
    assert not emitter.complete()
    assert b'"code":"timeout"' in answer.rest()


@both
def test_a_timeout_may_be_answered_with_a_failure(schedule, place, open_stream):
    def use(emitter):
        @emitter.on_timeout
        def give_up():
            emitter.fail(StreamError("Nobody answered.", code="upstream"))

    emitter, answer = open_stream(use, total_timeout=5, send_timeout=0)
    schedule.fire()
    rest = answer.rest()
    assert b'"code":"upstream"' in rest and b'"code":"timeout"' not in rest


@both
def test_an_answer_to_a_timeout_that_fails_leaves_it_a_timeout(
    schedule, place, open_stream, told, caplog
):
    def use(emitter):
        emitter.on_timeout(lambda: 1 / 0)
        emitter.on_timeout(told)

    emitter, answer = open_stream(use, total_timeout=5, send_timeout=0)
    schedule.fire()
    assert b'"code":"timeout"' in answer.rest()
    assert told.wait() == [()]
    assert "an on_timeout callback failed" in caplog.text


def test_a_callback_of_the_end_can_neither_fail_it_again_nor_send(place, open_stream, told):
    tried = []

    def use(emitter):
        @emitter.on_error
        def fail_again(error):
            tried.append(emitter.fail(LookupError()))

        @emitter.on_completion
        def send_more(summary):
            with pytest.raises(StreamClosed, match="error"):
                emitter.send("more")
            told(summary.reason)

    emitter, answer = open_stream(use)
    emitter.fail(StreamError("Out of credit."))
    assert answer.rest().count(b"event: error") == 1
    assert told.wait() == [("error",)]
    assert tried == [False]


# create().


def test_a_function_sends_on_a_worker(place, app, streams):
    app.add_url_rule("/", "view", lambda: streams.create(_three, format="text"))
    with Answer(app, "/") as answer:
        assert [event.data for event in answer.all_events()] == ["0", "1", "2"]
    wait_for_worker_threads()


def _three(emitter):
    for number in range(3):
        emitter.send(str(number))
    emitter.complete()


def test_its_exception_fails_the_stream(place, app, streams, caplog):
    def failing(emitter):
        emitter.send("one")
        raise StreamError("Out of credit.")

    app.add_url_rule("/", "view", lambda: streams.create(failing))
    with Answer(app, "/") as answer:
        assert b"Out of credit." in answer.rest()
    wait_for_worker_threads()


def test_a_stream_may_be_completed_after_the_function_has_returned(place, app, streams):
    emitters, returned = [], place.for_reader()

    def register(emitter):
        emitters.append(emitter)
        returned.set()

    app.add_url_rule("/", "view", lambda: streams.create(register, format="text"))
    with Answer(app, "/") as answer:
        answer.block()
        returned.wait()
        emitters[0].send("later")
        emitters[0].complete()
        assert [event.data for event in answer.all_events()] == ["later"]
    wait_for_worker_threads()


@only(GREENLETS)
def test_a_function_that_has_completed_cleans_up_undisturbed(place, app, streams):
    cleans, go_on, cleaned = place.for_reader(), place.for_producer(), place.for_reader()

    def produce(emitter):
        emitter.complete()
        cleans.set()
        go_on.wait()
        cleaned.set()

    app.add_url_rule("/", "view", lambda: streams.create(produce))
    with Answer(app, "/") as answer:
        answer.block()
        cleans.wait()
    gevent.idle()
    go_on.set()
    cleaned.wait()


def test_a_reader_who_leaves_is_told_to_what_produces(place, app, streams, told):
    runs, disposed = place.for_reader(), Told(place)

    def produce(emitter):
        emitter.on_cancel(told)
        emitter.on_dispose(disposed)
        runs.set()

    app.add_url_rule("/", "view", lambda: streams.create(produce))
    with Answer(app, "/") as answer:
        answer.block()
        runs.wait()
    assert told.wait() == disposed.wait() == [()]
    wait_for_worker_threads()
