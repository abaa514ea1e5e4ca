"""Which responses are streams, which requests may get a stream, and where the app runs."""

from __future__ import annotations

import contextvars
import gc
import gzip
import weakref
from typing import get_args

import pytest
from werkzeug.test import create_environ

from flask_llmstream import ConfigurationError, EventStreamMiddleware, Overflow
from flask_llmstream.channel.overflow import STRATEGIES
from flask_llmstream.keywords import Lossless
from tests.support.answers import Answer
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.runtimes import here

COMMENT = b": \n\n"
ONE, TWO = b"data: one\n\n", b"data: two\n\n"
LOSSLESS = {*get_args(Lossless)}
TENANT = contextvars.ContextVar("tenant", default="nobody")


# Which responses are streams.


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "text/plain")],
        [EVENT_STREAM, ("Content-Length", str(len(ONE)))],
        [EVENT_STREAM, ("Content-Encoding", "gzip")],
    ],
)
def test_what_is_no_live_event_stream_is_left_as_it_is(wrap, foreign, headers):
    block = gzip.compress(ONE) if "gzip" in headers[-1] else ONE
    with Answer(wrap(foreign([block], *headers), heartbeat=0.01), "/") as answer:
        assert answer.rest() == block
    assert list(answer.headers) == headers


def test_an_app_that_compresses_its_event_stream_is_told_so_once(wrap, foreign, caplog):
    wrapped = wrap(foreign([b""], EVENT_STREAM, ("Content-Encoding", "gzip")))
    for _ in range(2):
        with Answer(wrapped, "/ticks") as answer:
            answer.rest()
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /ticks compresses its event stream")


def test_an_app_that_writes_is_left_as_it_is(place):
    def app(environ, start_response):
        write = start_response("200 OK", [EVENT_STREAM])
        write(ONE)
        write(TWO)
        return []

    written = []
    wrapped = EventStreamMiddleware(app, worker=place.worker)
    assert list(wrapped(create_environ("/"), lambda *start: written.append)) == []
    assert written == [ONE, TWO]


def test_an_app_that_starts_its_response_late_is_a_stream(wrap):
    def app(environ, start_response):
        start_response("200 OK", [EVENT_STREAM])
        yield ONE
        yield TWO

    with Answer(wrap(app), "/") as answer:
        assert answer.rest() == COMMENT + ONE + TWO
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_a_stream_of_this_package_is_one_already(place, app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(["one"], format="text"))
    wrapped = EventStreamMiddleware(app, worker=place.worker)
    with Answer(wrapped, "/") as answer:
        assert answer.rest().startswith(COMMENT[:-1] + b"event: opened\n")
        assert wrapped.taken == 0


def test_an_app_that_was_wrapped_already_is_not_wrapped_again(place, wrap, foreign):
    inner = EventStreamMiddleware(foreign([ONE]), worker=place.worker)
    with Answer(EventStreamMiddleware(inner, worker=place.worker), "/") as answer:
        assert answer.rest() == COMMENT + ONE


# Which requests may get a stream.


@pytest.fixture
def called_on(place):
    """Make a request, and return where the app was called."""

    def called_on(method="GET", accept=None, **options):
        def app(environ, start_response):
            calls.append(here())
            start_response("200 OK", [EVENT_STREAM])
            return iter([])

        calls = []
        environ = create_environ("/", method=method, headers=accept and {"Accept": accept})
        body = EventStreamMiddleware(app, worker=place.worker, **options)(environ, sent)
        getattr(body, "close", bool)()
        return calls

    def sent(status, headers):
        pass

    return called_on


@pytest.mark.parametrize("accept", [None, "*/*", "text/event-stream", "application/json"])
def test_a_worker_of_its_own_calls_the_app_where_a_stream_may_come(called_on, accept):
    assert called_on(accept=accept) != [here()]


def test_a_page_is_loaded_in_place(called_on):
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert called_on(accept=browser) == [here()]


def test_head_is_answered_in_place_whatever_applies(called_on):
    assert called_on("HEAD", applies=lambda environ: True) == [here()]


def test_applies_narrows_it_to_the_paths_of_the_streams(called_on):
    assert called_on(applies=lambda environ: environ["PATH_INFO"] == "/ticks") == [here()]
    assert called_on(applies=lambda environ: environ["PATH_INFO"] == "/") != [here()]


