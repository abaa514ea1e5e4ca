"""The response for a server: nothing runs before the server reads it, or after it closes it."""

from __future__ import annotations

import gc
import json
import socket
import threading
import weakref

import gevent.socket
import pytest
from flask import Flask, Response, abort, request
from werkzeug.datastructures import Headers
from werkzeug.test import create_environ

from flask_llmstream import ProviderError, RequestError, ServerSentEvent, StreamError
from flask_llmstream.connection.socket_options import UNSENT_BYTES
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, THREADS, only, wait_for_worker_threads

OPENING = b": \nevent: opened\n"


def slots_of(app):
    return app.extensions["llmstream"].slots


def messages(events):
    return [json.loads(event.data)["message"] for event in events]


# Everything begins when the first block is read.


def test_nothing_runs_before_the_first_block_is_read(app, serve):
    asked = []
    serve(lambda: map(asked.append, "abc"))
    with Answer(app, "/") as answer:
        assert asked == []
        assert answer.status is None
        assert slots_of(app).taken == 0


def test_the_first_block_brings_the_status_and_takes_a_slot(place, app, serve, waiting):
    serve(lambda: waiting)
    with Answer(app, "/") as answer:
        answer.block()
        assert answer.status == 200
        assert slots_of(app).taken == 1


def test_the_first_block_opens_the_stream_before_the_first_item(place, app, serve):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "one"

    serve(source)
    with Answer(app, "/") as answer:
        assert answer.block().startswith(OPENING)
        go_on.set()
        assert messages(answer.all_events()) == ["one", ""]


def test_items_arrive_in_order_and_the_end_says_why(place, app, serve):
    serve(lambda: ["one", "two"])
    with Answer(app, "/") as answer:
        events = answer.all_events()
    assert messages(events) == ["one", "two", ""]
    assert json.loads(events[-1].data) == {"ended": True, "message": "", "reason": "complete"}


def test_what_the_event_stream_is_sent_with(app, serve):
    serve(lambda: [])
    with Answer(app, "/") as answer:
        answer.block()
    assert dict(answer.headers) == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
        "Content-Encoding": "identity",
        "Vary": "Accept",
    }


def test_what_after_request_adds_arrives(place, app, serve):
    @app.after_request
    def add(response):
        response.headers["X-Added"] = "yes"
        response.set_cookie("visited", "1")
        return response

    serve(lambda: ["one"])
    with Answer(app, "/") as answer:
        answer.block()
    assert answer.headers["X-Added"] == "yes"
    assert answer.headers["Set-Cookie"].startswith("visited=1")


class Closing(list):
    """A source that remembers whether it was closed."""

    closed = 0

    def close(self):
        self.closed += 1


def test_a_location_is_completed_as_in_any_response(app, streams):
    @app.route("/")
    def view():
        response = streams.response(["a"])
        response.headers["Content-Location"] = "/né"
        return response

    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["Content-Location"] == "/n%C3%A9"


def test_a_response_class_may_have_its_own_way_to_its_headers(make_app, streams):
    class Own(Response):
        def get_wsgi_headers(self, environ):
            headers = super().get_wsgi_headers(environ)
            headers["X-Path"] = environ["PATH_INFO"]
            return headers

    app = make_app()
    app.response_class = Own
    app.add_url_rule("/", view_func=lambda: streams.response(["a"]), endpoint="view")
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["X-Path"] == "/"


def test_a_response_may_have_its_own_way_to_its_headers(app, streams):
    @app.route("/")
    def view():
        response = streams.response(["a"])
        response.get_wsgi_headers = lambda environ: Headers(
            {"X-Path": environ["PATH_INFO"], "Content-Type": "text/event-stream"}
        )
        return response

    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["X-Path"] == "/"


@pytest.mark.parametrize("kind", [dict, list, Headers])
def test_headers_may_be_replaced_by_others(app, streams, kind):
    @app.route("/")
    def view():
        response = streams.response(["a"])
        response.headers = kind([("Content-Type", "text/event-stream"), ("X-Mine", "yes")])
        return response

    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["X-Mine"] == "yes"


