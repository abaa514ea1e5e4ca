"""Flask's own event streams: their contexts are complete, and are torn down once."""

from __future__ import annotations

import pytest
from flask import Flask, Response, abort, g, request, session, stream_with_context

from flask_llmstream import EventStreamMiddleware, LLMStream
from tests.support.answers import Answer
from tests.support.runtimes import wait_for_worker_threads

COMMENT = b": \n\n"


@pytest.fixture
def torn_down():
    return []


@pytest.fixture
def app(place, torn_down):
    """An app, wrapped in the middleware. ``/stream`` streams the items of ``app.source``."""
    app = Flask("a_site")
    app.secret_key = "of no use"
    app.wsgi_app = EventStreamMiddleware(app.wsgi_app, worker=place.worker)
    app.teardown_appcontext(lambda error: torn_down.append(error))

    @app.route("/stream")
    def stream():
        g.asked = request.args.get("q")
        session["visited"] = "yes"
        return Response(stream_with_context(app.source()), mimetype="text/event-stream")

    return app


def test_request_session_and_g_are_there(app):
    def source():
        yield f"data: {request.path} {g.asked} "
        yield f"{session['visited']}\n\n"

    app.source = source
    with Answer(app, "/stream?q=1") as answer:
        assert answer.rest() == COMMENT + b"data: /stream 1 yes\n\n"
    assert answer.headers["Set-Cookie"].startswith("session=")


def test_the_context_is_torn_down_as_often_as_without_us(app, torn_down):
    app.source = lambda: ["data: one\n\n"]
    with Answer(app, "/stream") as answer:
        answer.rest()
        wait_for_worker_threads()
    wrapped = torn_down.copy()
    app.wsgi_app = app.wsgi_app.wsgi_app
    with Answer(app, "/stream") as answer:
        answer.rest()
    assert torn_down == 2 * wrapped


def test_streams_that_run_together_keep_their_contexts_apart(place, app):
    go_on = place.for_producer()

    def source():
        yield f"data: {request.args['q']}\n\n"
        go_on.wait()
        yield f"data: {request.args['q']}\n\n"

    app.source = source
    with Answer(app, "/stream?q=a") as first, Answer(app, "/stream?q=b") as second:
        first.block(), second.block()
        go_on.set()
        assert first.rest().endswith(b"data: a\n\n")
        assert second.rest().endswith(b"data: b\n\n")


def test_a_context_around_the_request_is_left_alone(place, app):
    """Pytest-flask pushes such a context around each test."""
    go_on = place.for_producer()

    def source():
        yield "data: one\n\n"
        go_on.wait()
        yield f"data: {request.path}\n\n"

    app.source = source
    with app.test_request_context("/around"):
        with Answer(app, "/stream") as answer:
            answer.block()
            assert request.path == "/around"
            go_on.set()
            assert answer.rest().endswith(b"data: /stream\n\n")
        assert request.path == "/around"


def test_a_test_client_s_with_block_sees_the_request(app):
    app.add_url_rule("/page", "page", lambda: session.setdefault("user", "ann"))
    with app.test_client() as client:
        client.get("/page?q=1")
        assert (request.args["q"], session["user"]) == ("1", "ann")


def test_abort_and_after_request_work_as_ever(app):
    @app.after_request
    def add(response):
        response.headers["X-Added"] = "yes"
        return response

    app.source = lambda: abort(404)
    with Answer(app, "/stream") as answer:
        answer.rest()
    assert (answer.status, answer.headers["X-Added"]) == (404, "yes")


def test_beside_it_the_extension_s_streams_are_as_ever(place, app):
    wrapped, streams = app.wsgi_app, LLMStream(app)
    app.add_url_rule("/ours", "ours", lambda: streams.response(["one"], worker=place.worker))
    with Answer(app, "/ours") as answer:
        assert [event.event for event in answer.all_events()] == ["message", "message"]
    assert wrapped.taken == 0


def test_an_error_before_the_first_block_is_flask_s_own_500(app):
    def source():
        raise LookupError("early")

    app.source = source
    with Answer(app, "/stream") as answer:
        answer.rest()
    assert answer.status == 500
