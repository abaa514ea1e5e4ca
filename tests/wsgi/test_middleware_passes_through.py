"""All that is no event stream passes through the middleware unchanged, and errors do so too."""

from __future__ import annotations

import io
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import gevent
import pytest
from werkzeug.test import create_environ

from flask_llmstream import EventStreamMiddleware
from tests.support.answers import Answer, linted
from tests.support.plain_wsgi import EVENT_STREAM
from tests.support.runtimes import GREENLETS, here, only

CSV = ("Content-Type", "text/csv")
PAGE = [("Content-Type", "text/html"), ("Content-Length", "5")]


class Server:
    """A server with one request, and no validator in between. It notes what the app gives it."""

    def __init__(self, app, **environ):
        self.starts, self.written, self.told_on = [], [], set()
        self.environ = {**create_environ("/"), **environ}
        self.body = app(self.environ, self.start_response)

    def read(self):
        """Read the rest of the response, and close it."""
        blocks = list(self.body)
        getattr(self.body, "close", bool)()
        return blocks

    def start_response(self, status, headers, exc_info=None):
        self.told_on.add(here())
        if exc_info and self.written:
            raise exc_info[1]
        assert exc_info or not self.starts, "started already"
        self.starts.append(status)
        return self.write

    def write(self, data):
        self.told_on.add(here())
        self.written.append(data)


@pytest.fixture
def serve(place):
    """Serve an app behind the middleware."""
    return lambda app, **environ: Server(EventStreamMiddleware(app, worker=place.worker), **environ)


# The iterables of apps.


@pytest.mark.parametrize("between", [lambda app: app, linted, validator])
def test_a_page_is_as_it_was(place, foreign, between):
    wrapped = EventStreamMiddleware(between(foreign([b"he", b"llo"], *PAGE)), worker=place.worker)
    outside = wrapped if between is validator else linted(wrapped)
    server = Server(validator(outside) if between is not linted else outside)
    assert server.read() == [b"he", b"llo"]
    assert server.starts == ["200 OK"]


