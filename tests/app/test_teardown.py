"""Teardown functions are told how a stream ended, so that they can commit or roll back."""

from __future__ import annotations

import gc
import logging
import sys
import weakref

import pytest
from flask import (
    Flask,
    Response,
    appcontext_tearing_down,
    g,
    request_tearing_down,
    stream_with_context,
)
from gevent import GreenletExit

from flask_llmstream import EventStreamMiddleware, StreamError
from flask_llmstream.errors import StreamOverflow, StreamShutdown, StreamTimeout
from tests.support.answers import Answer
from tests.support.async_sources import AsyncSign, asynchronous
from tests.support.runtimes import (
    GREENLETS,
    THREADS,
    only,
    others_have_ended,
    run_on_the_loop,
    wait_for_worker_threads,
)
from tests.support.sources import Waiting

BOTH = ["the request's function", "the request's signal", "the app's function", "the app's signal"]


class Teardown:
    """Records the calls of a producer's teardown functions and signals, in order.

    A producer's contexts are recognised by a value that the producer put into ``g``.
    """

    def __init__(self, place, app):
        self.told = []
        self.handled = []
        self._is_over = place.for_reader()
        app.teardown_request(lambda error: self._hear("the request's function", error))
        app.teardown_appcontext(lambda error: self._hear("the app's function", error))

        def of_the_request(sender, exc):
            self._hear("the request's signal", exc)

        def of_the_app(sender, exc):
            self._hear("the app's signal", exc)
            if "half_done" in g:
                self._is_over.set()

        request_tearing_down.connect(of_the_request, app)
        appcontext_tearing_down.connect(of_the_app, app)
        self._receivers = of_the_request, of_the_app  # signals hold them weakly

    def _hear(self, who, error):
        if "half_done" in g:
            self.told.append((who, error))
            self.handled.append(sys.exc_info()[1])

    def error(self):
        """The error that each of the four was told, exactly once."""
        self._is_over.wait()
        assert [who for who, _ in self.told] == BOTH
        (error,) = {id(error): error for _, error in self.told}.values()
        return error


@pytest.fixture
def teardown(place, app):
    return Teardown(place, app)


def half(*items):
    """A producer: it begins a piece of work, and gives or raises these items."""
    g.half_done = True
    for item in items:
        if isinstance(item, BaseException):
            raise item
        yield item


async def half_asynchronous(*items):
    g.half_done = True
    async for item in asynchronous(half(*items)):
        yield item


def pushed(streams, *items, **options):
    def function(emitter):
        for item in half(*items):
            emitter.send(item)
        emitter.complete()

    return streams.create(function, **options)


def failed_by_its_emitter(streams, *items, **options):
    def function(emitter):
        try:
            for item in half(*items):
                emitter.send(item)
            emitter.complete()
        except LookupError as error:
            emitter.fail(error)

    return streams.create(function, **options)


KINDS = {
    "generator": lambda streams, *items, **options: streams.response(half(*items), **options),
    "async generator": lambda streams, *items, **options: streams.response(
        half_asynchronous(*items), **options
    ),
    "function": pushed,
    "emitter": failed_by_its_emitter,
}


@pytest.fixture(params=KINDS)
def serve_kind(request, app, streams):
    """Serve items of each kind of source at ``/``."""

    def serve_kind(*items, **options):
        make = KINDS[request.param]
        app.add_url_rule("/", "view", lambda: make(streams, *items, **options))

    return serve_kind


def read(app):
    with Answer(app, "/") as answer:
        return answer.rest()


# A source that ends by itself.


def test_of_one_that_completed_they_are_told_nothing(place, app, teardown, serve_kind):
    serve_kind("one")
    read(app)
    assert teardown.error() is None


@pytest.mark.parametrize("hold", [0, 5])
@pytest.mark.parametrize("before", [["one"], []], ids=["midway", "at once"])
def test_of_one_that_failed_they_are_told_its_own_exception(
    place, app, teardown, serve_kind, before, hold
):
    error = LookupError("the model burnt down")
    serve_kind(*before, error, hold=hold)
    read(app)
    assert teardown.error() is error


