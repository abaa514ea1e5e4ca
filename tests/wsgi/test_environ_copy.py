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


class Served:
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


def asked():
    """Facts that are read from the request; some of them for the first time."""
    headers = {name: value for name, value in request.headers.items() if name == "X-Reader"}
    reader = request.headers["X-Reader"]
    return reader, headers, request.remote_addr, request.url, request.args["q"]


@pytest.fixture
def app(make_app):
    """Its streams wait for their first item. So their source runs by the first block."""
    return make_app(LLMSTREAM_HOLD=9)


@pytest.fixture
def told(place):
    """The facts that were read after the end of the request, by reader."""

    class Told(dict):
        came = place.for_reader()

        def ask(self, who):
            self[who] = asked()
            self.came.set()

    return Told()


@pytest.fixture
def go_on(place):
    event = place.for_producer()
    yield event
    event.set()


def asking(go_on, told):
    try:
        yield "one"
        go_on.wait()
    finally:
        told.ask("finally")


def leave(app, go_on):
    served = Served(app)
    next(served.blocks)
    served.end()
    go_on.set()


def test_the_clean_up_of_a_generator_whose_reader_left(app, serve, go_on, told):
    serve(lambda: asking(go_on, told))
    leave(app, go_on)
    told.came.wait()
    assert told == {"finally": ADAS}


def test_on_finish(app, serve, go_on, told, finished):
    def on_finish(summary):
        told["on_finish"] = asked()
        finished(summary)

    serve(lambda: asking(go_on, told), on_finish=on_finish)
    leave(app, go_on)
    assert finished.summary().reason == "disconnect"
    assert told == {"finally": ADAS, "on_finish": ADAS}


def test_the_request_itself_that_a_generator_holds(app, streams, go_on, told):
    def holding(held, headers):
        try:
            yield "one"
            go_on.wait()
        finally:
            told["held"] = held.headers["X-Reader"], headers["X-Reader"], held.environ["PATH_INFO"]
            told.came.set()

    @app.route("/")
    def view():
        return streams.response(holding(request._get_current_object(), request.headers))

    leave(app, go_on)
    told.came.wait()
    assert told["held"] == ("ada", "ada", "/")


def test_an_emitter_of_an_earlier_request(app, streams, told, finished):
    made = []

    def on_finish(summary):
        told["on_finish"] = asked()
        finished(summary)

    @app.route("/")
    def make():
        made.append(streams.emitter(on_finish=on_finish, hold=0))
        return "made"

    @app.route("/events")
    def events():
        return made[0].response()

    Served(app).end()
    reader = Served(app, "/events?q=3", "bob")
    next(reader.blocks)
    made[0].complete()
    list(reader.blocks)
    finished.summary()
    assert told == {"on_finish": ADAS}


def test_an_asynchronous_generator(app, serve, told):
    ended = Future()

    async def source():
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            await asyncio.wrap_future(ended)
            told.ask("finally")

    serve(source)
    served = Served(app)
    next(served.blocks)
    served.end()
    ended.set_result(None)
    told.came.wait()
    assert told == {"finally": ADAS}


# The log.


def test_what_is_written_goes_to_the_server_while_the_request_is_there(app, serve):
    def source():
        wsgi_errors_stream.write("while it is there\n")
        yield "one"

    serve(source)
    served = Served(app)
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


def test_a_wrapped_app_whose_reader_left(place, app, go_on, told):
    @app.route("/")
    def by_hand():
        frames = ("data: %s\n\n" % item for item in asking(go_on, told))
        return Response(stream_with_context(frames), mimetype="text/event-stream")

    leave(EventStreamMiddleware(app, worker=place.worker, hold=9), go_on)
    told.came.wait()
    assert told == {"finally": ADAS}


@pytest.mark.parametrize("content_type", ["text/plain", "text/event-stream"])
def test_what_a_wrapped_app_puts_into_its_environ_is_found_outside(place, content_type):
    def app(environ, start_response):
        environ["REMOTE_USER"] = "ada"
        start_response("200 OK", [("Content-Type", content_type)])
        return iter([b"data: one\n\n"])

    served = Served(EventStreamMiddleware(app, worker=place.worker))
    assert served.environ["REMOTE_USER"] == "ada"
    assert served.environ["wsgi.errors"] is served.errors
    list(served.blocks)
    served.end()
