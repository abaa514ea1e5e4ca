"""Each step of an end is done though another raised: reader, callbacks and slot have theirs."""

from __future__ import annotations

import json
import logging
import threading
from functools import partial

import gevent
import pytest
from flask import g

from flask_llmstream.errors import StreamError, UnsendableItem
from flask_llmstream.formats import NDJSONFormat, TextFormat, make_format
from flask_llmstream.formats.negotiated import JSONArray
from flask_llmstream.runtime import atomic
from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.stream import endable, outcome, reported, stream
from flask_llmstream.stream.options import StreamOptions
from tests.support.answers import Answer
from tests.support.async_sources import asynchronous
from tests.support.lockstep import Lockstep
from tests.support.running_stream import Running, Told
from tests.support.runtimes import BESIDE, GREENLETS, THREADS, only, wait_for_worker_threads
from tests.support.sources import Stalled, Waiting
from tests.support.unshowable import UNSHOWABLE

FAILURES = [LookupError, gevent.Timeout, SystemExit]


@pytest.fixture(params=FAILURES)
def fail(request):
    """A step that raises."""

    def fail(*_, **__):
        raise request.param()

    return fail


class Source(Waiting):
    """Can be aborted and closed."""

    def __init__(self, place):
        super().__init__(place)
        self.aborted = []

    def abort(self):
        self.aborted.append(True)

    def close(self):
        self.closed.append("close")


class Listening:
    """Is told of everything that happens to a stream."""

    def __init__(self):
        self.heard = []

    def timed_out(self, error):
        self.heard.append("timed_out")
        return False

    def ended(self, reason, error):
        self.heard.append("ended")

    def finished(self, summary):
        self.heard.append("finished")


# Each of these has one step raise.


def raise_in_the_listeners_end(running, fail):
    running.listener.ended = fail


def raise_in_the_listeners_last(running, fail):
    running.listener.finished = fail


def raise_in_the_abort(running, fail):
    running.source.abort = fail


def raise_in_the_close(running, fail):
    running.source.close = fail


def raise_in_the_report(running, fail):
    finished = running.told.finished

    def finished_and_failed(stream, summary):
        finished(stream, summary)
        fail()

    running.told.finished = finished_and_failed


def raise_in_the_departure(running, fail):
    running.told.left = fail


def raise_in_the_clock(running, fail):
    running.clock.now = None


def raise_in_the_timers(running, fail):
    for timer in running.schedule.waiting:
        timer.cancel = fail


def raise_in_the_release(running, fail):
    release = running.told.release

    def release_and_fail(stream):
        release(stream)
        fail()

    running.told.release = release_and_fail


STEPS = [
    raise_in_the_listeners_end,
    raise_in_the_listeners_last,
    raise_in_the_abort,
    raise_in_the_close,
    raise_in_the_report,
    raise_in_the_departure,
    raise_in_the_clock,
    raise_in_the_timers,
    raise_in_the_release,
]


class Fragile(Running):
    """A stream whose steps a test has raise."""

    def __init__(self, place):
        self.source = Source(place)
        super().__init__(place, self.source, total_timeout=60, on_disconnect=print)
        self.listener = Listening()

    def begin(self, step, fail):
        runtime = runtime_for(self.place.worker)._replace(schedule=self.schedule)
        self.stream.open(runtime, self.listener)
        self.stream.start(
            runtime_for(self.place.worker)._replace(schedule=self.schedule),
            lambda stream: self.told.release(stream),
        )
        self.source.waits.wait()
        assert self.receive() == b"data: one\n\n"
        step(self, fail)


@pytest.fixture
def fragile(place):
    fragile = Fragile(place)
    yield fragile
    fragile.source.go_on.set()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("reason", ["complete", "error", "timeout", "disconnect", "shutdown"])