def test_they_are_called_as_where_the_exception_was_caught(place, app, teardown, serve_kind):
    error = LookupError("the model burnt down")
    serve_kind("one", error)
    read(app)
    assert teardown.error() is error
    assert teardown.handled == 4 * [error]


@pytest.mark.parametrize("error", [StreamError("Out of credit."), GreenletExit("killed")], ids=repr)
def test_also_of_what_is_no_fault(place, app, teardown, streams, error):
    app.add_url_rule("/", "view", lambda: streams.response(half("one", error)))
    read(app)
    assert type(teardown.error()) is type(error)


def test_of_an_item_that_cant_be_sent_they_are_told_that(place, app, teardown, serve_kind):
    serve_kind("one", {"number": float("nan")})
    read(app)
    assert "NaN" in str(teardown.error())


def test_without_a_request_the_app_s_own_are_told(place, app, streams):
    told, done = [], place.for_reader()

    @app.teardown_appcontext
    def tear_down(error):
        if "half_done" in g:
            told.append(error)
            done.set()

    error = LookupError("the model burnt down")
    with app.app_context():
        response = streams.response(half("one", error))
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "HTTP_HOST": "a"}
    body = response(environ, lambda *_: None)
    list(body)
    body.close()
    done.wait()
    assert told == [error]


# A source that is ended.


class Working(Waiting):
    """It has begun a piece of work when it waits."""

    def __iter__(self):
        g.half_done = True
        yield from super().__iter__()


class Stubborn(Working):
    """It goes on to its end, whatever interrupts it."""

    def __iter__(self):
        try:
            yield from super().__iter__()
        except (GeneratorExit, GreenletExit):
            return


@pytest.fixture(params=[Working, Stubborn])
def working(request, place, app, streams):
    source = request.param(place)
    yield source
    source.go_on.set()


@pytest.fixture
def serve_working(app, streams, working):
    def serve_working(**options):
        app.add_url_rule("/", "view", lambda: streams.response(working, **options))

    return serve_working


