"""A generator sees the contexts of its view. They are torn down exactly once."""

from __future__ import annotations

import contextvars
import gc
import logging
import weakref
from itertools import islice

import pytest
from flask import (
    Flask,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.test import create_environ

from flask_llmstream import LLMStream
from flask_llmstream.app.current import request_context
from tests.support.answers import Answer
from tests.support.async_sources import asynchronous
from tests.support.runtimes import wait_for_worker_threads

TENANT = contextvars.ContextVar("tenant", default="nobody")

MODES = [{}, {"TESTING": True}, {"DEBUG": True}, {"PRESERVE_CONTEXT_ON_EXCEPTION": True}]


@pytest.fixture(params=MODES, ids=str)
def any_app(request, make_app):
    """An app in each mode in which Flask treats a context differently."""
    return make_app(**request.param)


class CountsAdapters(Flask):
    """Counts the URL adapters that it makes for requests."""

    made = 0

    def create_url_adapter(self, request):
        self.made += request is not None
        return super().create_url_adapter(request)


def test_a_stream_has_the_url_adapter_of_its_view(place):
    app, found = CountsAdapters("app"), []
    streams = LLMStream(app)

    @app.route("/<name>")
    def streamed(name):
        def source():
            found.append(url_for("streamed", name="next"))
            yield request.view_args["name"]

        return streams.response(source(), format="text")

    with Answer(app, "/first") as answer:
        assert b"data: first" in answer.rest()
    assert found == ["/next"]
    assert app.made == 1


def test_a_context_is_the_same_to_others_while_it_is_copied(place):
    """A producer may use it on its thread while its failure is answered in a copy."""
    seen = []

    class App(Flask):
        def request_context(self, environ):
            context = super().request_context(environ)
            copy = type(context).copy

            class Watched(type(context)):
                def copy(self):
                    seen.append(request_context().app)
                    return copy(self)

            context.__class__ = Watched
            return context

    app = App("app")
    streams = LLMStream(app)
    app.add_url_rule("/", "view", lambda: streams.response(iter(["one"])))
    with Answer(app, "/") as answer:
        answer.rest()
    assert [each is app for each in seen] == [True]


def test_an_app_is_its_contexts_own_after_a_copy(place, app, streams):
    @app.route("/")
    def streamed():
        seen = current_app._get_current_object()

        def source():
            yield str(current_app._get_current_object() is seen is app)

        response = streams.response(source(), format="text")
        assert current_app._get_current_object() is app
        return response

    with Answer(app, "/") as answer:
        assert b"data: True" in answer.rest()


def wait_for_the_producer(answer, finished):
    answer.rest()
    finished.wait()


@pytest.fixture(params=[iter, asynchronous], ids=["generator", "async generator"])
def said(request, place, app, streams):
    """The items of a generator view."""
    kind = request.param

    def said(source, view=lambda: None, path="/", app=app, **request):
        @app.route("/", methods=["GET", "POST"])
        @app.route("/<name>")
        def streamed(name=None):
            view()
            given = kind(source())
            return streams.response(given, format="text", heartbeat=0, reconnect="restart")

        with Answer(app, path, **request) as answer:
            return answer.rest().decode().replace("data: ", "").split("\n\n")[:-1]

    return said


# The contexts of the generator.


def test_request_is_what_it_was(said):
    def source():
        yield request.path
        yield request.args["q"]
        yield request.headers["X-Asked"]
        yield request.view_args["name"]

    headers = {"X-Asked": "yes"}
    assert said(source, path="/ada?q=1", headers=headers) == ["/ada", "1", "yes", "ada"]


def test_a_body_that_the_view_has_read_can_be_read_again(said):
    def source():
        yield request.get_json()["prompt"]

    question = {"prompt": "Hello"}
    assert said(source, lambda: request.get_json(), method="POST", json=question) == ["Hello"]


def test_session_is_what_it_was(said):
    def source():
        yield session["user"]

    def view():
        session["user"] = "ada"

    assert said(source, view) == ["ada"]


def test_the_attributes_of_g_are_what_they_were(said):
    def source():
        yield g.user

    def view():
        g.user = "ada"

    assert said(source, view) == ["ada"]


def test_g_itself_is_the_generators_own(said):
    seen = []

    def source():
        g.user = "grace"
        yield g.user

    def view():
        g.user = "ada"
        seen.append(g._get_current_object())

    assert said(source, view) == ["grace"]
    assert seen[0].user == "ada"


def test_what_the_views_teardown_popped_is_gone(app, said):
    @app.teardown_appcontext
    def close_database(error):
        g.pop("database", None)

    def source():
        yield str("database" in g)

    def view():
        g.database = "an open connection"

    assert said(source, view) == ["False"]


def test_the_user_of_flask_login_stays_behind(said):
    def source():
        yield str("_login_user" in g)

    def view():
        g._login_user = "a row of a session that is closed"

    assert said(source, view) == ["False"]


def test_current_app_and_url_for_work(app, said):
    app.add_url_rule("/other", "other", lambda: "")

    def source():
        yield current_app.name
        yield url_for("other")

    assert said(source) == ["a_site", "/other"]


def test_context_variables_are_carried(said):
    def source():
        yield TENANT.get()

    def view():
        TENANT.set("ada")

    assert contextvars.copy_context().run(said, source, view) == ["ada"]


def test_what_the_generator_sets_stays_its_own(said):
    def source():
        TENANT.set("grace")
        yield TENANT.get()

    assert said(source) == ["grace"]
    assert TENANT.get() == "nobody"


def test_the_context_is_there_while_the_generator_is_closed(place, app, streams):
    seen, closed, waits = [], place.for_reader(), place.for_reader()
    go_on = place.for_producer()

    @app.route("/")
    @streams.view()
    def view():
        try:
            waits.set()
            go_on.wait()
            yield "one"
        finally:
            seen.append(request.path)
            closed.set()

    with Answer(app, "/") as answer:
        answer.block()
        waits.wait()
    go_on.set()
    closed.wait()
    assert seen == ["/"]


def test_the_context_is_there_for_on_finish(place, app, streams):
    seen, finished = [], place.for_reader()

    def on_finish(summary):
        seen.extend([request.path, current_app.name])
        finished.set()

    app.add_url_rule("/", "view", lambda: streams.response(["one"], on_finish=on_finish))
    with Answer(app, "/") as answer:
        wait_for_the_producer(answer, finished)
    assert seen == ["/", "a_site"]


def test_nothing_of_it_is_left_where_the_reader_reads(place, app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    with Answer(app, "/") as answer:
        answer.rest()
        assert not has_request_context()
        assert not has_app_context()


def test_two_streams_at_once_see_each_its_own_request(place, app, streams):
    go_on = place.for_producer()

    @app.route("/<name>")
    @streams.view(format="text", heartbeat=0)
    def view(name):
        go_on.wait()
        yield f"{request.path} {request.view_args['name']}"

    with Answer(app, "/ada") as first, Answer(app, "/grace") as second:
        first.block()
        second.block()
        go_on.set()
        assert b"data: /ada ada" in first.rest()
        assert b"data: /grace grace" in second.rest()


@pytest.mark.parametrize("outside", [True, False], ids=["as a view's decorator", "in the view"])
def test_a_context_that_the_view_keeps_open_is_refused_with_the_cure(
    place, make_app, streams, outside
):
    app, torn_down = make_app(PROPAGATE_EXCEPTIONS=True), []
    app.teardown_appcontext(lambda error: torn_down.append(True))

    def source():
        yield "one"

    kept = stream_with_context(source) if outside else lambda: stream_with_context(source())
    app.add_url_rule("/", "view", streams.view()(kept))
    with pytest.raises(TypeError, match=r"leave out stream_with_context\(\); request, session"):
        Answer(app, "/")
    assert torn_down == [True]


def test_without_a_request_a_stream_has_the_app_alone(place, app, streams):
    def source():
        yield str(has_request_context())
        yield current_app.name

    with app.app_context():
        response = streams.response(source(), format="text", heartbeat=0)
    body = response(
        {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "HTTP_HOST": "a"}, lambda *_: None
    )
    everything = b"".join(body)
    body.close()
    assert b"data: False\n\ndata: a_site\n\n" in everything


# Torn down exactly once.


def test_the_views_context_is_torn_down_before_the_generator_runs(place, app, streams):
    order, finished = [], place.for_reader()
    app.teardown_appcontext(lambda error: order.append("torn down"))

    def source():
        order.append("runs")
        yield "one"

    def on_finish(summary):
        finished.set()

    app.add_url_rule("/", "view", lambda: streams.response(source(), on_finish=on_finish))
    with Answer(app, "/") as answer:
        assert order == ["torn down"]
        wait_for_the_producer(answer, finished)
    assert order[:2] == ["torn down", "runs"]


class TornDown:
    """Records the app contexts that were torn down, in order: a view's or a generator's.

    A generator's context is recognised by a value that the generator put into its ``g``.
    """

    def __init__(self, place, app):
        self.seen = []
        self._generators = place.for_reader()
        app.teardown_appcontext(self._see)

    def _see(self, error):
        self.seen.append("generator" if g.pop("runs", False) else "view")
        if self.seen[-1] == "generator":
            self._generators.set()

    def wait(self):
        self._generators.wait()
        return self.seen


def generator(*items):
    g.runs = True
    for item in items:
        if isinstance(item, BaseException):
            raise item
        yield item


@pytest.mark.parametrize(
    "items", [["one"], [LookupError("gone")], ["one", LookupError("gone")]], ids=str
)
def test_each_context_is_torn_down_once(place, any_app, streams, items):
    torn_down = TornDown(place, any_app)
    any_app.add_url_rule("/", "view", lambda: streams.response(generator(*items)))
    with Answer(any_app, "/") as answer:
        answer.rest()
    assert torn_down.wait() == ["view", "generator"]


def test_each_context_is_torn_down_once_when_the_reader_leaves(place, any_app, streams):
    torn_down, waits, go_on = TornDown(place, any_app), place.for_reader(), place.for_producer()

    def source():
        g.runs = True
        yield "one"
        waits.set()
        go_on.wait()

    any_app.add_url_rule("/", "view", lambda: streams.response(source()))
    with Answer(any_app, "/") as answer:
        answer.block()
        waits.wait()
    go_on.set()
    assert torn_down.wait() == ["view", "generator"]


def test_under_a_client_that_keeps_contexts_the_generators_is_torn_down_once(
    place, any_app, streams
):
    torn_down = TornDown(place, any_app)
    any_app.add_url_rule("/", "view", lambda: streams.response(generator("one")))
    with any_app.test_client() as client:
        assert b"one" in client.get("/").data
        torn_down.wait()
        assert request.path == "/", "what such a block is for"
    assert torn_down.seen.count("generator") == 1, "from Flask 2.2 on the view's is twice"


def test_the_block_of_a_test_client_may_end_before_the_stream(place, any_app, streams, caplog):
    torn_down, waits, go_on = TornDown(place, any_app), place.for_reader(), place.for_producer()

    def source():
        g.runs = True
        yield "one"
        waits.set()
        go_on.wait()
        yield request.path

    options = {"format": "text", "reconnect": "restart"}
    any_app.add_url_rule("/path", "view", lambda: streams.response(source(), **options))
    with any_app.test_client() as client:
        response = client.get("/path")
        waits.wait()
    go_on.set()
    assert response.data.endswith(b"data: one\n\ndata: /path\n\n")
    response.close()
    torn_down.wait()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_stream_that_is_never_read_tears_down_the_view_alone(app, streams):
    seen = []
    app.teardown_appcontext(lambda error: seen.append("view"))
    app.add_url_rule("/", "view", lambda: streams.response(["never"]))
    Answer(app, "/", method="HEAD").close()
    assert seen == ["view"]


class Logged(logging.Handler):
    """Waits for a record of the package's logger."""

    def __init__(self, place):
        super().__init__()
        self._came = place.for_reader()

    def emit(self, record):
        self._record = record
        self._came.set()

    def record(self):
        self._came.wait()
        return self._record


@pytest.fixture
def logged(place):
    handler = Logged(place)
    logger = logging.getLogger("flask_llmstream")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_a_teardown_that_fails_is_logged_and_the_reader_has_it_all(place, app, streams, logged):
    @app.teardown_appcontext
    def fail(error):
        if g.pop("runs", False):
            raise LookupError("torn down badly")

    app.add_url_rule("/", "view", lambda: streams.response(generator("one")))
    with Answer(app, "/") as answer:
        assert b'"reason":"complete"' in answer.rest()
    record = logged.record()
    assert "torn down badly" in logging.Formatter().formatException(record.exc_info)


@pytest.mark.parametrize("leaves", [False, True], ids=["read to the end", "left"])
def test_what_a_context_held_is_freed_without_the_garbage_collector(place, app, streams, leaves):
    class Row:
        """An object of the request, of which the test keeps a weak reference."""

    seen, torn_down = [], TornDown(place, app)

    @app.route("/")
    def view():
        g.row = Row()
        seen.append(weakref.ref(g.row))
        return streams.response(generator("one", "two"), buffer=1)

    gc.disable()
    try:
        body = app(create_environ("/"), lambda *started: None)
        blocks = islice(body, 2) if leaves else body  # the opening and the first item
        list(blocks)
        body.close()
        del body, blocks
        torn_down.wait()
        wait_for_worker_threads()
        assert seen[0]() is None
    finally:
        gc.enable()


def test_the_views_contexts_are_freed_while_the_stream_is_open(place, app, streams):
    seen, go_on = [], place.for_producer()

    def source():
        yield request.path
        go_on.wait()

    @app.route("/")
    def view():
        seen.append(weakref.ref(request_context()))
        return streams.response(source())

    gc.disable()
    try:
        with Answer(app, "/") as answer:
            answer.block()
            assert seen[0]() is None
            go_on.set()
            answer.rest()
    finally:
        gc.enable()
