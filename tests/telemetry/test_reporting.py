"""A stream's end: one line in the log, errors sent to trackers, callbacks called for every end."""

from __future__ import annotations

import json
import logging
import threading

import gevent
import pytest
from flask import abort, got_request_exception, request

from flask_llmstream import Delta, ProviderError, StreamError, Usage, smooth, stream_finished
from flask_llmstream.errors import UnsendableItem
from flask_llmstream.formats import make_format
from flask_llmstream.log import Log, log_of
from flask_llmstream.stream.options import StreamOptions
from flask_llmstream.stream.stream import Stream
from flask_llmstream.telemetry.reporting import is_heard
from flask_llmstream.wsgi.hooks import WSGIHooks
from tests.support.answers import Answer
from tests.support.runtimes import BESIDE, THREADS, only
from tests.support.sources import Stalled, Waiting


class Finished:
    """An ``on_finish`` that waits for its summaries. It is called last of all."""

    def __init__(self, place):
        self.summaries = []
        self._came = place.for_reader()

    def __call__(self, summary):
        self.summaries.append(summary)
        self._came.set()

    def summary(self):
        self._came.wait()
        (summary,) = self.summaries
        return summary


@pytest.fixture
def finished(place):
    return Finished(place)


@pytest.fixture
def run(app, streams, finished, caplog):
    """Stream a function's source to its end, and return the summary."""
    caplog.set_level(logging.INFO)

    def run(make_source, **options):
        def view():
            return streams.response(make_source(), on_finish=finished, **options)

        app.add_url_rule("/", "view", view)
        with Answer(app, "/") as answer:
            answer.rest()
        return finished.summary()

    return run


def raising(error, *before):
    def source():
        yield from before
        raise error

    return source


@pytest.fixture
def told(app):
    """The exceptions that error trackers receive."""
    heard = []

    def hear(sender, exception, **_):
        heard.append((sender, exception))

    with got_request_exception.connected_to(hear, app):
        yield heard


# The log.


def test_a_good_end_is_one_line(run, caplog):
    summary = run(lambda: ["one", "two"])
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.name == "a_site"
    assert summary.id in record.getMessage()
    assert "ended (complete) after 2 items" in record.getMessage()
    assert not record.exc_info


