"""A request's body is read before its answer begins, and is there for the generator as ever.

A proxy may stop sending a request whose answer has begun.
"""

from __future__ import annotations

import gc
import io
import json
import os
from importlib.metadata import version

import pytest
from flask import request

from flask_llmstream import CallableProvider
from flask_llmstream.wsgi.request_body import IN_MEMORY, ServerInput
from tests.support.answers import Answer

LARGE = b"x" * (IN_MEMORY + 1)
"""More bytes than are kept in memory."""


class Input(io.BytesIO):
    """A server's input that calls a function at each read that brings bytes."""

    def __init__(self, data, asked=lambda: None):
        super().__init__(data)
        self._asked = asked

    def read(self, size=-1):
        data = super().read(size)
        if data:
            self._asked()
        return data


def post(app, server_input, length, **more):
    environ = {"wsgi.input": server_input, "CONTENT_LENGTH": str(length), **more}
    return Answer(app, "/", environ, method="POST")


@pytest.fixture
def serve_post(app, streams):
    """Serve the source that a function makes, for a ``POST`` at ``/``."""

    def serve(make_source, **options):
        view = lambda: streams.response(make_source(), **options)  # noqa: E731
        app.add_url_rule("/", "view", view, methods=["POST"])

    return serve


def text_of(answer):
    events = [json.loads(event.data) for event in answer.all_events() if event.data]
    return "".join(event["message"] for event in events)


# It is read before the answer.


def the_length():
    yield str(len(request.get_data()))


@pytest.mark.parametrize("source", [the_length, lambda: ["unread"]], ids=["read", "never read"])
def test_a_body_is_read_before_the_answer_begins(place, app, serve_post, source):
    begun = []
    serve_post(source)
    server_input = Input(LARGE, lambda: begun.append(answer.status))
    with post(app, server_input, len(LARGE)) as answer:
        answer.rest()
    assert set(begun) == {None}
    assert server_input.tell() == len(LARGE)


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_a_body_in_chunks_is_read_too(place, app, serve_post):
    serve_post(the_length)
    with Answer(app, "/", {"wsgi.input": Input(LARGE), **CHUNKED}, method="POST") as answer:
        assert text_of(answer) == str(len(LARGE))


def test_no_slot_is_held_meanwhile(place, app, serve_post):
    taken = []
    slots = app.extensions["llmstream"].slots
    serve_post(the_length)
    with post(app, Input(LARGE, lambda: taken.append(slots.taken)), len(LARGE)) as answer:
        answer.rest()
    assert set(taken) == {0}


def test_nothing_runs_for_who_leaves_before_the_body_is_whole(place, app, serve_post):
    started = []
    serve_post(lambda: map(started.append, "abc"))
    with post(app, Input(b"half"), 8) as answer:
        answer.rest()
    assert (answer.status, started) == (400, [])
    assert app.extensions["llmstream"].slots.taken == 0


def test_a_server_that_cant_read_it_has_an_error_to_answer(place, app, serve_post, caplog):
    def fail():
        raise RuntimeError("no input")

    serve_post(the_length)
    with post(app, Input(b"four", fail), 4) as answer:
        answer.rest()
    assert answer.status == 500
    assert "can't be read" in caplog.text


# The generator reads it as ever.

FORM = b"a=1&b=2"


@pytest.mark.parametrize(
    "body, content_type, read, found",
    [
        (FORM, "application/x-www-form-urlencoded", lambda: request.form["b"], "2"),
        (b'{"a": "1"}', "application/json", lambda: request.get_json()["a"], "1"),
        (LARGE, "application/octet-stream", lambda: len(request.get_data()), str(len(LARGE))),
        (b"one\ntwo\n", "text/plain", lambda: list(request.stream)[1].decode(), "two\n"),
        (b"one\ntwo\n", "text/csv", lambda: list(io.TextIOWrapper(request.stream))[1], "two\n"),
        (b"onetwo", "text/plain", lambda: (request.stream.read(3), request.data)[1], "b'two'"),
        (
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nme\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            lambda: request.files["f"].read().decode(),
            "me",
        ),
    ],
    ids=["form", "JSON", "data", "lines", "lines of text", "stream", "files"],
)
@pytest.mark.parametrize("ahead", [1 << 24, 2], ids=["all of it", "two bytes of it"])
def test_the_generator_finds_it_as_ever(
    place, app, serve_post, monkeypatch, body, content_type, read, found, ahead
):
    monkeypatch.setattr("flask_llmstream.wsgi.request_body.READ_AHEAD", ahead)

    def source():
        yield str(read())

    serve_post(source)
    with post(app, Input(body), len(body), CONTENT_TYPE=content_type) as answer:
        assert text_of(answer) == found