# Where the app runs.


class RecordingApp:
    """An app that notes for each of its parts where it ran, and the value of a contextvar there."""

    def __init__(self, place, *headers):
        self.places, self.tenants = [], []
        self.closed = place.for_reader()
        self._headers = list(headers)

    def __call__(self, environ, start_response):
        self._record()
        TENANT.set("the app's")
        start_response("200 OK", self._headers)
        return self

    def __iter__(self):
        self._record()
        yield ONE
        self._record()

    def close(self):
        self._record()
        self.closed.set()

    def _record(self):
        self.places.append(here())
        self.tenants.append(TENANT.get())


@pytest.fixture(params=["text/event-stream", "text/csv"])
def recording_app(request, place):
    return RecordingApp(place, ("Content-Type", request.param))


def read(recording_app, wrap):
    with Answer(wrap(recording_app), "/") as answer:
        answer.rest()
    recording_app.closed.wait()


def test_all_of_an_app_runs_on_one_worker(recording_app, wrap):
    read(recording_app, wrap)
    assert len(recording_app.places) == 4
    assert len(set(recording_app.places)) == 1
    assert here() not in recording_app.places


def test_the_server_s_contextvars_are_there_and_the_app_s_stay(recording_app, wrap):
    TENANT.set("the server's")
    read(recording_app, wrap)
    assert recording_app.tenants == ["the server's", "the app's", "the app's", "the app's"]
    assert TENANT.get() == "the server's"


def test_an_answer_that_is_forgotten_unread_leaves_nothing(place, recording_app):
    body = EventStreamMiddleware(recording_app, worker=place.worker)(
        create_environ("/"), lambda *start: None
    )
    seen = weakref.ref(body)
    del body
    gc.collect()
    assert seen() is None
    recording_app.closed.wait()


# Its options.


@pytest.mark.parametrize("option", ["heartbeat", "max_streams", "max_streams_per_client"])
def test_an_option_that_can_t_work_is_refused_by_its_name(option):
    with pytest.raises(ConfigurationError, match=f"{option}: has to be"):
        EventStreamMiddleware(None, **{option: -1})


@pytest.mark.parametrize("option", ["applies", "client_key"])
def test_what_is_to_be_called_has_to_be_callable(option):
    with pytest.raises(ConfigurationError, match=f"{option}: has to be callable"):
        EventStreamMiddleware(None, **{option: "/ticks"})


@pytest.mark.parametrize("overflow", [*sorted({*STRATEGIES} - LOSSLESS), Overflow.DROP])
def test_a_strategy_that_would_lose_pieces_of_events_is_refused(overflow):
    with pytest.raises(ConfigurationError, match="overflow: .* parts of events"):
        EventStreamMiddleware(None, overflow=overflow)


@pytest.mark.parametrize("overflow", sorted(LOSSLESS))
def test_with_any_other_no_block_is_lost(wrap, foreign, overflow):
    with Answer(wrap(foreign([ONE, TWO]), overflow=overflow), "/") as answer:
        assert answer.rest() == COMMENT + ONE + TWO


@pytest.mark.parametrize("option", ["format", "event", "gaps", "coalesce"])
def test_what_the_app_decides_is_no_option(option):
    with pytest.raises(TypeError, match=f"{option}: the app's own"):
        EventStreamMiddleware(None, **{option: "text"})


def test_an_unknown_option_is_a_type_error():
    with pytest.raises(TypeError, match="did you mean 'heartbeat'"):
        EventStreamMiddleware(None, heartbeats=5)


@pytest.mark.parametrize(
    "name, meant", [("max_stream", "max_streams"), ("client_keys", "client_key"), ("ap", "applies")]
)
def test_what_is_misspelt_of_its_own_is_told_as_well(name, meant):
    with pytest.raises(TypeError, match=f"^unknown option '{name}'; .*{meant}"):
        EventStreamMiddleware(None, **{name: 5})


def test_it_resumes_no_stream_that_it_does_not_make() -> None:
    with pytest.raises(ConfigurationError, match="^reconnect: the middleware can't resume"):
        EventStreamMiddleware(None, reconnect="resume")