def test_whatever_raises_the_others_are_done(place, fragile, fail, step, reason):
    fragile.begin(step, fail)
    if reason == "timeout":
        fragile.schedule.fire()
    else:
        fragile.stream.end(reason, StreamError("No.") if reason == "error" else None)
    fragile.source.go_on.set()
    assert fragile.rest() == b""
    summary = fragile.summary()
    assert summary.reason == reason
    assert "close" in fragile.source.closed or step is raise_in_the_close
    told = {"ended", "finished"}
    told -= {"ended"} if step is raise_in_the_listeners_end else set()
    told -= {"finished"} if step is raise_in_the_listeners_last else set()
    assert told <= set(fragile.listener.heard)
    wait_for_worker_threads()


@only(THREADS, BESIDE)
def test_a_callback_that_finds_no_thread_is_called_at_the_producer_s_end(
    place, fragile, monkeypatch, caplog
):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    fragile.begin(lambda *_: None, None)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        fragile.stream.end("disconnect")
    assert fragile.told.departures == []
    fragile.source.go_on.set()
    assert fragile.summary().reason == "disconnect"
    assert [departure.reason for departure in fragile.told.departures] == ["disconnect"]
    assert "no worker for a callback" in caplog.text


def end_behind_the_producer(fragile, reason):
    """End a stream whose producer is over and has reported before the end is."""

    def abort():
        fragile.source.go_on.set()
        fragile.told.summary()

    fragile.source.abort = abort
    fragile.stream.end(reason)


@only(THREADS, BESIDE)
@pytest.mark.parametrize("reason", ["timeout", "disconnect", "shutdown", "overflow"])
def test_its_listener_hears_of_the_end_though_the_producer_has_reported_before(
    place, fragile, reason
):
    fragile.begin(lambda *_: None, None)
    end_behind_the_producer(fragile, reason)
    assert set(fragile.listener.heard) == {"ended", "finished"}


@only(THREADS, BESIDE)
def test_a_callback_that_finds_no_thread_is_called_at_once_behind_the_producer(
    place, fragile, monkeypatch
):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    fragile.begin(lambda *_: None, None)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        end_behind_the_producer(fragile, "disconnect")
    assert [departure.reason for departure in fragile.told.departures] == ["disconnect"]


@only(THREADS, BESIDE)
def test_callbacks_that_find_no_thread_keep_their_order(place, fragile, monkeypatch):
    called = []

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    fragile.begin(lambda *_: None, None)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        for number in range(3):
            fragile.stream.run_in_background(partial(called.append, number))
    fragile.source.go_on.set()
    fragile.summary()
    assert called == [0, 1, 2]


class StoringWorker:
    """Runs the producer where a test says so."""

    def start(self, run):
        self.run = run

    def drive(self, source, deliver):
        for item in source:
            deliver(item)

    def stop(self, abort):
        """The producer ends by itself."""


ENDING = [module.__file__ for module in (atomic, endable, outcome, reported, stream)]


@pytest.mark.parametrize("reason", ["complete", "error", "timeout", "disconnect", "shutdown"])
def test_wherever_one_end_is_the_producer_s_may_come(reason):
    runtime = runtime_for("thread")
    for seed in range(150):
        told, listener, worker = Told(THREADS, lambda work: work()), Listening(), StoringWorker()
        ended = stream.Stream(
            *("an-id", "the source", [], make_format("text", None), StreamOptions(), told),
            make_worker=lambda name: worker,
        )
        ended.open(runtime, listener)
        ended.start(runtime, told.release)
        Lockstep(seed, ENDING).run(partial(ended.end, reason), worker.run)
        ended.abandon()
        assert sorted(listener.heard) == ["ended", "finished"]
        assert told.summary().reason in (reason, "complete")


@only(THREADS)
def test_an_emitter_whose_stream_cant_start_has_its_completion_all_the_same(
    place, app, streams, monkeypatch
):
    told = []

    @app.route("/")
    def view():
        emitter = streams.emitter()
        emitter.on_completion(lambda summary: told.append(summary.reason))
        emitter.on_error(lambda error: told.append(type(error)))
        return emitter.response()

    def refuse(*_):
        raise RuntimeError("can't start new thread")

    with Answer(app, "/") as answer:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            assert json.loads(answer.rest())["error"]["code"] == "internal"
    assert told == [RuntimeError, "error"]
    assert app.extensions["llmstream"].slots.taken == 0