@pytest.mark.parametrize(
    "read",
    [
        lambda: request.get_data(),
        lambda: request.form,
        lambda: request.get_json(force=True, silent=True),
        lambda: request.get_data(cache=False),
        lambda: request.environ["wsgi.input"].read(4),
    ],
    ids=["data", "form", "JSON", "data, not cached", "the server's input"],
)
def test_what_the_view_has_read_keeps_nobody_waiting(place, app, streams, waiting, read):
    @app.route("/", methods=["POST"])
    def view():
        read()
        return streams.response(silent(waiting))

    a_form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    with post(app, Input(b"a=bc"), 4, **a_form) as answer:
        answer.block()
        assert answer.status == 200
        waiting.go_on.set()
        answer.rest()


def silent(waiting):
    waiting.go_on.wait()
    yield "late"


def test_its_file_is_closed_when_both_reader_and_generator_have_ended(
    place, app, serve_post, finished
):
    def source():
        yield "one"

    found = []
    serve_post(source, on_finish=lambda summary: finished(found.append(request.get_data())))
    answer = post(app, Input(LARGE), len(LARGE))
    answer.rest()
    answer.close()
    finished.summary()
    assert found == [LARGE]  # and the fixture has no descriptor left


def test_its_file_is_closed_at_once_where_the_body_never_comes_whole(place, app, serve_post):
    serve_post(the_length)
    gc.collect()
    gc.disable()
    before = len(os.listdir("/proc/self/fd"))
    try:
        with Answer(app, "/", {"wsgi.input": BreaksOff(LARGE), **CHUNKED}, method="POST") as answer:
            answer.rest()
        del answer
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()


class BreaksOff(Input):
    """A server's input. Its client leaves after more bytes than are kept in memory."""

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            raise OSError("the client has left")
        return data


def test_where_no_file_can_be_written_less_is_read_ahead(place, app, serve_post, monkeypatch):
    def fail():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("flask_llmstream.wsgi.request_body.gettempdir", fail)
    serve_post(lambda: ["unread"])
    server_input = Input(LARGE)
    with post(app, server_input, len(LARGE)) as answer:
        assert text_of(answer) == "unread"
    assert server_input.tell() == IN_MEMORY


@pytest.mark.skipif(version("werkzeug") < "2.3", reason="bounds chunked bodies since 2.3")
@pytest.mark.parametrize("length", [len(LARGE), None], ids=["of a length", "in chunks"])
def test_a_body_past_the_applications_limit_is_refused_by_it(place, app, serve_post, length):
    app.config["MAX_CONTENT_LENGTH"] = 4
    app.register_error_handler(413, lambda error: ("Too much.", 413))
    serve_post(the_length)
    of_length = {"CONTENT_LENGTH": str(length)} if length else CHUNKED
    with Answer(app, "/", {"wsgi.input": Input(LARGE), **of_length}, method="POST") as answer:
        assert answer.rest() == b"Too much."
    assert answer.status == 413


# If the answer does not wait for the rest of the body, it begins with its first item.


def test_a_longer_body_is_read_by_the_generator_before_the_answer_begins(
    place, app, serve_post, monkeypatch
):
    monkeypatch.setattr("flask_llmstream.wsgi.request_body.READ_AHEAD", 2)
    begun = []
    serve_post(the_length)
    with post(app, Input(LARGE, lambda: begun.append(answer.status)), len(LARGE)) as answer:
        assert text_of(answer) == str(len(LARGE))
    assert set(begun) == {None}


def test_once_the_generator_has_read_it_the_answer_begins_without_an_item(
    place, app, serve_post, monkeypatch, waiting
):
    def source():
        request.get_data()
        yield from silent(waiting)

    monkeypatch.setattr("flask_llmstream.wsgi.request_body.READ_AHEAD", 2)
    monkeypatch.setattr("flask_llmstream.wsgi.body.LOOK_SECONDS", 0.01)
    serve_post(source)
    with post(app, Input(LARGE), len(LARGE)) as answer:
        assert b"late" not in answer.block()
        waiting.go_on.set()
        assert text_of(answer) == "late"


def test_where_a_form_was_looked_for_in_what_is_none_nothing_has_been_read(place, app, serve_post):
    app.before_request(lambda: request.form.get("csrf_token"))
    begun = []
    serve_post(the_length)
    server_input = Input(LARGE, lambda: begun.append(answer.status))
    with post(app, server_input, len(LARGE), CONTENT_TYPE="application/json") as answer:
        assert text_of(answer) == str(len(LARGE))
    assert set(begun) == {None}