def test_the_line_says_how_many_items_were_lost(place, app, streams, finished, caplog):
    source = Stalled(place, *({"number": number} for number in range(5)))
    caplog.set_level(logging.INFO)
    options = {"overflow": "drop", "buffer": 2, "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(source, **options))
    with Answer(app, "/") as answer:
        answer.block()
        source.gave.wait()
        source.go_on.set()
        answer.rest()
    assert finished.summary().lost == 3
    assert "after 5 items (3 lost)" in caplog.records[0].getMessage()


def test_the_line_says_what_the_format_left_out(run, caplog):
    thoughts = [Delta(reasoning="hm"), Delta(reasoning="so", extra={"a": 1}), "one"]
    run(lambda: thoughts, format="text")
    assert "ended (complete) after 1 items (left out: 2 reasoning, 1 extra), " in caplog.text


class Chosen:
    """A source that says which model it chose."""

    def __init__(self, model="fast"):
        self.model = model

    def __iter__(self):
        return iter(["one"])


class ChosenAsync:
    model = "fast"

    async def __aiter__(self):
        yield "one"


class ChosenLate(Chosen):
    """It chooses while it is iterated."""

    def __iter__(self):
        self.model = "fast"
        yield "one"


@pytest.mark.parametrize(
    "source",
    [
        lambda: Chosen(),
        lambda: ChosenAsync(),
        lambda: ChosenLate(None),
        lambda: smooth(Chosen()),
        lambda: smooth(ChosenAsync()),
    ],
    ids=["plain", "asynchronous", "late", "smooth", "smooth asynchronous"],
)
def test_the_model_that_a_source_chose_is_told(run, caplog, source):
    assert run(source).model == "fast"
    assert "after 1 items (by fast), " in caplog.text


class Unwilling(Chosen):
    @property
    def model(self):
        raise KeyError("model")

    @model.setter
    def model(self, _):
        pass


@pytest.mark.parametrize("source", [list, lambda: Chosen(7), lambda: Unwilling()])
def test_a_source_that_names_no_model_has_none(run, caplog, source):
    assert run(source).model is None
    assert "(by" not in caplog.text


def test_the_line_names_the_generator(run, caplog):
    def ticks():
        yield "tick"

    run(ticks)
    assert "ticks" in caplog.records[0].getMessage()


def test_an_exception_is_one_error_with_its_traceback(run, caplog):
    run(raising(LookupError("gone"), "one"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is LookupError
    assert record.exc_info[2] is not None


@pytest.mark.parametrize("error", [LookupError(), LookupError("gone")], ids=["without", "with"])
def test_the_line_names_the_exception_with_and_without_a_text(run, caplog, error):
    run(raising(error))
    assert "LookupError" in caplog.records[0].getMessage()


def test_the_id_that_the_client_was_told_is_in_the_log(run, caplog):
    summary = run(raising(LookupError("gone")))
    assert summary.failure.id == summary.id
    assert summary.failure.id in caplog.records[0].getMessage()


@pytest.mark.parametrize("error", [StreamError("Out of credit."), ProviderError("It is away.")])
def test_what_was_raised_to_be_told_is_one_warning(run, caplog, error):
    run(raising(error, "one"))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(error) in record.getMessage()
    assert not record.exc_info


def test_abort_is_no_error_of_the_apps(run, caplog, told):
    def source():
        abort(404)
        yield

    run(source, hold=5)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert not record.exc_info
    assert told == []


def test_an_item_that_cant_be_sent_is_one_error_that_names_the_generator(run, caplog):
    def confused():
        yield None

    run(confused)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is UnsendableItem
    assert "confused" in record.getMessage()


def test_a_timeout_is_one_warning_and_no_error(place, app, streams, finished, caplog, told):
    source = Waiting(place)
    caplog.set_level(logging.INFO)
    options = {"total_timeout": 0.01, "heartbeat": 0, "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(source, **options))
    with Answer(app, "/") as answer:
        answer.rest()
        source.go_on.set()
    assert finished.summary().reason == "timeout"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert told == []


def test_a_reader_who_leaves_is_one_line_and_no_warning(place, app, streams, finished, caplog):
    source = Waiting(place)
    caplog.set_level(logging.INFO)
    app.add_url_rule("/", "view", lambda: streams.response(source, on_finish=finished))
    with Answer(app, "/") as answer:
        answer.block()
        source.waits.wait()
    source.go_on.set()
    assert finished.summary().reason == "disconnect"
    (record,) = caplog.records
    assert record.levelno == logging.INFO


@only(THREADS, BESIDE)
def test_an_abort_that_freed_the_source_is_logged_no_second_time(
    place, app, streams, finished, caplog
):
    waits, freed = place.for_reader(), place.for_producer()

    class Source:
        def __iter__(self):
            yield "one"
            waits.set()
            freed.wait()
            raise ProviderError("The call was aborted.")

        def abort(self):
            freed.set()

    caplog.set_level(logging.INFO)
    app.add_url_rule("/", "view", lambda: streams.response(Source(), on_finish=finished))
    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    assert finished.summary().reason == "disconnect"
    assert len(caplog.records) == 1


def test_a_refused_request_is_one_line_with_the_id_that_the_client_was_told(app, caplog):
    caplog.set_level(logging.INFO)
    answer = app.test_client().post("/v1/chat/completions", json={"prompt": 7})
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "prompt: has to be text" in record.getMessage()
    assert answer.json["error"]["id"] in record.getMessage()


def test_a_stream_that_finds_no_slot_is_one_warning_with_the_id(place, make_app, streams, caplog):
    app, source = make_app(LLMSTREAM_MAX_STREAMS=1), Waiting(place)
    app.add_url_rule("/", "view", lambda: streams.response(source))
    with Answer(app, "/") as first, Answer(app, "/") as second:
        first.block()
        error = second.json["error"]
        (record,) = caplog.records
        source.go_on.set()
    assert record.levelno == logging.WARNING
    assert error["id"] in record.getMessage()


@only(THREADS)
def test_a_stream_that_cant_start_is_one_error_with_the_id(app, streams, caplog, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    app.add_url_rule("/", "view", lambda: streams.response(["never"]))
    with Answer(app, "/") as answer:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            error = json.loads(answer.block())["error"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is RuntimeError
    assert error["id"] in record.getMessage()


# Error trackers.


def test_an_exception_is_told_to_error_trackers_once(app, run, told):
    error = LookupError("gone")
    run(raising(error, "one"))
    assert told == [(app, error)]


def test_an_exception_before_the_first_event_is_told_too(app, run, told):
    error = LookupError("gone")
    run(raising(error), hold=5)
    assert told == [(app, error)]


def test_a_good_end_is_not_told_to_error_trackers(run, told):
    run(lambda: ["one"])
    assert told == []


# Callbacks.


def test_on_finish_is_told_everything_of_the_stream(run):
    summary = run(lambda: ["Hel", "lo", Usage(completion_tokens=2)])
    assert summary.reason == "complete"
    assert summary.text == "Hello"
    assert summary.items == 2
    assert summary.usage == Usage(completion_tokens=2)
    assert summary.failure is None
    assert summary.error is None


def test_the_first_event_is_timed_however_soon_the_stream_ends(run):
    summary = run(lambda: ["one"])
    assert summary.first_event_seconds is not None
    assert 0 <= summary.first_event_seconds <= summary.seconds


def test_on_finish_of_the_config_is_told_of_every_stream(place, make_app, streams, finished):
    app = make_app(LLMSTREAM_ON_FINISH=finished)
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    with Answer(app, "/") as answer:
        answer.rest()
    assert finished.summary().text == "one"


class Failed(logging.Handler):
    """Waits for the log record of a callback that failed. No other comes after it."""

    def __init__(self, place):
        super().__init__(logging.ERROR)
        self.records = []
        self._came = place.for_reader()

    def emit(self, record):
        self.records.append(record)
        self._came.set()

    def only_one(self):
        self._came.wait()
        (record,) = self.records
        return record


@pytest.fixture
def failed(place, app):
    handler = Failed(place)
    app.logger.addHandler(handler)
    yield handler
    app.logger.removeHandler(handler)


FAILURES = [LookupError, gevent.Timeout]


@pytest.mark.parametrize("failure", FAILURES)
def test_an_on_finish_that_fails_is_logged_and_the_reader_has_it_all(app, streams, failed, failure):
    def on_finish(summary):
        raise failure

    app.add_url_rule("/", "view", lambda: streams.response(["one"], on_finish=on_finish))
    with Answer(app, "/") as answer:
        assert b'"reason":"complete"' in answer.rest()
        assert failed.only_one().exc_info[0] is failure


class Speechless(Exception):
    def __str__(self):
        raise LookupError("no words")


def in_a_circle():
    first, second = LookupError("first"), LookupError("second")
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize("error", [Speechless(), in_a_circle()], ids=["speechless", "in a circle"])
def test_an_exception_that_cant_be_logged_is_told_all_the_same(app, run, told, error):
    assert run(raising(error, "one")).reason == "error"
    assert told == [(app, error)]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_receiver_that_fails_is_logged_and_on_finish_is_told(app, run, failed, failure):
    def fail(sender, summary):
        raise failure

    with stream_finished.connected_to(fail, app):
        assert run(lambda: ["one"]).reason == "complete"
    assert failed.only_one().exc_info[0] is failure


def test_an_error_tracker_that_fails_is_logged_and_on_finish_is_told(app, run, caplog):
    def fail(sender, exception, **_):
        raise LookupError("the tracker failed")

    with got_request_exception.connected_to(fail, app):
        assert run(raising(KeyError("gone"))).reason == "error"
    assert "the tracker failed" in caplog.text


def test_callbacks_run_inside_the_streams_context(app, run):
    seen = []

    def hear(sender, summary):
        seen.append(request.path)

    with stream_finished.connected_to(hear, app):
        run(lambda: ["one"])
    assert seen == ["/"]


# Where nobody hears of a good end, nothing is counted for it.


@pytest.fixture
def ended(app, caplog, monkeypatch):
    """A stream that has ended well, in an app whose log leaves out such ends."""
    caplog.set_level(logging.WARNING, app.logger.name)
    monkeypatch.setattr(stream_finished, "receivers", {})  # of an app that another test imports

    def ended(**options):
        given = StreamOptions(**options)
        return Stream("an-id", "one", [], make_format("text", None), given, WSGIHooks(app))

    return ended


def test_nobody_hears_of_a_good_end_that_is_not_logged(app, ended):
    assert not is_heard(log_of(app), ended())


def test_a_log_hears_of_it(app, ended, caplog):
    stream = ended()
    caplog.set_level(logging.INFO, app.logger.name)
    assert is_heard(log_of(app), stream)


def test_a_log_of_an_applications_own_kind_hears_of_it(ended):
    assert is_heard(Log(lambda: object()), ended())


def test_a_log_that_cant_be_found_tells_of_that(ended):
    def find():
        raise OSError("no log today")

    assert is_heard(Log(find), ended())


def test_a_callback_hears_of_it(app, ended):
    assert is_heard(log_of(app), ended(on_finish=print))


def test_a_receiver_of_any_sender_hears_of_it(app, ended):
    stream = ended()
    with stream_finished.connected_to(lambda sender, summary: None, object()):
        assert is_heard(log_of(app), stream)


def test_a_failure_is_always_heard_of(app, ended):
    stream = ended()
    stream.end("error", StreamError("not today"))
    assert is_heard(log_of(app), stream)