def test_of_one_whose_reader_has_left_they_are_told_what_a_closed_generator_is(
    place, app, teardown, working, serve_working, finished
):
    serve_working(on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        working.waits.wait()
    working.go_on.set()
    assert type(teardown.error()) is GeneratorExit
    assert finished.summary().reason == "disconnect"


def test_what_it_raises_behind_a_departure_changes_nothing(place, app, streams, teardown):
    waits, go_on = place.for_reader(), place.for_producer()

    @app.route("/")
    @streams.view()
    def view():
        g.half_done = True
        yield "one"
        try:
            waits.set()
            go_on.wait()
        finally:
            raise LookupError("in its clean-up")

    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    go_on.set()
    assert type(teardown.error()) is GeneratorExit


def test_of_one_that_had_completed_before_its_reader_left_they_are_told_nothing(
    place, app, streams, teardown
):
    app.add_url_rule("/", "view", lambda: streams.response(half("one")))
    with Answer(app, "/") as answer:
        answer.block()
        assert teardown.error() is None


def test_of_one_that_ran_out_of_time_they_are_told_the_timeout(
    place, app, teardown, working, serve_working, schedule
):
    serve_working(total_timeout=5, send_timeout=0)
    with Answer(app, "/") as answer:
        answer.block()
        working.waits.wait()
        schedule.fire()
        working.go_on.set()
        answer.rest()
        assert type(teardown.error()) is StreamTimeout


def test_of_one_that_a_drain_ended_they_are_told_the_shutdown(
    place, app, streams, teardown, working, serve_working
):
    serve_working()
    with Answer(app, "/") as answer:
        answer.block()
        working.waits.wait()
        app.extensions["llmstream"].slots.streams[0].shut_down()
        working.go_on.set()
        answer.rest()
        assert type(teardown.error()) is StreamShutdown


def test_of_one_that_overflowed_they_are_told_the_overflow(place, app, streams, teardown):
    items = [str(number) for number in range(100)]
    app.add_url_rule(
        "/", "view", lambda: streams.response(half(*items), overflow="error", buffer=1)
    )
    read_later = Answer(app, "/")
    read_later.block()
    assert type(teardown.error()) is StreamOverflow
    read_later.close()


def test_of_one_that_was_cancelled_they_are_told_so(
    place, app, teardown, working, serve_working
):
    serve_working()
    with Answer(app, "/") as answer:
        answer.block()
        working.waits.wait()
        app.extensions["llmstream"].slots.streams[0].end("cancelled")
        working.go_on.set()
        answer.rest()
        assert type(teardown.error()) is GreenletExit


@only(GREENLETS, THREADS)
def test_of_an_asynchronous_one_whose_reader_has_left(place, app, streams, teardown, finished):
    waits = place.for_reader()

    @app.route("/")
    @streams.view(on_finish=finished)
    async def view():
        g.half_done = True
        yield "one"
        waits.set()
        await AsyncSign().wait()

    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    assert type(teardown.error()) is GeneratorExit
    assert finished.summary().reason == "disconnect"


@only(GREENLETS, THREADS)
def test_of_an_emitter_s_whose_reader_has_left(place, app, streams, teardown):
    sent = place.for_reader()

    def function(emitter):
        g.half_done = True
        emitter.send("one")
        sent.set()

    app.add_url_rule("/", "view", lambda: streams.create(function))
    with Answer(app, "/") as answer:
        answer.block()
        sent.wait()
    assert type(teardown.error()) is GeneratorExit


# Teardown functions that fail.


def test_one_that_fails_keeps_the_app_s_from_nothing(place, app, streams, caplog):
    told, done = [], place.for_reader()

    @app.teardown_request
    def fail(error):
        if "half_done" in g:
            raise RuntimeError("the request's teardown failed") from error

    @app.teardown_appcontext
    def hear(error):
        if "half_done" in g:
            told.append(error)
            done.set()

    error = LookupError("the model burnt down")
    app.add_url_rule("/", "view", lambda: streams.response(half("one", error)))
    read(app)
    done.wait()
    wait_for_worker_threads()
    assert told == [error]


@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
def test_nothing_of_a_failure_is_kept_also_where_one_fails_on_it(place, app, streams, kind):
    class Row:
        """An object of the source, of which the test keeps a weak reference."""

    seen, torn_down = [], place.for_reader()

    @app.teardown_appcontext
    def fail(error):
        if error is not None:
            torn_down.set()
            raise RuntimeError("the teardown failed")

    def source():
        row = Row()
        seen.append(weakref.ref(row))
        yield "one"
        raise LookupError(row)

    make = asynchronous if kind == "asynchronous" else iter
    app.add_url_rule("/", "view", lambda: streams.response(make(source())))
    logging.disable(logging.CRITICAL)  # log records would keep the object
    gc.disable()
    try:
        read(app)
        torn_down.wait()
        wait_for_worker_threads()
        run_on_the_loop(place, others_have_ended())
        assert seen[0]() is None
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


# Event streams made by hand in Flask, in the middleware.


@pytest.mark.parametrize("leaves", [False, True], ids=["fails", "is left"])
def test_behind_the_middleware_they_are_told_as_without_it(place, leaves):
    told, waits, go_on = [], place.for_reader(), place.for_producer()
    app, done = Flask("a_site"), place.for_reader()

    @app.teardown_appcontext
    def hear(error):
        if "half_done" in g:
            told.append(error)
            done.set()

    def source():
        g.half_done = True
        yield "data: one\n\n"
        waits.set()
        if leaves:
            go_on.wait()
            yield "data: two\n\n"
        raise LookupError("the model burnt down")

    @app.route("/")
    def view():
        return Response(stream_with_context(source()), mimetype="text/event-stream")

    app.wsgi_app = EventStreamMiddleware(app.wsgi_app, worker=place.worker)
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait() if leaves else answer.rest()
    go_on.set()
    done.wait()
    wait_for_worker_threads()
    kinds = (GeneratorExit, GreenletExit) if leaves else LookupError
    assert isinstance(told[-1], kinds)