# A log that raises.


@pytest.mark.parametrize("kind", [iter, asynchronous], ids=["generator", "async generator"])
@pytest.mark.parametrize("items", [["one"], ["one", LookupError("gone")]], ids=["good", "failed"])
def test_under_a_log_that_fails_a_stream_ends_as_ever(
    place, app, streams, finished, failing_log, kind, items
):
    def source():
        for item in items:
            if isinstance(item, BaseException):
                raise item
            yield item

    app.add_url_rule("/", "view", lambda: streams.response(kind(source()), on_finish=finished))
    with Answer(app, "/") as answer:
        assert answer.rest().count(b'"ended":true') == 1
    assert finished.summary().reason == ("complete" if len(items) == 1 else "error")
    assert failing_log.failed


def test_under_a_log_that_fails_who_is_refused_has_503(place, make_app, streams, failing_log):
    app, source = make_app(LLMSTREAM_MAX_STREAMS=1), Waiting(place)
    app.add_url_rule("/", "view", lambda: streams.response(source))
    with Answer(app, "/") as first, Answer(app, "/") as second:
        first.block()
        second.rest()
        source.go_on.set()
    assert second.status == 503


def test_under_a_log_that_fails_text_that_may_be_lost_is_sent(place, app, streams, failing_log):
    app.add_url_rule("/", "view", lambda: streams.response(iter(["one"]), overflow="drop"))
    with Answer(app, "/") as answer:
        assert b'"reason":"complete"' in answer.rest()


# What can't be shown.


@pytest.fixture(params=[False, True], ids=["", "debug"])
def any_mode(request, app):
    app.debug = request.param