def test_the_headers_of_one_response_are_not_those_of_the_next(app, streams):
    @app.route("/")
    def view():
        response = streams.response(["a"])
        response.headers.add("X-Times", "once")
        return response

    for _ in range(2):
        with Answer(app, "/") as answer:
            answer.rest()
        assert answer.headers.getlist("X-Times") == ["once"]


def test_head_has_the_headers_and_starts_nothing(app, serve):
    source = Closing(["never"])
    serve(lambda: source)
    with Answer(app, "/", method="HEAD") as answer:
        assert answer.rest() == b""
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert source.closed == 1


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_starts_nothing(app, client, streams, status):
    source = Closing(["never"])

    @app.route("/")
    def view():
        response = streams.response(source)
        response.status_code = status
        return response

    assert client.get("/").data == b""
    assert source.closed == 1


def test_a_body_that_is_closed_unread_closes_its_source(app, serve):
    source = Closing(["never"])
    serve(lambda: source)
    Answer(app, "/").close()
    assert source.closed == 1
    assert slots_of(app).taken == 0


def test_a_body_that_is_forgotten_unread_leaves_nothing(app, serve):
    source = Closing(["never"])
    serve(lambda: source)
    seen = weakref.ref(app(create_environ("/"), lambda *started: None))
    gc.collect()
    assert seen() is None
    assert slots_of(app).taken == 0


def test_a_response_that_is_replaced_starts_nothing(client, app, serve):
    asked = []

    @app.after_request
    def replace(response):
        return Response("something else")

    serve(lambda: map(asked.append, "abc"))
    assert client.get("/").data == b"something else"
    assert asked == []


def test_a_view_that_fails_behind_its_response_starts_nothing(client, app, streams):
    asked = []

    @app.route("/")
    def view():
        streams.response(map(asked.append, "abc"))
        abort(403)

    assert client.get("/").status_code == 403
    assert asked == []


def test_a_body_that_somebody_wraps_is_streamed_all_the_same(place, app, serve):
    @app.after_request
    def wrap(response):
        response.response = (block for block in response.response)
        return response

    serve(lambda: ["one", "two"])
    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["one", "two", ""]


def test_a_failure_behind_a_wrapper_that_has_sent_the_status_is_an_event(place, app, serve):
    @app.after_request
    def wrap(response):
        response.response = (block for block in response.response)
        return response

    def source():
        raise StreamError("Out of credit.")
        yield

    serve(source, hold=5)
    with Answer(app, "/") as answer:
        (event,) = answer.all_events()
    assert event.event == "error"
    assert json.loads(event.data)["error"]["message"] == "Out of credit."


def test_the_response_class_of_the_app_is_kept(place, streams):
    class Own(Response):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.headers["X-Own"] = "yes"

    app = Flask("a_site")
    app.response_class = Own
    app.config["LLMSTREAM_WORKER"] = place.worker
    streams.init_app(app)

    @app.route("/")
    def view():
        response = streams.response(["one"])
        assert isinstance(response, Own)
        return response

    with Answer(app, "/") as answer:
        assert messages(answer.all_events()) == ["one", ""]
    assert answer.headers["X-Own"] == "yes"


def test_the_response_class_may_be_set_after_the_extension(place, app, serve):
    class Own(Response):
        """A subclass without changes."""

    app.response_class = Own

    def source():
        raise StreamError("Out of credit.", status=402)
        yield

    serve(source, hold=5)
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 402


def test_call_on_close_is_called_once_at_the_end(place, app, streams):
    closed = []

    @app.route("/")
    def view():
        response = streams.response(["one"])
        response.call_on_close(lambda: closed.append(True))
        return response

    with Answer(app, "/") as answer:
        answer.rest()
        assert closed == []
    assert closed == [True]


def test_a_response_may_have_a_close_of_its_own(app, streams):
    closed = []

    @app.route("/")
    def view():
        response = streams.response(["one"])
        response.close = lambda: closed.append(True)
        return response

    with Answer(app, "/") as answer:
        answer.rest()
    assert closed == [True]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_call_on_close_is_called_once_where_nothing_is_read(app, streams, method):
    closed = []

    @app.route("/")
    def view():
        response = streams.response(["one"])
        response.call_on_close(lambda: closed.append(True))
        return response

    Answer(app, "/", method=method).close()
    assert closed == [True]


