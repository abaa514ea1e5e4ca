"""A stream that outlives its request still reads it, whatever the server does with its environ."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import Future

import pytest
from flask import Response, request, stream_with_context
from flask.logging import wsgi_errors_stream
from werkzeug.test import create_environ

from flask_llmstream import EventStreamMiddleware
from flask_llmstream.wsgi.environ_copy import copy_environ

ADAS = ("ada", {"X-Reader": "ada"}, "192.0.2.7", "http://localhost/?q=1", "1")


class Expiring(io.StringIO):
    """Apache's ``wsgi.errors``: it refuses writes after the end of the request."""

    has_expired = False

    def write(self, text):
        if self.has_expired:
            raise RuntimeError("log object has expired")
        return super().write(text)


class ServedRequest:
    """One request on a server that reuses the mapping for the next request, as uWSGI does."""

    def __init__(self, app, path="/?q=1", reader="ada"):
        self.environ = create_environ(path, headers={"X-Reader": reader})
        self.environ["REMOTE_ADDR"] = "192.0.2.7"
        self.environ["wsgi.errors"] = self.errors = Expiring()
        self._body = app(self.environ, self._start_response)
        self.blocks = iter(self._body)

    def end(self):
        getattr(self._body, "close", lambda: None)()
        self.errors.has_expired = True
        self.environ.clear()
        self.environ.update(create_environ("/next?q=2", headers={"X-Reader": "the next"}))
        self.environ["wsgi.errors"] = Expiring()

    @staticmethod
    def _start_response(status, headers, exc_info=None):
        return lambda data: None


def request_facts():
    """Facts that are read from the request; some of them for the first time."""
    headers = {name: value for name, value in request.headers.items() if name == "X-Reader"}
    reader = request.headers["X-Reader"]
    return reader, headers, request.remote_addr, request.url, request.args["q"]


@pytest.fixture
def app(make_app):
    """Its streams wait for their first item. So their source runs by the first block."""
    return make_app(LLMSTREAM_HOLD=9)


@pytest.fixture
def late_facts(place):
    """The facts that were read after the end of the request, by reader."""

    class LateFacts(dict):
        came = place.for_reader()

        def note(self, who):
            self[who] = request_facts()
            self.came.set()

    return LateFacts()


@pytest.fixture
def go_on(place):
    event = place.for_producer()
    yield event
    event.set()


def noting_at_its_end(go_on, late_facts):
    try:
        yield "one"
        go_on.wait()
    finally:
        late_facts.note("finally")


def leave(app, go_on):
    served = ServedRequest(app)
    next(served.blocks)
    served.end()
    go_on.set()


def test_the_clean_up_of_a_generator_whose_reader_left(app, serve, go_on, late_facts):
    serve(lambda: noting_at_its_end(go_on, late_facts))
    leave(app, go_on)
    late_facts.came.wait()
    assert late_facts == {"finally": ADAS}


def test_on_finish(app, serve, go_on, late_facts, finished):
    def on_finish(summary):
        late_facts["on_finish"] = request_facts()
        finished(summary)

    serve(lambda: noting_at_its_end(go_on, late_facts), on_finish=on_finish)
    leave(app, go_on)
    assert finished.summary().reason == "disconnect"
    assert late_facts == {"finally": ADAS, "on_finish": ADAS}


def test_the_request_itself_that_a_generator_holds(app, streams, go_on, late_facts):
    def holding(held, headers):
        try:
            yield "one"
            go_on.wait()
        finally:
            path = held.environ["PATH_INFO"]
            late_facts["held"] = held.headers["X-Reader"], headers["X-Reader"], path
            late_facts.came.set()

    @app.route("/")
    def view():
        return streams.response(holding(request._get_current_object(), request.headers))

    leave(app, go_on)
    late_facts.came.wait()
    assert late_facts["held"] == ("ada", "ada", "/")


def test_an_emitter_of_an_earlier_request(app, streams, late_facts, finished):
    made = []

    def on_finish(summary):
        late_facts["on_finish"] = request_facts()
        finished(summary)

    @app.route("/")
    def make():
        made.append(streams.emitter(on_finish=on_finish, hold=0))
        return "made"

    @app.route("/events")
    def events():
        return made[0].response()

    ServedRequest(app).end()
    reader = ServedRequest(app, "/events?q=3", "bob")
    next(reader.blocks)
    made[0].complete()
    list(reader.blocks)
    finished.summary()
    assert late_facts == {"on_finish": ADAS}


def test_an_asynchronous_generator(app, serve, late_facts):
    ended = Future()

    async def source():
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            await asyncio.wrap_future(ended)
            late_facts.note("finally")

    serve(source)
    served = ServedRequest(app)
    next(served.blocks)
    served.end()
    ended.set_result(None)
    late_facts.came.wait()
    assert late_facts == {"finally": ADAS}


# The log.


def test_what_is_written_goes_to_the_server_while_the_request_is_there(app, serve):
    def source():
        wsgi_errors_stream.write("while it is there\n")
        yield "one"

    serve(source)
    served = ServedRequest(app)
    list(served.blocks)
    assert served.errors.getvalue() == "while it is there\n"
    served.end()


def test_what_is_written_behind_its_end_goes_to_stderr(place, app, serve, go_on, capsys):
    written = place.for_reader()

    def source():
        try:
            yield "one"
            go_on.wait()
        finally:
            wsgi_errors_stream.writelines(["when it ", "is gone\n"])
            wsgi_errors_stream.flush()
            written.set()

    serve(source)
    leave(app, go_on)
    written.wait()
    assert capsys.readouterr().err == "when it is gone\n"


def test_stderr_that_takes_nothing_is_told(monkeypatch):
    monkeypatch.setattr("sys.stderr", Expiring())
    own = copy_environ({})
    own["wsgi.errors"].write("heard")
    Expiring.has_expired = True
    try:
        with pytest.raises(RuntimeError, match="expired"):
            own["wsgi.errors"].write("unheard")
    finally:
        Expiring.has_expired = False


# A wrapped app.


def test_a_wrapped_app_whose_reader_left(place, app, go_on, late_facts):
    @app.route("/")
    def by_hand():
        frames = ("data: %s\n\n" % item for item in noting_at_its_end(go_on, late_facts))
        return Response(stream_with_context(frames), mimetype="text/event-stream")

    leave(EventStreamMiddleware(app, worker=place.worker, hold=9), go_on)
    late_facts.came.wait()
    assert late_facts == {"finally": ADAS}


@pytest.mark.parametrize("content_type", ["text/plain", "text/event-stream"])
def test_what_a_wrapped_app_puts_into_its_environ_is_found_outside(place, content_type):
    def app(environ, start_response):
        environ["REMOTE_USER"] = "ada"
        start_response("200 OK", [("Content-Type", content_type)])
        return iter([b"data: one\n\n"])

    served = ServedRequest(EventStreamMiddleware(app, worker=place.worker))
    assert served.environ["REMOTE_USER"] == "ada"
    assert served.environ["wsgi.errors"] is served.errors
    list(served.blocks)
    served.end()
