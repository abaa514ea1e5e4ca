"""The views that ``@streams.view()`` makes, and its errors where it is misplaced."""

from __future__ import annotations

import functools

import pytest
from flask import Blueprint, Flask, Response
from flask.views import MethodView, View
from werkzeug.exceptions import NotFound

from flask_llmstream import ConfigurationError, LLMStream
from tests.support.answers import Answer


def ticks():
    yield "tick"


def texts(app, path="/", **request):
    with Answer(app, path, **request) as answer:
        return [event.data for event in answer.all_events()]


# What a view may give.


@pytest.mark.parametrize(
    "rest, status, made",
    [
        ((201,), 201, None),
        (("201 CREATED",), 201, None),
        (({"X-Made": "yes"},), 200, "yes"),
        ((201, {"X-Made": "yes"}), 201, "yes"),
        ((201, [("X-Made", "yes")]), 201, "yes"),
    ],
)
def test_what_is_streamed_may_have_a_status_and_headers(place, app, streams, rest, status, made):
    @app.route("/")
    @streams.view(format="text")
    def view():
        return (ticks(), *rest)

    with Answer(app, "/") as answer:
        assert [event.data for event in answer.all_events()] == ["tick"]
    assert (answer.status, answer.headers.get("X-Made")) == (status, made)
    assert answer.headers["Content-Type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "answer, status, body",
    [
        (Response("made", 202), 202, b"made"),
        (NotFound(), 404, None),
        ("words", 200, b"words"),
        (bytearray(b"bytes"), 200, b"bytes"),
        (("words", 203), 203, b"words"),
        (({"a": "mapping"}, 409), 409, None),
    ],
    ids=["response", "error", "text", "bytes", "text and status", "mapping and status"],
)
def test_what_ends_the_matter_is_flask_s(app, client, streams, answer, status, body):
    @app.route("/")
    @streams.view()
    def view():
        return answer

    answered = client.get("/")
    assert answered.status_code == status
    assert body is None or answered.data == body


def test_a_view_that_gives_nothing_is_told_by_its_name(app, client, streams):
    @app.route("/")
    @streams.view()
    def forgetful():
        iter(["tick"])

    app.testing = True
    with pytest.raises(TypeError, match="forgetful returned None; yield in it, or return"):
        client.get("/")


# What it decorates.


def test_a_method_of_a_class_based_view_is_a_view(place, app, streams):
    class Ticks(MethodView):
        @streams.view(format="text")
        def get(self):
            yield "got"

        @streams.view(format="text")
        def post(self):
            yield "posted"

    app.add_url_rule("/", view_func=Ticks.as_view("ticks"))
    assert (texts(app), texts(app, method="POST")) == (["got"], ["posted"])


def test_a_class_based_view_takes_it_among_its_decorators(place, app, streams):
    class Ticks(View):
        decorators = [streams.view(format="text")]

        def dispatch_request(self):
            return iter(["tick"])

    app.add_url_rule("/", view_func=Ticks.as_view("ticks"))
    assert texts(app) == ["tick"]


class Callable:
    __slots__ = ()  # no weak references to it

    def __call__(self):
        return ticks()


@pytest.mark.parametrize("view", [functools.partial(ticks), Callable()], ids=["partial", "object"])
def test_whatever_can_be_called_is_a_view(place, app, streams, view):
    app.add_url_rule("/", "ticks", streams.view(format="text")(view))
    assert texts(app) == ["tick"]


@pytest.mark.parametrize(
    "thing, told",
    [
        (type("Ticks", (View,), {}), r"Ticks is a class; put it on the method .* decorators = \["),
        (ticks(), r"was given what ticks\(\) returned; leave out the call"),
        (None, "not a NoneType"),
    ],
    ids=["class", "called", "nothing"],
)
def test_what_is_no_function_is_told_at_once(streams, thing, told):
    with pytest.raises(TypeError, match=told):
        streams.view()(thing)


def test_without_its_parentheses_it_is_told_at_once(streams):
    with pytest.raises(TypeError, match=r"needs its parentheses; write @streams\.view\(\)"):
        streams.view(ticks)


def test_an_option_without_its_name_is_told_at_once(streams):
    with pytest.raises(TypeError, match="takes options by their names, not 'text'"):
        streams.view("text")


# Where it stands.


def above(streams, route):
    """A view whose decorators stand in the wrong order."""

    @streams.view()
    @route
    def misplaced():
        yield "tick"


ABOVE = r"^.*misplaced: @streams\.view\(\) stands above .* for /ticks, .* put @streams\.view\(\) be"


def test_above_the_route_it_is_told_where_it_stands(app, streams):
    with pytest.raises(ConfigurationError, match=ABOVE):
        above(streams, app.route("/ticks"))


def test_above_the_route_of_an_app_it_does_not_know_yet_it_is_told_by_init_app(streams):
    app = Flask("a_site")
    above(streams, app.route("/ticks"))
    with pytest.raises(ConfigurationError, match=ABOVE):
        streams.init_app(app)


def test_above_the_route_of_a_blueprint_it_is_told_by_init_app(streams):
    app, blueprint = Flask("a_site"), Blueprint("shop", __name__)
    above(streams, blueprint.route("/ticks"))
    app.register_blueprint(blueprint)
    with pytest.raises(ConfigurationError, match=ABOVE):
        streams.init_app(app)


def test_above_the_route_of_a_later_blueprint_the_first_request_logs_it(app, streams, caplog):
    blueprint = Blueprint("shop", __name__)
    above(streams, blueprint.route("/ticks"))
    app.register_blueprint(blueprint)
    for _ in range(2):
        app.test_client().get("/v1/models")
    (record,) = [record for record in caplog.records if "misplaced: @" in record.getMessage()]
    assert "for /ticks" in record.getMessage()


def test_below_the_route_it_is_nobody_s_concern(app, streams):
    app.add_url_rule("/", "ticks", streams.view()(ticks))
    another = Flask("another_site")
    LLMStream(another)
    assert another.extensions["llmstream"]


def test_a_view_that_flask_has_already_may_be_replaced_by_its_stream(place, app, streams):
    app.add_url_rule("/", "ticks", ticks)
    app.view_functions["ticks"] = streams.view(format="text")(app.view_functions["ticks"])
    assert texts(app) == ["tick"]


def test_one_function_may_be_a_view_of_both_kinds(place, app, streams):
    app.add_url_rule("/plain", "plain", ticks)
    app.add_url_rule("/", "streamed", streams.view(format="text")(ticks))
    streams.view()(lambda: ticks())  # checks the app's views again
    assert texts(app) == ["tick"]


def test_one_function_may_be_a_view_of_both_kinds_before_init_app():
    app, streams = Flask("both"), LLMStream()
    app.add_url_rule("/plain", "plain", ticks)
    app.add_url_rule("/", "streamed", streams.view()(ticks))
    streams.init_app(app)