@pytest.mark.parametrize("hold", [0, 5])
@pytest.mark.parametrize("kind", UNSHOWABLE)
@pytest.mark.parametrize("make", [iter, asynchronous], ids=["generator", "async generator"])
def test_an_exception_that_cant_be_shown_ends_a_stream_as_any_does(
    place, app, streams, finished, any_mode, caplog, kind, hold, make
):
    torn_down, done = [], place.for_reader()

    @app.teardown_appcontext
    def tear_down(error):
        if "half_done" in g:
            torn_down.append(type(error))
            done.set()

    def source():
        g.half_done = True
        raise kind
        yield

    app.config["PROPAGATE_EXCEPTIONS"] = False
    options = {"hold": hold, "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(make(source()), **options))
    with Answer(app, "/") as answer:
        said = answer.rest()
    summary = finished.summary()
    done.wait()
    assert (summary.reason, summary.failure.code) == ("error", "internal")
    assert (answer.status, summary.id.encode() in said) == (500 if hold else 200, True)
    assert torn_down == [kind]
    assert any(kind.__name__ in record.getMessage() for record in caplog.records)


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_nor_does_an_emitter_need_to_show_it(place, app, streams, kind):
    told, done = [], place.for_reader()

    @app.route("/")
    def view():
        emitter = streams.emitter()
        emitter.on_error(lambda error: told.append(type(error)))
        emitter.on_completion(lambda summary: (told.append(summary.reason), done.set()))
        emitter.fail(kind())
        return emitter.response()

    with Answer(app, "/") as answer:
        assert answer.rest().count(b"event: error") == 1
    done.wait()
    assert told == [kind, "error"]
    wait_for_worker_threads()


@pytest.mark.parametrize("name", [7, b"name", None, "a name"])
def test_nor_a_source_its_name(place, app, streams, finished, caplog, name):
    class Source:
        def __iter__(self):
            yield "one"

        def __getattr__(self, attribute):
            if attribute == "__qualname__" and name is not None:
                return name
            raise LookupError(f"no {attribute}")

    caplog.set_level(logging.INFO)
    app.add_url_rule("/", "view", lambda: streams.response(Source(), on_finish=finished))
    with Answer(app, "/") as answer:
        assert b'"reason":"complete"' in answer.rest()
    finished.summary()
    assert ("a name" if name == "a name" else "Source") in caplog.text


# A format of an application's own that fails.


def failing_format(part, base):
    """One that raises in this method."""

    class Failing(base):
        def __init__(self, event, failure):
            super().__init__(event)
            self._failure = failure

    def fail(self, *_):
        if self._failure is None:
            return "no bytes"
        raise self._failure

    setattr(Failing, part, fail)
    return Failing


RAISED = [LookupError("on purpose"), gevent.Timeout(1)]
NO_BYTES = None
"""Not looked at where it is an item: that would cost each token."""


@pytest.mark.parametrize(
    "part, failure",
    [("item", failure) for failure in RAISED]
    + [(part, failure) for part in ("opening", "ending") for failure in (*RAISED, NO_BYTES)],
)
@pytest.mark.parametrize("base", [TextFormat, NDJSONFormat])
def test_what_it_cant_say_is_a_failure_to_the_reader(
    place, app, streams, finished, caplog, part, base, failure
):
    make = failing_format(part, base)
    options = {"format": lambda event: make(event, failure), "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(iter(["one"]), **options))
    with Answer(app, "/") as answer:
        assert answer.rest().count(b'"error":{') == 1
    summary = finished.summary()
    assert summary.id in caplog.text
    assert summary.reason == "error" or part != "item"


@pytest.mark.parametrize("failure", [*RAISED, NO_BYTES])
@pytest.mark.parametrize("base", [TextFormat, NDJSONFormat])
def test_one_that_can_t_say_so_either_is_cut(
    place, app, streams, finished, caplog, base, failure
):
    def source():
        yield "one"
        raise StreamError("No credit.")

    make = failing_format("failure", base)
    options = {"format": lambda event: make(event, failure), "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(source(), **options))
    with Answer(app, "/") as answer:
        with pytest.raises(StreamError, match="no words for that"):
            answer.rest()
    assert finished.summary().reason == "error"
    assert "could not be sent" in caplog.text


def test_one_without_words_is_cut_where_its_end_fails(place, app, streams, finished):
    make = failing_format("ending", JSONArray)
    options = {"format": lambda event: make(event, LookupError("gone")), "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(iter(["one"]), **options))
    with Answer(app, "/") as answer:
        with pytest.raises(StreamError, match="no words for that"):
            answer.rest()
    finished.summary()


@only(GREENLETS, THREADS)
def test_a_heartbeat_that_fails_ends_it(place, app, streams, finished, waiting):
    make = failing_format("heartbeat", TextFormat)
    options = {"format": lambda event: make(event, LookupError("gone")), "on_finish": finished}
    app.add_url_rule(
        "/", "view", lambda: streams.response(waiting, heartbeat=0.01, **options)
    )
    with Answer(app, "/") as answer:
        assert answer.rest().count(b'"error":{') == 1
    waiting.go_on.set()
    assert finished.summary().reason == "error"


# What is found too late.


@only(GREENLETS, THREADS)
def test_the_last_of_all_may_be_an_item_that_cant_be_sent(place, app, streams, finished, caplog):
    """With "latest" what found no room becomes bytes when its reader comes to it."""
    source = Stalled(place, {"one": 1}, {"number": float("nan")})
    options = {"overflow": "latest", "buffer": 1, "heartbeat": 0, "on_finish": finished}
    app.add_url_rule("/", "view", lambda: streams.response(source, **options))
    with Answer(app, "/") as answer:
        answer.block()
        source.gave.wait()
        source.go_on.set()
        summary = finished.summary()
        said = answer.rest()
    assert summary.reason == "complete"
    assert (said.count(b"event: error"), said.count(b'"complete"')) == (1, 0)
    (record,) = [one for one in caplog.records if "could not be sent" in one.getMessage()]
    assert record.exc_info[0] is UnsendableItem
