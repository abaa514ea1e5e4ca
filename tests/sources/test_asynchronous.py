"""An asynchronous source streams as any other does, and is cancelled where it awaits."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from itertools import islice

import pytest
from flask import request
from werkzeug.test import create_environ

from flask_llmstream import CallableProvider, LLMStream, ServerSentEvent, StreamError, Usage
from flask_llmstream.runtime.event_loop.loop import event_loop
from tests.support.answers import Answer
from tests.support.async_sources import AsyncSign, AsyncWaiting, Closing, asynchronous
from tests.support.runtimes import (
    GREENLETS,
    THREADS,
    others_have_ended,
    run_on_the_loop,
    wait_for_worker_threads,
)


@pytest.fixture(params=[GREENLETS, THREADS], ids=lambda place: place.name)
def place(request):
    """Where the reader is; the source is on the event loop, whatever the options say."""
    return request.param


@pytest.fixture
def waiting(place, serve):
    """A source that waits behind its first item, to be served by ``serve(lambda: waiting)``."""
    source = AsyncWaiting(place)
    yield source
    source.go_on.set()


def messages(events):
    return [json.loads(event.data)["message"] for event in events]


def slots_of(app):
    return app.extensions["llmstream"].slots


# What may be a source.


def test_an_async_generator_streams_its_items_in_order(place, app, serve):
    serve(lambda: asynchronous(str(number) for number in range(1000)))
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == [*map(str, range(1000)), ""]


def test_an_async_generator_may_be_the_view(place, app, streams):
    @app.route("/<name>")
    @streams.view()
    async def view(name):
        await asyncio.sleep(0)
        yield name

    with Answer(app, "/ada") as answer:
        assert messages(answer.all_events()) == ["ada", ""]


def test_anything_for_async_for_will_do(place, app, serve, finished):
    closed = place.for_reader()
    serve(lambda: Closing(["one", "two"], closed), on_finish=finished)
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["one", "two", ""]
    closed.wait()
    assert finished.summary().items == 2


def test_items_may_be_all_that_they_may_be_elsewhere(place, app, serve, finished):
    usage = Usage(prompt_tokens=1, completion_tokens=2)
    items = ["text", {"pages": 12}, ServerSentEvent("half way", event="progress"), usage]
    serve(lambda: asynchronous(items), on_finish=finished)
    with Answer(app, "/") as answer:
        events = answer.all_events()
    assert [event.event for event in events] == ["message", "message", "progress", "message"]
    assert json.loads(events[1].data) == {"pages": 12}
    assert finished.summary().usage == usage
    assert finished.summary().text == "text"


def test_an_async_function_may_be_a_model(place, make_app):
    async def model(completion):
        for word in completion.prompt.split():
            yield word

    app = make_app(LLMStream(providers={"words": CallableProvider(model)}))
    asked = {"method": "POST", "json": {"prompt": "Hello world"}}
    with Answer(app, "/v1/chat/completions", **asked) as answer:
        assert messages(answer.all_events()) == ["Hello", "world", ""]


@pytest.mark.parametrize("worker", ["thread", "auto"])
def test_it_runs_on_the_loop_whatever_is_said_of_generators(place, app, serve, worker):
    async def source():
        yield str(asyncio.get_event_loop() is event_loop())

    serve(source, worker=worker)
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["True", ""]


def test_a_coroutine_is_refused_with_the_cure(place, app, streams):
    async def create():
        """As ``client.chat.completions.create(…, stream=True)`` is."""

    with app.test_request_context(), pytest.raises(TypeError, match="await it in an async gener"):
        streams.response(create())


# Everything begins when the first block is read.


def test_nothing_runs_before_the_first_block_is_read(place, app, serve):
    begun = []

    async def source():
        begun.append(True)
        yield "never"

    serve(source)
    with Answer(app, "/", method="HEAD") as answer:
        assert answer.rest() == b""
    with Answer(app, "/"):
        """Not read, as of a client that is gone already."""
    assert begun == []


def test_what_is_no_generator_is_closed_though_nobody_read_it(place, app, serve):
    closed = place.for_reader()
    serve(lambda: Closing(["never"], closed))
    Answer(app, "/").close()
    closed.wait()


# It is cancelled where it awaits.


def test_a_reader_who_leaves_cancels_it(place, app, serve, waiting, finished):
    serve(lambda: waiting, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    waiting.cancelled.wait()
    waiting.closed.wait()
    assert finished.summary().reason == "disconnect"


def test_its_finally_runs_on_the_thread_that_ran_it(place, app, serve):
    ran_on, waits, closed = [], place.for_reader(), place.for_reader()

    async def source():
        try:
            ran_on.append(threading.get_native_id())
            yield "one"
            waits.set()
            await AsyncSign().wait()
        finally:
            ran_on.append(threading.get_native_id())
            closed.set()

    serve(source)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    closed.wait()
    begun, ended = ran_on
    assert begun == ended != threading.get_native_id()


def test_a_reader_who_leaves_before_its_first_item_cancels_it(place, app, serve):
    waits, cancelled = place.for_reader(), place.for_reader()

    async def source():
        try:
            waits.set()
            await AsyncSign().wait()
            yield "never"
        except asyncio.CancelledError:
            cancelled.set()
            raise

    serve(source)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    cancelled.wait()


class CleaningUp:
    """A source whose last item was taken, and which then awaits in its ``finally``."""

    def __init__(self, place):
        self.cleans, self.go_on, self.done = place.for_reader(), AsyncSign(), place.for_reader()
        self.cancelled = place.for_reader()

    async def __aiter__(self):
        try:
            yield "one"
        finally:
            self.cleans.set()
            try:
                await self.go_on.wait()
                self.done.set()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

    async def through_another(self):
        async for item in self:
            yield item


@pytest.mark.parametrize("through", [False, True])
def test_a_reader_who_leaves_does_not_cancel_its_own_clean_up(place, app, serve, finished, through):
    source = CleaningUp(place)
    serve(source.through_another if through else source.__aiter__, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        source.cleans.wait()
    source.go_on.set()  # behind the cancellation, on the loop
    source.done.wait()
    assert finished.summary().reason == "disconnect"


def test_a_clean_up_that_never_ends_is_cancelled_at_last(place, app, serve, finished, monkeypatch):
    monkeypatch.setattr("flask_llmstream.runtime.event_loop.worker.LOOKS", 1)
    source = CleaningUp(place)
    serve(source.__aiter__, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        source.cleans.wait()
    source.cancelled.wait()
    assert finished.summary().reason == "disconnect"


def test_a_departure_that_the_socket_tells_cancels_it(place, app, serve, waiting, connection):
    serve(lambda: waiting)
    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        waiting.waits.wait()
        connection.client_closes()
        waiting.cancelled.wait()


def test_a_timeout_cancels_it(place, app, serve, waiting, finished, schedule):
    serve(lambda: waiting, total_timeout=60, send_timeout=0, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        schedule.fire()
        assert b'"code":"timeout"' in answer.rest()
        waiting.cancelled.wait()
    assert finished.summary().reason == "timeout"


def test_a_server_that_goes_cancels_it(
    place, app, streams, serve, waiting, finished, no_farewell
):
    serve(lambda: waiting, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        assert streams.drain(0) == 1
        assert b'"code":"shutdown"' in answer.rest()
        waiting.cancelled.wait()
    assert finished.summary().reason == "shutdown"


def test_it_is_closed_where_its_item_waits_for_room(place, app, serve, finished):
    closed, third = place.for_reader(), place.for_reader()

    async def source():
        try:
            yield "one"
            yield "two"
            third.set()
            yield "three"
        finally:
            await asyncio.sleep(0)
            closed.set()

    serve(source, buffer=1, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        answer.block()
        third.wait()
    closed.wait()
    assert finished.summary().reason == "disconnect"


def test_both_an_iterable_and_its_iterator_are_closed(place, app, serve, finished):
    """As ``AsyncOpenAI``'s stream has it: a generator goes over what is closed by a coroutine."""
    closed, inner_closed = place.for_reader(), place.for_reader()

    class Stream(Closing):
        async def __aiter__(self):
            try:
                for item in self._items:
                    yield item
            finally:
                await asyncio.sleep(0)
                inner_closed.set()

    serve(lambda: Stream(iter(str, "endless"), closed), buffer=1, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        answer.block()
    assert finished.summary().reason == "disconnect"
    assert inner_closed.is_set() and closed.is_set()


def test_it_may_ignore_its_cancellation_but_not_go_on(place, app, serve, finished):
    waits, given = place.for_reader(), []

    async def source():
        while True:
            try:
                given.append("more")
                yield "more"
                waits.set()
                await AsyncSign().wait()
            except asyncio.CancelledError:
                continue

    serve(source, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    assert finished.summary().reason == "disconnect"
    assert len(given) == 2


def test_a_cancellation_of_its_own_is_an_error(place, app, serve, finished):
    async def source():
        yield "one"
        raise asyncio.CancelledError

    serve(source, on_finish=finished)
    with Answer(app, "/") as answer:
        assert b"event: error" in answer.rest()
    assert finished.summary().reason == "error"


def test_who_asked_is_told_of_a_departure_at_once(place, app, serve):
    waits, told, go_on = place.for_reader(), place.for_reader(), AsyncSign()

    async def source():
        try:
            yield "one"
            waits.set()
            await AsyncSign().wait()
        finally:
            await go_on.wait()

    serve(source, on_disconnect=lambda summary: told.set())
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    told.wait()
    go_on.set()


def test_a_departure_is_told_beside_the_loop(place, app, serve):
    """The application's own code is no coroutine, and may block."""
    ran_on, waits, told = [], place.for_reader(), place.for_reader()

    async def source():
        ran_on.append(threading.get_native_id())
        yield "one"
        waits.set()
        await AsyncSign().wait()

    def on_disconnect(summary):
        ran_on.append(threading.get_native_id())
        told.set()

    serve(source, on_disconnect=on_disconnect)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    told.wait()
    assert len(set(ran_on)) == 2


def test_the_slot_is_free_when_its_finally_has_ended(place, app, serve, finished):
    waits, cleans, go_on = place.for_reader(), place.for_reader(), AsyncSign()

    async def source():
        try:
            yield "one"
            waits.set()
            await AsyncSign().wait()
        finally:
            cleans.set()
            await go_on.wait()

    serve(source, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    cleans.wait()
    assert slots_of(app).taken == 1
    go_on.set()
    assert finished.summary().reason == "disconnect"


# Failures.


def failing(error, *before):
    async def source():
        for item in before:
            yield item
        await asyncio.sleep(0)
        raise error

    return source


def test_a_failure_before_the_first_item_has_its_true_status(place, app, serve):
    refused = StreamError("Out of credit.", status=402, retry_after=7)
    serve(failing(refused), hold=60, heartbeat=0)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["message"] == "Out of credit."
    assert (answer.status, answer.headers["Retry-After"]) == (402, "7")


def test_the_log_has_the_line_that_failed(place, app, serve, finished, caplog):
    serve(failing(LookupError("no such thing"), "one"), on_finish=finished)
    with Answer(app, "/") as answer:
        answer.rest()
    finished.summary()
    assert "in source\n    raise error" in caplog.text


def test_a_failure_behind_the_first_item_is_an_event(place, app, serve):
    serve(failing(StreamError("Out of credit."), "one"))
    with Answer(app, "/") as answer:
        *_, last = answer.all_events()
    assert last.event == "error"
    assert json.loads(last.data)["error"]["message"] == "Out of credit."


@pytest.mark.parametrize("before", [[], ["one"]], ids=["at once", "behind an item"])
def test_what_another_exception_says_is_not_told(place, app, serve, finished, before):
    serve(failing(LookupError("a secret"), *before), hold=60, on_finish=finished)
    with Answer(app, "/") as answer:
        assert b"secret" not in answer.rest()
    assert answer.status == (200 if before else 500)
    assert isinstance(finished.summary().error, LookupError)


# Room.


def test_it_is_never_ahead_of_its_reader_by_more_than_the_buffer(
    place, app, streams, serve, finished
):
    given, fourth = [], place.for_reader()

    async def source():
        for number in range(10):
            given.append(number)
            if number == 3:
                fourth.set()
            yield str(number)

    app.add_url_rule("/other", "other", lambda: streams.response(asynchronous("abc")))
    serve(source, buffer=3, heartbeat=0, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()  # the opening alone
        fourth.wait()
        with Answer(app, "/other") as other:
            other.rest()
        assert len(given) == 4, "three in the buffer, and one that waits for room"
        assert messages(answer.all_events()) == [*map(str, range(10)), ""]
    assert finished.summary().items == 10


def test_one_that_waits_for_room_keeps_no_other_waiting(place, app, streams):
    full = place.for_reader()

    async def floods():
        for number in range(10):
            if number == 1:
                full.set()
            yield str(number)

    app.add_url_rule("/stalled", "stalled", lambda: streams.response(floods(), buffer=1))
    app.add_url_rule("/", "view", lambda: streams.response(asynchronous("abc")))
    with Answer(app, "/stalled") as stalled:
        stalled.block()
        full.wait()
        with Answer(app, "/") as answer:
            assert messages(answer.all_events()) == [*"abc", ""]


def test_one_that_never_awaits_keeps_no_other_waiting(place, app, streams):
    over = threading.Event()

    async def computes():
        while not over.is_set():
            yield Usage(prompt_tokens=0, completion_tokens=0)  # which takes no room

    app.add_url_rule("/busy", "busy", lambda: streams.response(computes()))
    app.add_url_rule("/", "view", lambda: streams.response(asynchronous("abc")))
    with Answer(app, "/busy") as busy:
        busy.block()
        with Answer(app, "/") as answer:
            assert messages(answer.all_events()) == [*"abc", ""]
        over.set()


def test_what_runs_at_its_end_may_block(place, app, streams, finished):
    """As what is told of a departure, it is to hold up its own stream alone."""
    other_ended, blocks = place.for_reader(), place.for_reader()

    def on_finish(summary):
        blocks.set()
        other_ended.wait()
        finished(summary)

    app.add_url_rule("/", "view", lambda: streams.response(asynchronous("a"), on_finish=on_finish))
    app.add_url_rule("/other", "other", lambda: streams.response(asynchronous("abc")))
    with Answer(app, "/") as answer:
        answer.rest()
    blocks.wait()
    with Answer(app, "/other") as other:
        assert messages(other.all_events()) == [*"abc", ""]
    other_ended.set()
    assert finished.summary().reason == "complete"


# What it keeps alive.


@pytest.mark.parametrize("leaves", [False, True], ids=["read to the end", "left"])
def test_what_it_held_is_freed_without_the_garbage_collector(place, app, streams, finished, leaves):
    class Row:
        """Something of the source's, remembered weakly."""

    seen = []

    async def source():
        row = Row()
        row.path = request.path
        seen.append(weakref.ref(row))
        for _ in range(3):
            yield row.path

    @app.route("/")
    def view():
        return streams.response(source(), buffer=1, on_finish=finished)

    gc.disable()
    try:
        body = app(create_environ("/"), lambda *started: None)
        blocks = islice(body, 2) if leaves else body  # the opening and the first item
        list(blocks)
        body.close()
        del body, blocks
        assert finished.summary().reason == ("disconnect" if leaves else "complete")
        run_on_the_loop(place, others_have_ended())
        wait_for_worker_threads()
        assert seen[0]() is None
    finally:
        gc.enable()
