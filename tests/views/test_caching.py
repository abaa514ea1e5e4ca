"""An answer is for one person: no cache keeps it, of any kind, unless the application says so."""

from __future__ import annotations

import pytest
from flask import abort
from werkzeug.exceptions import HTTPException

from flask_llmstream import CallableProvider, LLMStream, StreamError
from flask_llmstream.formats import RawFormat
from tests.support.answers import Answer

HELLO = [{"role": "user", "content": "Hello"}]
CUT = f"{'0' * 32}:0"


def failing(request):
    raise StreamError("None is left.", status=404)


@pytest.fixture
def app(make_app):
    models = {"echo": CallableProvider(lambda request: "Hello"), "none": CallableProvider(failing)}
    app = make_app(LLMStream(providers=models))

    @app.route("/refused")
    def refused():
        raise StreamError("Not you.", status=410)

    return app


def asked(app, path, **request):
    request.setdefault("method", "POST" if "json" in request else "GET")
    with Answer(app, path, **request) as answer:
        answer.rest()
    return answer


def said_of(app, path, **request):
    """The answer's status, and each directive of its ``Cache-Control``."""
    answer = asked(app, path, **request)
    return answer.status, set((answer.headers["Cache-Control"] or "").split(", "))


# What a stream is.


@pytest.mark.parametrize("format", ["message", "text", "ndjson", "accept", RawFormat])
@pytest.mark.parametrize("accept", ["*/*", "application/x-ndjson", "text/plain"])
def test_a_stream_in_every_format(app, serve, format, accept):
    serve(lambda: [b"data: one\n\n" if format is RawFormat else "one"], format=format)
    said = said_of(app, "/", headers={"Accept": accept})
    assert said == (200, {"no-store", "no-transform"})


@pytest.mark.parametrize(
    "request_",
    [
        dict(path="/v1/chat/stream?prompt=Hello"),
        dict(path="/v1/chat/completions", json={"prompt": "Hello"}),
        dict(path="/v1/chat/completions", json={"messages": HELLO}),
        dict(path="/v1/chat/completions", json={"messages": HELLO, "stream": True}),
        dict(path="/v1/chat/completions?format=ndjson", json={"prompt": "Hello"}),
        dict(path="/v1/chat/stream?prompt=Hello", method="HEAD"),
    ],
    ids=["EventSource", "prompt", "whole", "chunks", "ndjson", "HEAD"],
)
def test_an_answer_of_the_chat_endpoints(app, request_):
    assert said_of(app, **request_) == (200, {"no-store", "no-transform"})


def test_an_emitter_s(app, streams):
    @app.route("/")
    def index():
        return streams.create(lambda emitter: emitter.complete())

    assert said_of(app, "/") == (200, {"no-store", "no-transform"})


# What is answered in its place.


@pytest.mark.parametrize(
    "status, request_",
    [
        (404, dict(path="/v1/chat/stream?prompt=Hello&model=none")),
        (404, dict(path="/v1/chat/stream?prompt=Hello&model=unheard-of")),
        (400, dict(path="/v1/chat/completions", json={"promt": "Hello"})),
        (415, dict(path="/v1/chat/completions", method="POST", data="Hello")),
        (410, dict(path="/v1/chat/stream?prompt=Hello", headers={"Last-Event-ID": CUT})),
        (410, dict(path="/refused")),
    ],
    ids=["failed", "no model", "field", "type", "cut", "a view's"],
)
def test_a_refusal(app, status, request_):
    assert said_of(app, **request_) == (status, {"no-store"})


def test_a_stream_that_finds_no_slot(make_app):
    app = make_app(LLMStream(providers={}), LLMSTREAM_MAX_STREAMS=1)
    with Answer(app, "/v1/chat/stream") as first:
        first.block()
        assert said_of(app, "/v1/chat/stream") == (503, {"no-store"})


@pytest.mark.parametrize("kind", [StreamError, HTTPException])
def test_the_application_s_own_page_for_one(app, kind):
    app.register_error_handler(kind, lambda error: ("Sorry.", 410))
    assert said_of(app, "/refused") == (410, {"no-store"})


def test_the_list_of_models(app):
    assert said_of(app, "/v1/models") == (200, {"no-store"})


def test_what_the_guard_of_the_chat_endpoints_says(app, streams):
    blueprint = streams.blueprint("mine")
    blueprint.before_request(lambda: abort(404))
    app.register_blueprint(blueprint, url_prefix="/mine")
    assert said_of(app, "/mine/models") == (404, {"no-store"})


# What a middleware makes of streams that are an application's own.


def test_a_stream_made_elsewhere_and_its_refusal(wrap, foreign, pausing):
    wrapped = wrap(foreign(pausing(b"data: one\n\n", None)), max_streams=1)
    with Answer(wrapped, "/") as first:
        first.block()
        assert first.headers["Cache-Control"] == "no-store, no-transform"
        assert said_of(wrapped, "/") == (503, {"no-store"})


# What somebody else has decided.


def test_the_application_s_own_word_stands(app, streams):
    @app.route("/")
    def index():
        response = streams.response(["news, for everybody"])
        response.headers["Cache-Control"] = "public, max-age=60"
        return response

    assert said_of(app, "/") == (200, {"public", "max-age=60"})


def test_the_browser_s_client_is_everybody_s(app):
    status, said = said_of(app, "/v1/llmstream.js")
    assert status == 200 and "no-store" not in said