def test_a_view_that_takes_the_stream_answers_while_the_body_arrives(place, app, streams):
    heard = place.for_producer()

    def echo(stream):
        yield stream.read(4).decode()
        heard.wait()
        yield stream.read(4).decode()

    @app.route("/", methods=["POST"])
    def view():
        return streams.response(echo(request.stream))

    server_input = Input(b"one two ")
    with post(app, server_input, 8) as answer:
        assert b"one " in answer.block()
        assert server_input.tell() == 4
        heard.set()
        assert "two " in text_of(answer)


# The chat endpoints read it themselves.


def test_a_chat_opens_before_the_models_first_token(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_URL_PREFIX=None)
    providers = {"slow": CallableProvider(lambda chat: silent(waiting))}
    chat = streams.blueprint("chat", providers=providers, chat_hold=0)
    app.register_blueprint(chat, url_prefix="/v1")
    body = b'{"prompt": "Hi"}'
    environ = {"wsgi.input": Input(body), "CONTENT_LENGTH": str(len(body))}
    environ.update({"CONTENT_TYPE": "application/json", "wsgi.input_terminated": True})
    with Answer(app, "/v1/chat/completions", environ, method="POST") as answer:
        assert b"late" not in answer.block()
        waiting.go_on.set()
        assert "late" in text_of(answer)


class Drops(io.BytesIO):
    """A server's input that returns the bytes that have arrived."""

    def read(self, size=-1):
        return super().read(7 if size < 0 else min(size, 7))

    readinto = None


def test_a_chat_request_may_arrive_in_pieces(place, app):
    server_input = Drops(b'{"prompt": "Hi", "model": "nobody"}')
    environ = {"wsgi.input": server_input, "CONTENT_TYPE": "application/json", **CHUNKED}
    with Answer(app, "/v1/chat/completions", environ, method="POST") as answer:
        answer.rest()
    assert answer.status == 404


@pytest.mark.parametrize("length", [str(len(LARGE)), None], ids=["of a length", "in chunks"])
def test_a_chat_request_that_is_too_long_is_taken_all_the_same(place, make_app, length):
    app = make_app(LLMSTREAM_MAX_BODY_BYTES=4)
    server_input = Input(LARGE)
    environ = {"wsgi.input": server_input, **({"CONTENT_LENGTH": length} if length else CHUNKED)}
    with Answer(app, "/v1/chat/completions", environ, method="POST") as answer:
        answer.rest()
    assert (answer.status, server_input.tell()) == (413, len(LARGE))


# An app that the middleware wraps.


def reading_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return (b"data: %d\n\n" % len(environ["wsgi.input"].read(size)) for size in [len(LARGE)])


def test_a_wrapped_apps_answer_begins_behind_a_body_that_it_reads_late(wrap):
    begun = []
    server_input = Input(LARGE, lambda: begun.append(answer.status))
    with post(wrap(reading_late), server_input, len(LARGE)) as answer:
        assert b"data: %d\n" % len(LARGE) in answer.rest()
    assert begun == [None]


def test_a_wrapped_apps_answer_opens_at_once_where_it_has_read_the_body(wrap, pausing, foreign):
    blocks = pausing(None, b"data: one\n\n")
    app = foreign(blocks)

    def reading(environ, start_response):
        environ["wsgi.input"].read(8)
        return app(environ, start_response)

    with post(wrap(reading), Input(b"one\ntwo\n"), 8) as answer:
        assert answer.block().startswith(b":")
        blocks.go_on.set()
        assert b"data: one" in answer.rest()


@pytest.mark.parametrize("length", [8, None], ids=["of a length", "in chunks"])
@pytest.mark.parametrize(
    "read",
    [
        lambda stream: [stream.read(), stream.read()],
        lambda stream: [stream.read(5), stream.read(5), stream.read(5)],
        lambda stream: [stream.readline(), stream.readline(9), stream.readline()],
        lambda stream: stream.readlines(),
        lambda stream: list(stream),
    ],
    ids=["at once", "in parts", "by lines", "all lines", "iterated"],
)
def test_a_servers_input_is_what_it_is_and_knows_its_end(read, length):
    server_input = ServerInput(io.BytesIO(b"one\ntwo\n"), length)
    assert server_input.read(0) == b""
    assert not server_input.is_exhausted
    assert b"".join(read(server_input)) == b"one\ntwo\n"
    assert server_input.is_exhausted


def test_an_input_that_is_read_in_part_is_not_at_its_end():
    server_input = ServerInput(io.BytesIO(b"one\ntwo\n"), 8)
    assert server_input.readline() == b"one\n"
    assert not server_input.is_exhausted