def test_status_and_headers_are_as_they_were(wrap, foreign):
    headers = [CSV, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Cache-Control", "public")]
    with Answer(wrap(foreign([b"1,2\n"], *headers, status="203 So I Heard")), "/") as answer:
        assert answer.rest() == b"1,2\n"
    assert answer.status == 203
    assert list(answer.headers) == headers


def test_an_answer_without_a_body_has_none(wrap, foreign):
    with Answer(wrap(foreign([], ("ETag", '"1"'), status="304 Not Modified")), "/") as answer:
        assert answer.rest() == b""
    assert list(answer.headers) == [("ETag", '"1"')]


def test_no_block_is_joined_split_or_left_out(serve, foreign):
    blocks = [b"a", b"", b"b" * 100_000, b"\n\n", b"c"]
    assert serve(foreign(blocks, CSV)).read() == blocks


def test_a_block_is_made_when_it_is_asked_for(serve, foreign):
    made = []

    def blocks():
        for block in (b"a", b"b"):
            made.append(block)
            yield block

    body = serve(foreign(blocks, CSV)).body
    assert made == []
    next(body)
    assert made == [b"a"]
    body.close()


@pytest.mark.parametrize("iterable", [[b"hello"], (b"hello",), [], io.BytesIO(b"hello")])
def test_what_needs_no_worker_is_handed_back_itself(serve, iterable):
    def app(environ, start_response):
        start_response("200 OK", PAGE)
        return iterable

    server = serve(app)
    assert server.body is iterable
    assert server.starts == ["200 OK"]


def test_a_file_is_sent_by_the_server_s_own_wrapper(serve):
    def app(environ, start_response):
        start_response("200 OK", PAGE)
        return environ["wsgi.file_wrapper"](io.BytesIO(b"hello"))

    server = serve(app, **{"wsgi.file_wrapper": FileWrapper})
    assert type(server.body) is FileWrapper


def test_a_wrapper_that_is_a_function_is_called_where_the_server_is(serve):
    def wrapper(file, size):
        called_on.append(here())
        return file

    def app(environ, start_response):
        start_response("200 OK", PAGE)
        return environ["wsgi.file_wrapper"](file, 8192)

    called_on, file = [], io.BytesIO(b"hello")
    assert serve(app, **{"wsgi.file_wrapper": wrapper}).body is file
    assert called_on == [here()]


# Closing.


def test_an_answer_is_closed_once_and_the_server_waits_for_it(serve, foreign):
    app = foreign([b"1,2\n"], CSV)
    body = serve(app).body
    list(body)
    body.close()
    assert app.times_closed == 1
    body.close()
    assert app.times_closed == 1


def test_also_one_that_was_not_read_to_its_end(serve, foreign):
    app = foreign([b"1,2\n", b"3,4\n"], CSV)
    body = serve(app).body
    next(body)
    body.close()
    assert app.times_closed == 1


def test_what_closing_raises_the_server_hears(serve):
    class Answers:
        def __iter__(self):
            return iter([b"1,2\n"])

        def close(self):
            raise OSError("disk full")

    def app(environ, start_response):
        start_response("200 OK", [CSV])
        return Answers()

    with pytest.raises(OSError, match="disk full"):
        serve(app).body.close()


# Errors.


class Broken(Exception):
    pass


@pytest.mark.parametrize("starts", [True, False])
def test_what_the_call_raises_the_server_hears(serve, starts):
    error = Broken()

    def app(environ, start_response):
        if starts:
            start_response("200 OK", [EVENT_STREAM])
        raise error

    with pytest.raises(Broken) as raised:
        serve(app)
    assert raised.value is error
    assert raised.traceback[-1].name == "app"


@pytest.mark.parametrize("before", [[], [b"1,2\n"]])
def test_what_iterating_raises_the_server_hears_and_closes_the_answer(serve, foreign, before):
    def blocks():
        yield from before
        raise Broken

    app = foreign(blocks, CSV)
    body = serve(app).body
    for _ in before:
        next(body)
    with pytest.raises(Broken):
        next(body)
    body.close()
    assert app.times_closed == 1


def test_an_app_that_starts_late_and_fails_before_it_has(serve):
    closed = []

    def app(environ, start_response):
        try:
            raise Broken
            yield b""
        finally:
            closed.append(here())

    with pytest.raises(Broken):
        serve(app)
    assert closed != [here()]


@only(GREENLETS)
def test_a_server_that_runs_out_of_patience_interrupts_the_app(place, serve):
    waits, interrupted = place.for_reader(), place.for_reader()

    def app(environ, start_response):
        try:
            waits.set()
            gevent.sleep(60)
        except gevent.Timeout:
            interrupted.set()
            raise

    request = gevent.spawn(serve, app)
    waits.wait()
    request.kill(gevent.Timeout())
    interrupted.wait()


# start_response, and write.


def test_a_response_may_be_started_once_more_for_an_error(serve):
    def app(environ, start_response):
        start_response("200 OK", [EVENT_STREAM])
        try:
            raise Broken
        except Broken as error:
            start_response("500 Oh", [CSV], (Broken, error, error.__traceback__))
        return iter([b"sorry"])

    server = serve(app)
    assert server.read() == [b"sorry"]
    assert server.starts == ["200 OK", "500 Oh"]


def test_starting_once_more_for_no_reason_is_what_the_server_makes_of_it(serve):
    def app(environ, start_response):
        start_response("200 OK", [CSV])
        start_response("200 OK", [CSV])

    with pytest.raises(AssertionError, match="started already"):
        serve(app)


def test_behind_the_first_block_of_a_stream_an_error_is_raised_on(wrap):
    def app(environ, start_response):
        start_response("200 OK", [EVENT_STREAM])
        yield b"data: one\n\n"
        try:
            raise Broken
        except Broken as error:
            start_response("500 Oh", [CSV], (Broken, error, error.__traceback__))

    with Answer(wrap(app), "/") as answer:
        assert [event.event for event in answer.all_events()] == ["message", "error"]
    assert answer.status == 200


def test_what_is_written_comes_before_what_is_returned(serve):
    def app(environ, start_response):
        write = start_response("200 OK", [CSV])
        write(b"1,2\n")
        return iter([b"3,4\n"])

    server = serve(app)
    assert server.written == [b"1,2\n"]
    assert server.read() == [b"3,4\n"]


def test_behind_a_write_an_error_is_raised_where_the_app_can_see_it(serve):
    caught = []

    def app(environ, start_response):
        start_response("200 OK", [CSV])(b"1,2\n")
        try:
            raise Broken
        except Broken as error:
            try:
                start_response("500 Oh", [CSV], (Broken, error, error.__traceback__))
            except Broken:
                caught.append(True)
        return []

    assert serve(app).starts == ["200 OK"]
    assert caught == [True]


def test_the_server_is_told_where_it_called(serve):
    """Some servers, like uWSGI, find their request by the thread."""

    def app(environ, start_response):
        start_response("200 OK", [CSV])(b"1,2\n")
        return iter([b"3,4\n"])

    server = serve(app)
    server.read()
    assert server.told_on == {here()}
