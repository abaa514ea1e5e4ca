"""Callbacks for an exception run as where it was caught: ``sys.exc_info()`` returns it."""

from __future__ import annotations

import logging
import sys
import traceback

import gevent
import pytest
from flask import got_request_exception

from flask_llmstream import EventStreamMiddleware, StreamError, stream_finished
from flask_llmstream.exceptions.handling import described, text_of, while_handling
from tests.support.answers import Answer
from tests.support.async_sources import asynchronous
from tests.support.plain_wsgi import Foreign
from tests.support.runtimes import GREENLETS, THREADS, only, wait_for_worker_threads
from tests.support.unshowable import UNSHOWABLE


def raised(error):
    try:
        raise error
    except BaseException:
        return error


# By itself.


def test_there_is_nothing_to_handle_without_an_exception():
    assert while_handling(None, sys.exc_info) == (None, None, None)


@pytest.mark.parametrize("make", [lambda error: error, raised], ids=["new", "raised before"])
def test_it_is_handled_while_the_call_lasts_and_not_behind_it(make):
    error = make(LookupError("gone"))
    kind, value, trace = while_handling(error, sys.exc_info)
    assert (kind, value) == (LookupError, error)
    assert trace is not None
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize("make", [lambda error: error, raised], ids=["new", "raised before"])
def test_it_is_left_as_it_was(make):
    error = make(LookupError("gone"))
    before = error.__traceback__, error.__context__, error.__cause__
    while_handling(error, lambda: None)
    assert (error.__traceback__, error.__context__, error.__cause__) == before


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11, which asks the exception")
def test_what_is_shown_of_it_is_none_of_ours():
    shown = while_handling(raised(LookupError("gone")), traceback.format_exc)
    assert "while_handling" not in shown
    assert "in raised" in shown


def test_what_the_call_raises_came_while_it_was_handled():
    error = LookupError("gone")
    with pytest.raises(ZeroDivisionError) as failed:
        while_handling(error, lambda: 1 / 0)
    assert failed.value.__context__ is error


@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_any_exception_can_be_handled_and_described(kind):
    error = kind()
    assert while_handling(error, lambda: sys.exc_info()[1]) is error
    assert described(error).startswith(kind.__name__)
    assert isinstance(text_of(error), str)


def test_one_that_has_a_text_is_described_with_it():
    assert described(LookupError("gone")) == "LookupError: gone"
    assert described(LookupError()) == "LookupError"


# Of a stream's end.


class Heard:
    """The exception that was being handled in each callback."""

    def __init__(self, place, last):
        self.handled = {}
        self._last = last
        self._is_over = place.for_reader()

    def hears(self, who):
        def hear(*_, **__):
            self.handled[who] = sys.exc_info()[1]
            if who == self._last:
                self._is_over.set()

        return hear

    def all(self):
        self._is_over.wait()
        return self.handled


@pytest.fixture
def serve_told(place, app, streams):
    """Serve a source, with every callback."""
    heard = Heard(place, "on_finish")
    receivers = heard.hears("got_request_exception"), heard.hears("stream_finished")
    got_request_exception.connect(receivers[0], app)
    stream_finished.connect(receivers[1], app)

    def serve_told(source, **options):
        def view():
            return streams.response(source(), on_finish=heard.hears("on_finish"), **options)

        app.add_url_rule("/", "view", view)
        with Answer(app, "/") as answer:
            answer.rest()
        return heard.all()

    yield serve_told
    del receivers


@pytest.mark.parametrize("hold", [0, 5])
@pytest.mark.parametrize("kind", [iter, asynchronous], ids=["generator", "async generator"])
def test_of_one_that_failed_everybody_is_told_where_it_was_caught(serve_told, kind, hold):
    error = LookupError("the model burnt down")

    def source():
        raise error
        yield

    handled = serve_told(lambda: kind(source()), hold=hold)
    assert handled == {
        "got_request_exception": error, "stream_finished": error, "on_finish": error
    }  # fmt: skip


