"""On servers that need status and headers when the app returns, a stream starts early."""

from __future__ import annotations

from threading import Thread

import gevent
import pytest
from flask import Flask, g
from werkzeug.test import create_environ

from flask_llmstream import EventStreamMiddleware, StreamError
from tests.support.runtimes import THREADS, wait_for_worker_threads


class AtTheCall:
    """One request to a server that looks at ``start_response`` when the app has returned."""

    def __init__(self, app, path="/", software="Granian", **options):
        started = []
        environ = {**create_environ(path, **options), "SERVER_SOFTWARE": software}
        self.body = app(environ, lambda *start: started.append(start))
        status, headers = started[-1] if started else (None, [])
        self.status, self.headers = status, dict(headers)

    def read(self):
        return b"".join(self.body)

    def close(self):
        self.body.close()


def refusing():
    raise StreamError("closed for today", status=503, retry_after=77)
    yield


def words(*items):
    """A source of these items, for ``serve(words("a", "b"))``."""
    return lambda: iter(items)


@pytest.fixture
def app(place, make_app):
    return make_app()


@pytest.fixture
def taken(app):
    return lambda: app.extensions["llmstream"].slots.taken


def test_the_headers_of_a_stream_go_out_at_the_call(app, serve):
    serve(words("hello"))
    server = AtTheCall(app)
    assert server.status == "200 OK"
    assert server.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert b'"message":"hello"' in server.read()


def test_its_first_block_is_sent_once(app, serve):
    serve(words("hello"), hold=9)
    assert AtTheCall(app).read().count(b'"message":"hello"') == 1


def test_a_failure_within_hold_has_its_status(app, serve):
    serve(refusing, hold=9)
    server = AtTheCall(app)
    assert server.status == "503 SERVICE UNAVAILABLE"
    assert server.headers["Retry-After"] == "77"
    assert b"closed for today" in server.read()


def test_the_application_s_handler_answers_it(app, serve):
    app.register_error_handler(StreamError, lambda error: (f"sorry: {error}", 418))
    serve(refusing, hold=9)
    server = AtTheCall(app)
    assert server.status.startswith("418 ")
    assert server.read() == b"sorry: closed for today"


def test_a_handler_may_answer_it_with_a_stream(app, streams, serve):
    app.register_error_handler(StreamError, lambda error: streams.response(["sorry"]))
    serve(refusing, hold=9)
    server = AtTheCall(app)
    assert server.status == "200 OK"
    assert b'"message":"sorry"' in server.read()


def test_who_finds_no_slot_is_told_at_the_call(app, serve, waiting):
    app.extensions["llmstream"].slots.close()
    serve(lambda: waiting)
    server = AtTheCall(app)
    assert server.status == "503 SERVICE UNAVAILABLE"
    assert b"is being restarted" in server.read()


def test_it_starts_behind_the_teardown_of_its_view(app, streams):
    @app.teardown_appcontext
    def close_database(error):
        g.pop("database", None)

    @app.route("/")
    def view():
        g.database = "open"
        return streams.response(reading())

    def reading():
        yield g.get("database", "closed")

    assert b'"message":"closed"' in AtTheCall(app).read()


# A stream without a reader.


@pytest.mark.parametrize("end", ["dropped", "closed"])
def test_a_slot_is_free_when_the_answer_is(end, place, app, serve, waiting, finished, taken):
    left = place.for_reader()
    serve(lambda: waiting, hold=9, on_finish=finished, on_disconnect=lambda summary: left.set())
    server = AtTheCall(app)
    waiting.waits.wait()
    if end == "closed":
        server.close()
    del server
    left.wait()
    waiting.go_on.set()
    assert finished.summary().reason == "disconnect"
    wait_for_worker_threads()
    assert taken() == 0


@pytest.mark.parametrize("let_go", ["close", "__len__"])
def test_what_a_middleware_replaces_does_not_start(streams, let_go):
    begun = []

    class Replacing:
        def __init__(self, wsgi_app):
            self.wsgi_app = wsgi_app

        def __call__(self, environ, start_response):
            getattr(self.wsgi_app(environ, lambda *start: None), let_go, lambda: None)()
            start_response("402 Payment Required", [])
            return [b""]

    app = Flask("a_site")
    app.wsgi_app = Replacing(app.wsgi_app)
    streams.init_app(app)
    app.add_url_rule("/", "view", lambda: streams.response(begun.append(x) for x in "ab"))
    assert AtTheCall(app).status == "402 Payment Required"
    assert begun == []


def test_a_head_request_starts_nothing(app, serve, waiting, taken):
    serve(lambda: waiting)
    server = AtTheCall(app, method="HEAD")
    assert server.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert taken() == 0
    assert server.read() == b""


# Which servers, and which settings.


@pytest.mark.parametrize("software", ["gunicorn/23.0.0", ""])
def test_elsewhere_nothing_starts_at_the_call(app, serve, software):
    serve(words("hello"))
    server = AtTheCall(app, software=software)
    assert server.status is None
    server.close()


def test_it_can_be_asked_for_on_any_server(make_app, streams):
    app = make_app(LLMSTREAM_EARLY_START=True)
    app.add_url_rule("/", "view", lambda: streams.response(["hello"]))
    server = AtTheCall(app, software="theirs")
    assert server.status == "200 OK"
    server.read()


def test_an_agent_that_replaces_the_class_s_method_later_is_called(monkeypatch, app):
    monkeypatch.setattr(Flask, "wsgi_app", lambda *arguments: [b"the agent's"])
    assert app.wsgi_app({}, None) == [b"the agent's"]


def test_middleware_that_was_there_before_stays(streams):
    app = Flask("a_site")
    app.wsgi_app = lambda environ, start_response: [b"the middleware's"]
    streams.init_app(app)
    assert app.wsgi_app({}, None) == [b"the middleware's"]


# The middleware.


def test_a_wrapped_app_s_stream_starts_at_the_call(wrap, foreign):
    server = AtTheCall(wrap(foreign([b"data: one\n\n"])))
    assert server.status == "200 OK"
    assert server.headers["Content-Type"] == "text/event-stream"
    assert b"data: one" in server.read()


def test_a_wrapped_app_s_stream_can_be_asked_to(wrap, foreign):
    server = AtTheCall(wrap(foreign([b"data: one\n\n"]), early_start=True), software="theirs")
    assert server.status == "200 OK"
    server.read()


def test_what_a_wrapped_app_has_no_slot_for_is_told_at_the_call(wrap, foreign):
    wrapped = wrap(foreign([b"data: one\n\n"]))
    wrapped.drain(0)
    assert AtTheCall(wrapped).status == "503 SERVICE UNAVAILABLE"


def test_a_stream_of_the_app_s_own_begins_where_it_is_read(place, app, serve):
    go_on = place.for_producer()

    def source():
        yield "one"
        go_on.wait()

    serve(source)
    server = AtTheCall(EventStreamMiddleware(app, worker=place.worker))
    assert server.status == "200 OK"
    setting = Thread(target=go_on.set) if place is THREADS else gevent.spawn(go_on.set)
    setting.start()  # a greenlet runs only while the stream is waited for
    assert b'"reason":"complete"' in server.read()
    setting.join()