def test_a_body_that_was_read_to_its_end_leaves_nothing_where_nobody_closes_it(place, app, serve):
    serve(lambda: ["one"])
    assert b'"reason":"complete"' in b"".join(app(create_environ("/"), lambda *started: None))


def test_closing_again_is_harmless(place, app, serve, waiting):
    serve(lambda: waiting)
    body = app(create_environ("/"), lambda *started: None)
    blocks = iter(body)
    next(blocks)
    body.close()
    body.close()
    assert list(blocks) == []


# How many may run.


def test_who_finds_no_slot_is_told_when_to_come_back(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    with Answer(app, "/") as first, Answer(app, "/") as second:
        first.block()
        error = second.json["error"]
    assert second.status == 503
    assert second.headers["Retry-After"] == "1"
    assert second.headers["Content-Type"] == "application/json"
    assert error["code"] == "too_many_streams"
    assert slots_of(app).taken <= 1


def test_one_client_s_streams_have_a_limit_of_their_own(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    of_one = {"REMOTE_ADDR": "192.0.2.1"}
    with Answer(app, "/", of_one) as first, Answer(app, "/", of_one) as second:
        first.block()
        assert second.json["error"]["code"] == "too_many_streams"
        assert (second.status, second.headers["Retry-After"]) == (429, "1")
        with Answer(app, "/", {"REMOTE_ADDR": "192.0.2.2"}) as another:
            another.block()
            assert another.status == 200


def test_who_is_one_client_is_for_the_app_to_say(place, make_app, streams, waiting):
    key = "LLMSTREAM_CLIENT_KEY"
    app = make_app(**{"LLMSTREAM_MAX_STREAMS_PER_CLIENT": 1, key: lambda: request.args["user"]})
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    with Answer(app, "/?user=ann") as first, Answer(app, "/?user=ann") as second:
        first.block()
        second.rest()
        with Answer(app, "/?user=bob") as another:
            another.block()
            assert (second.status, another.status) == (429, 200)


def test_who_is_refused_starts_nothing_and_closes_its_source(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS=1)
    refused = Closing(["never"])
    sources = iter([waiting, refused])
    app.add_url_rule("/", "view", lambda: streams.response(next(sources)))
    with Answer(app, "/") as first:
        first.block()
        with Answer(app, "/") as second:
            second.rest()
    assert refused.closed == 1


def test_a_slot_is_free_again_when_its_stream_has_ended(place, make_app, streams):
    app = make_app(LLMSTREAM_MAX_STREAMS=1)
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    for _ in range(3):
        with Answer(app, "/") as answer:
            answer.rest()
        wait_for_worker_threads()
        assert answer.status == 200


@only(THREADS)
@pytest.mark.parametrize("options", [{}, {"total_timeout": 60}], ids=["no timer", "a timer"])
def test_a_stream_that_cant_start_is_an_error_and_keeps_no_slot(app, serve, monkeypatch, options):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    source = Closing(["never"])
    serve(lambda: source, **options)
    with Answer(app, "/") as answer:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            answer.block()
    assert answer.status == 500
    assert source.closed == 1
    assert slots_of(app).taken == 0


def test_a_stream_that_is_read_where_it_cant_run_is_an_error_and_keeps_no_slot(app, streams):
    source = Closing(["never"])

    def view():
        with app.test_request_context():
            return streams.response(source, worker="greenlet")

    response = gevent.spawn(view).get()
    statuses = []
    body = response(create_environ("/"), lambda status, headers: statuses.append(status))
    assert b'"code":"internal"' in b"".join(body)
    body.close()
    assert statuses[0].startswith("500")
    assert source.closed == 1
    assert slots_of(app).taken == 0


# Before the first event: a true status.


def failing(error):
    def source():
        raise error
        yield

    return source


@pytest.mark.parametrize(
    "error, status, code",
    [
        (StreamError("Out of credit.", status=402, code="no_credit"), 402, "no_credit"),
        (ProviderError("The model is away."), 502, "provider_error"),
        (LookupError("a secret"), 500, "internal"),
        (TypeError("a secret"), 500, "internal"),
    ],
)
def test_a_failure_within_the_hold_has_its_status(place, app, serve, error, status, code):
    serve(failing(error), hold=5)
    with Answer(app, "/") as answer:
        told = answer.json["error"]
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Encoding" not in answer.headers
    assert told["code"] == code
    assert "secret" not in told["message"]
    assert len(told["id"]) == 32


def test_abort_within_the_hold_has_its_status(place, app, serve):
    def source():
        abort(404, "There is no such document.")
        yield

    serve(source, hold=5)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["message"] == "There is no such document."
    assert answer.status == 404


def test_a_failure_within_the_hold_says_when_to_come_back(place, app, serve):
    serve(failing(ProviderError("Too much.", status=429, retry_after=7)), hold=5)
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "7"


def test_a_failure_within_the_hold_names_its_field(place, app, serve):
    serve(failing(RequestError("is too long", field="prompt")), hold=5)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["field"] == "prompt"
    assert answer.status == 400


def test_a_status_that_nobody_knows_is_sent_all_the_same(place, app, serve):
    serve(failing(StreamError("Enhance.", status=499)), hold=5)
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 499


def test_a_failure_within_the_hold_keeps_what_after_request_added(place, app, serve):
    @app.after_request
    def add(response):
        response.headers["X-Added"] = "yes"
        return response

    serve(failing(LookupError()), hold=5)
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["X-Added"] == "yes"
    assert len(answer.headers.getlist("Content-Type")) == 1


def test_a_first_item_within_the_hold_commits_to_the_stream(place, app, serve, waiting):
    serve(lambda: waiting, hold=5)
    with Answer(app, "/") as answer:
        assert messages(answer.events()) == ["one"]
    assert answer.status == 200


def test_an_empty_stream_within_the_hold_opens_and_ends(place, app, serve):
    serve(lambda: [], hold=5)
    with Answer(app, "/") as answer:
        everything = answer.rest()
    assert everything.startswith(OPENING)
    assert b'"reason":"complete"' in everything


def test_when_the_hold_is_over_the_stream_opens(place, app, serve):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        raise StreamError("Too late.")
        yield

    serve(source, hold=0.001)
    with Answer(app, "/") as answer:
        assert answer.block().startswith(OPENING)
        go_on.set()
        (event,) = answer.all_events()
    assert answer.status == 200
    assert event.event == "error"


def test_a_hold_is_never_longer_than_the_heartbeat(place, app, serve):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "one"

    serve(source, hold=1000, heartbeat=0.001)
    with Answer(app, "/") as answer:
        assert answer.block().startswith(OPENING)
        go_on.set()
        answer.rest()


def test_without_a_hold_a_failure_is_an_event(place, app, serve):
    serve(failing(LookupError()))
    with Answer(app, "/") as answer:
        (event,) = answer.all_events()
    assert answer.status == 200
    assert event.event == "error"


def test_a_timeout_within_the_hold_is_504(place, app, serve):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "late"

    serve(source, hold=5, total_timeout=0.001)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["code"] == "timeout"
        go_on.set()
    assert answer.status == 504


# After the first event: an event that says what happened.


def test_a_failure_behind_the_first_event_is_the_last_event(place, app, serve):
    def source():
        yield "one"
        raise StreamError("The model has lost its thread.", code="lost")

    serve(source, hold=5)
    with Answer(app, "/") as answer:
        first, last = answer.all_events()
    told = json.loads(last.data)
    assert last.event == "error"
    assert told["ended"] is True
    assert told["error"]["code"] == "lost"
    assert told["error"]["message"] == "The model has lost its thread."


def test_a_timeout_is_told(place, app, serve, waiting, schedule):
    serve(lambda: waiting, total_timeout=5, send_timeout=0)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        schedule.fire()
        waiting.go_on.set()
        first, last = answer.all_events()
    assert json.loads(last.data)["error"]["code"] == "timeout"


# Heartbeats.


def test_while_the_source_is_silent_comments_come(place, app, serve, waiting):
    serve(lambda: waiting, heartbeat=0.001, hold=5)
    with Answer(app, "/") as answer:
        answer.block()
        assert [answer.block() for _ in range(3)] == [b": \n"] * 3
        waiting.go_on.set()
        assert messages(answer.all_events()) == ["two", ""]


def test_without_a_heartbeat_there_is_no_comment(place, app, serve):
    serve(lambda: ["one"], heartbeat=0)
    with Answer(app, "/") as answer:
        everything = answer.rest()
    assert everything.startswith(b"event: opened\n")
    assert b"\n: " not in everything


@pytest.mark.parametrize("options", [{"heartbeat": 0}, {"heartbeat": 0, "hold": 5}], ids=str)
def test_with_nothing_to_open_with_the_first_block_is_the_first_item(place, app, serve, options):
    serve(lambda: ["one"], format="text", reconnect="restart", **options)
    with Answer(app, "/") as answer:
        assert answer.rest() == b"data: one\n\n"


def test_a_format_without_comments_has_no_heartbeats(place, app, serve):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "one"

    serve(source, format="ndjson", heartbeat=0.001)
    with Answer(app, "/") as answer:
        threading.Timer(0.02, go_on.set).start()  # long enough for heartbeats
        first = answer.rest().splitlines()[0]
    assert json.loads(first) == {"ended": False, "message": "one"}


# Coming back.


# Werkzeug's validator wants a length of 0, which its own response takes away, as HTTP says.
a_204_has_no_length = pytest.mark.filterwarnings("ignore:204 responses must have an empty")


@a_204_has_no_length
def test_who_comes_back_behind_the_end_is_told_to_stay_away(place, app, serve):
    serve(lambda: ["one"])
    with Answer(app, "/") as answer:
        answer.all_events()
    headers = {"Last-Event-ID": answer.last_event_id}
    with Answer(app, "/", headers=headers) as again:
        assert again.rest() == b""
    assert again.status == 204


def test_who_comes_back_behind_a_cut_is_told_that_the_answer_is_gone(place, app, serve, waiting):
    serve(lambda: waiting)
    with Answer(app, "/") as answer:
        answer.events()
    with Answer(app, "/", headers={"Last-Event-ID": answer.last_event_id}) as again:
        assert again.json["error"]["code"] == "gone"
    assert again.status == 410


@a_204_has_no_length
def test_who_comes_back_behind_a_failure_is_told_to_stay_away(place, app, serve):
    serve(failing(LookupError()))
    with Answer(app, "/") as answer:
        answer.all_events()
    with Answer(app, "/", headers={"Last-Event-ID": answer.last_event_id}) as again:
        again.rest()
    assert again.status == 204


@a_204_has_no_length
def test_the_source_of_who_is_sent_away_is_closed(app, serve):
    source = Closing(["never"])
    serve(lambda: source)
    with Answer(app, "/", headers={"Last-Event-ID": "0" * 32 + ":ended"}) as again:
        again.rest()
    assert source.closed == 1


@pytest.mark.parametrize("last", ["ended", "0" * 31 + ":ended", "0" * 32 + ":later", "7"])
def test_an_id_that_is_not_ours_is_no_reason_to_refuse(place, app, serve, last):
    serve(lambda: ["one"])
    with Answer(app, "/", headers={"Last-Event-ID": last}) as answer:
        assert messages(answer.all_events()) == ["one", ""]


def test_a_stream_that_restarts_runs_again(place, app, serve):
    serve(lambda: ["one"], reconnect="restart")
    with Answer(app, "/", headers={"Last-Event-ID": "0" * 32 + ":ended"}) as answer:
        assert messages(answer.all_events()) == ["one", ""]
    assert answer.last_event_id == ""


def test_ids_of_the_sources_own_are_kept_to_the_end(place, app, serve):
    serve(lambda: [ServerSentEvent("one", id="mine-1"), ServerSentEvent("two", id="mine-2")])
    with Answer(app, "/") as answer:
        answer.all_events()
    assert answer.last_event_id == "mine-2"


def test_no_two_streams_have_the_same_id(place, app, serve):
    serve(lambda: ["one"])
    ids = set()
    for _ in range(2):
        with Answer(app, "/") as answer:
            answer.all_events()
        ids.add(answer.last_event_id)
    assert len(ids) == 2


# The client leaves.


def test_a_departure_while_the_source_is_silent_ends_the_stream(
    place, app, serve, waiting, connection, finished
):
    serve(lambda: waiting, heartbeat=0, on_finish=finished, hold=5)
    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        connection.client_closes()
        assert answer.rest() == b""
        if not place.interrupts:
            waiting.go_on.set()
        assert finished.summary().reason == "disconnect"
    assert waiting.closed == [True]


def test_a_departure_within_the_hold_ends_the_stream(place, app, serve, connection, finished):
    go_on = place.for_producer()

    def source():
        go_on.wait()
        yield "never"

    serve(source, hold=1000, heartbeat=0, on_finish=finished)
    with Answer(app, "/", connection.environ) as answer:
        connection.client_closes()
        assert answer.rest() == b""
        go_on.set()
        assert finished.summary().reason == "disconnect"


def test_a_body_that_is_closed_in_the_middle_ends_the_stream(place, app, serve, waiting, finished):
    serve(lambda: waiting, on_finish=finished)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
    if not place.interrupts:
        waiting.go_on.set()
    assert finished.summary().reason == "disconnect"
    assert waiting.closed == [True]


def test_a_departure_behind_the_end_changes_nothing(place, app, serve, connection, finished):
    serve(lambda: ["one"], on_finish=finished)
    with Answer(app, "/", connection.environ) as answer:
        answer.rest()
        connection.client_closes()
    assert finished.summary().reason == "complete"


def test_the_watch_can_be_switched_off(place, make_app, streams, waiting, connection, finished):
    app = make_app(LLMSTREAM_LIVENESS=False)
    app.add_url_rule("/", "view", lambda: streams.response(waiting, on_finish=finished))
    connection.client_closes()
    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        waiting.waits.wait()
        waiting.go_on.set()
        assert messages(answer.all_events())[-2:] == ["two", ""]
    assert finished.summary().reason == "complete"


@only(GREENLETS, THREADS)
def test_a_frozen_reader_is_cut_off(place, app, serve, connection, finished):
    """The client reads nothing. The server's write waits until the connection is cut."""

    def source():
        while True:
            yield "x" * 10_000

    serve(source, send_timeout=0.05, on_finish=finished)
    server = connection.server
    if place is GREENLETS:
        server = connection.server = gevent.socket.socket(fileno=server.detach())
    with Answer(app, "/", connection.environ) as answer:
        with pytest.raises(OSError):
            while True:
                server.sendall(answer.block())
        assert finished.summary().reason == "disconnect"


@only(GREENLETS, THREADS)
def test_a_reader_who_waits_for_the_source_is_not_cut_off(app, serve, waiting, schedule):
    serve(lambda: waiting, send_timeout=60)
    with Answer(app, "/") as answer:
        answer.events()
        schedule.fire()
        (timer,) = schedule.waiting
        assert 0 < timer.seconds <= 60
        waiting.go_on.set()
        assert messages(answer.all_events())[-1] == ""
    assert schedule.waiting == []


@only(GREENLETS, THREADS)
def test_without_a_send_timeout_nobody_is_cut_off(app, serve, waiting, schedule):
    serve(lambda: waiting, send_timeout=0)
    with Answer(app, "/") as answer:
        answer.block()
        assert schedule.waiting == []


@only(THREADS)
def test_a_check_that_was_under_way_when_the_body_was_closed_leaves_no_timer(
    app, serve, waiting, schedule
):
    serve(lambda: waiting, send_timeout=60)
    answer = Answer(app, "/")
    answer.block()
    (timer,) = schedule.waiting
    under_way = timer.callback
    answer.close()
    under_way()
    assert schedule.waiting == []


@only(THREADS)
def test_a_check_that_was_under_way_does_not_cut_the_connections_next_request(
    app, serve, connection, schedule
):
    serve(lambda: ["one"], send_timeout=1e-9)
    environ = dict(connection.environ)
    answer = Answer(app, "/", environ)
    answer.block()
    under_way = [timer.callback for timer in schedule.waiting if timer.seconds < 0.1]
    answer.close()
    for check in under_way:
        check()
    connection.server.sendall(b"the next answer")
    assert connection.client.recv(100) == b"the next answer"


@only(GREENLETS, THREADS)
@pytest.mark.parametrize("overflow, limited", [("block", False), ("drop", True), ("buffer", True)])
def test_the_kernel_keeps_little_only_where_a_strategy_is_to_act(
    app, serve, connection, overflow, limited
):
    serve(lambda: [{"n": 1}], overflow=overflow)
    with Answer(app, "/", connection.environ) as answer:
        answer.block()
        option = connection.server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        assert (option == UNSENT_BYTES) is limited
        answer.rest()