def test_also_of_what_was_said_on_purpose(serve_told):
    error = StreamError("Out of credit.")

    def source():
        raise error
        yield

    assert serve_told(source) == {"stream_finished": error, "on_finish": error}


def test_of_one_that_completed_there_is_nothing_to_handle(serve_told):
    assert serve_told(lambda: ["one"]) == {"stream_finished": None, "on_finish": None}


def test_what_an_application_logs_there_has_the_exception(place, app, streams, caplog, finished):
    def on_finish(summary):
        logging.getLogger("the application's").exception("it ended")
        finished(summary)

    def source():
        raise LookupError("the model burnt down")
        yield

    app.add_url_rule("/", "view", lambda: streams.response(source(), on_finish=on_finish))
    with Answer(app, "/") as answer:
        answer.rest()
    finished.summary()
    (record,) = [one for one in caplog.records if one.name == "the application's"]
    assert record.exc_info[0] is LookupError


def test_the_middleware_tells_of_one_as_well(place):
    heard = Heard(place, "on_finish")

    def blocks():
        yield b"data: one\n\n"
        raise LookupError("the model burnt down")

    wrapped = EventStreamMiddleware(
        Foreign(place, blocks), worker=place.worker, on_finish=heard.hears("on_finish")
    )
    with Answer(wrapped, "/") as answer:
        answer.rest()
    assert type(heard.all()["on_finish"]) is LookupError
    wait_for_worker_threads()


# Of an emitter's.


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("kind", ["error", "dispose", "completion"])
def test_an_emitter_s_callbacks_are_told_where_it_was_caught(place, app, streams, kind):
    heard, error = Heard(place, kind), LookupError("the model burnt down")

    @app.route("/")
    def view():
        emitter = streams.emitter()
        getattr(emitter, f"on_{kind}")(heard.hears(kind))
        emitter.fail(error)
        return emitter.response()

    with Answer(app, "/") as answer:
        answer.rest()
    assert heard.all() == {kind: error}
    wait_for_worker_threads()


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("kind", ["error", "completion"])
def test_so_are_those_that_come_late(place, app, streams, kind):
    heard, error, done = Heard(place, kind), LookupError("it burnt down"), place.for_reader()
    made = []

    @app.route("/")
    def view():
        made.append(streams.emitter())
        made[0].on_completion(lambda summary: done.set())
        made[0].fail(error)
        return made[0].response()

    with Answer(app, "/") as answer:
        answer.rest()
    done.wait()
    getattr(made[0], f"on_{kind}")(heard.hears(kind))
    assert heard.all() == {kind: error}
    wait_for_worker_threads()


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("kind", ["timeout", "cancel"])
def test_of_a_timeout_too(place, app, streams, schedule, kind):
    heard = Heard(place, kind)

    @app.route("/")
    def view():
        emitter = streams.emitter(total_timeout=5, send_timeout=0)
        getattr(emitter, f"on_{kind}")(heard.hears(kind))
        return emitter.response()

    with Answer(app, "/") as answer:
        answer.block()
        schedule.fire()
        answer.rest()
    (handled,) = heard.all().values()
    assert "longer than 5 seconds" in str(handled)
    wait_for_worker_threads()


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("failure", [LookupError, gevent.Timeout])
def test_one_that_comes_late_and_fails_is_logged_as_any_is(place, app, streams, caplog, failure):
    def fail(summary):
        raise failure

    made, done = [], place.for_reader()

    @app.route("/")
    def view():
        made.append(streams.emitter())
        made[0].on_completion(lambda summary: done.set())
        made[0].complete()
        return made[0].response()

    with Answer(app, "/") as answer:
        answer.rest()
    done.wait()
    made[0].on_completion(fail)
    assert "an on_completion callback failed" in caplog.text
    wait_for_worker_threads()
