"""One extension object, any number of apps: each has its own config, models, slots and streams."""

from __future__ import annotations

import threading

import gevent
import pytest
from flask import Blueprint, Flask, Response

from flask_llmstream import Counter, LLMStream
from flask_llmstream.errors import ConfigurationError, StreamError
from flask_llmstream.stream.options import StreamOptions
from tests.support.answers import Answer


def events_of(app, path, **request):
    with Answer(app, path, **request) as answer:
        return answer.all_events()


def slots_of(app):
    return app.extensions["llmstream"].slots


# One object for several apps.


def test_an_app_given_at_once_is_initialised():
    app = Flask("a_site")
    LLMStream(app, providers={})
    assert app.test_client().get("/v1/models").status_code == 200


def test_two_apps_have_each_its_own_config(make_app, streams):
    def ticks():
        yield "tick"

    loud = make_app(LLMSTREAM_FORMAT="text", LLMSTREAM_EVENT="loud")
    quiet = make_app(LLMSTREAM_FORMAT="text")
    for app in (loud, quiet):
        app.add_url_rule("/ticks", "ticks", streams.view()(ticks))
    assert events_of(loud, "/ticks")[0].event == "loud"
    assert events_of(quiet, "/ticks")[0].event == "message"


def test_two_apps_have_each_their_own_slots(make_app, streams):
    first, second = make_app(LLMSTREAM_MAX_STREAMS=1), make_app(LLMSTREAM_MAX_STREAMS=1)
    go_on = threading.Event()

    def waits():
        go_on.wait(10)
        yield "late"

    for app in (first, second):
        app.add_url_rule("/", "view", lambda: streams.response(waits()))
    with Answer(first, "/") as one, Answer(second, "/") as other:
        one.block()
        other.block()
        assert one.status == other.status == 200
        assert slots_of(first).taken == slots_of(second).taken == 1
        go_on.set()
        one.rest()
        other.rest()


def test_two_objects_on_two_apps_have_each_their_own_models(make_app):
    first = make_app(LLMStream(providers={"ada": Counter(), "grace": Counter()}))
    second = make_app(LLMStream(providers={"edsger": Counter()}))
    models = [model["id"] for model in first.test_client().get("/v1/models").json["data"]]
    assert models == ["ada", "grace", "counter"]
    models = [model["id"] for model in second.test_client().get("/v1/models").json["data"]]
    assert models == ["edsger", "counter"]


def test_the_object_itself_keeps_nothing_of_an_app(make_app, streams):
    before = dict(vars(streams))
    make_app(LLMSTREAM_HEARTBEAT=7)
    assert vars(streams) == before


def test_models_added_behind_its_back_change_nothing():
    providers = {"ada": Counter()}
    streams = LLMStream(providers=providers)
    providers["grace"] = Counter()
    app = Flask("a_site")
    streams.init_app(app)
    models = [model["id"] for model in app.test_client().get("/v1/models").json["data"]]
    assert models == ["ada", "counter"]


@pytest.mark.parametrize("another", [False, True], ids=["the same", "another"])
def test_a_second_time_for_one_app_is_refused_with_the_cure(make_app, streams, another):
    app = make_app()
    with pytest.raises(ConfigurationError, match=r"streams\.blueprint\(\)"):
        (LLMStream() if another else streams).init_app(app)


@pytest.mark.parametrize("first", [True, False], ids=["before init_app", "after init_app"])
def test_an_app_may_answer_a_stream_error_itself(streams, first):
    app = Flask("a_site")

    def answer(error):
        return f"sorry: {error}", 418

    if first:
        app.register_error_handler(StreamError, answer)
    streams.init_app(app)
    if not first:
        app.register_error_handler(StreamError, answer)

    @app.route("/")
    def view():
        raise StreamError("Out of credit.")

    answered = app.test_client().get("/")
    assert (answered.status_code, answered.data) == (418, b"sorry: Out of credit.")


def test_an_app_that_was_not_initialised_is_told_so(streams):
    app = Flask("a_site")
    with app.app_context(), pytest.raises(ConfigurationError, match=r"init_app\(app\)"):
        streams.response(["one"])


def test_initialising_starts_nothing():
    threads, active = threading.active_count(), gevent.get_hub().loop.activecnt
    LLMStream(Flask("a_site"))
    assert threading.active_count() == threads
    assert gevent.get_hub().loop.activecnt == active


# Config.


def test_the_config_is_read_once(make_app, streams):
    app = make_app(LLMSTREAM_FORMAT="text")
    app.config["LLMSTREAM_FORMAT"] = "ndjson"
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_what_is_in_force_can_be_read_in_the_config(app):
    assert app.config["LLMSTREAM_HEARTBEAT"] == StreamOptions().heartbeat
    assert app.config["LLMSTREAM_MAX_STREAMS"] == 1000


def test_a_streams_own_option_goes_before_the_config(make_app, streams):
    app = make_app(LLMSTREAM_FORMAT="ndjson")
    app.add_url_rule("/", "view", lambda: streams.response(["one"], format="text"))
    assert events_of(app, "/")[0].data == "one"


@pytest.mark.parametrize(
    "key, value",
    [
        ("LLMSTREAM_HEARTBEAT", -1),
        ("LLMSTREAM_BUFFER", -1),
        ("LLMSTREAM_WORKER", "process"),
        ("LLMSTREAM_MAX_STREAMS", "many"),
        ("LLMSTREAM_FORMAT", "xml"),
        ("LLMSTREAM_OVERFLOW", "explode"),
        ("LLMSTREAM_EVENT", "two\nlines"),
        ("LLMSTREAM_HEARTBEATS", 15),
    ],
)
def test_a_key_that_cant_work_is_told_by_init_app(make_app, key, value):
    with pytest.raises(ConfigurationError, match=f"^{key}: "):
        make_app(**{key: value})


@pytest.mark.parametrize("prefix", ["/", "/models/v2"])
def test_the_chat_endpoints_are_where_the_config_says(make_app, prefix):
    client = make_app(LLMSTREAM_URL_PREFIX=prefix).test_client()
    assert client.get(f"{prefix.rstrip('/')}/models").status_code == 200


def test_there_may_be_no_chat_endpoints(make_app):
    client = make_app(LLMSTREAM_URL_PREFIX=None).test_client()
    assert client.get("/v1/models").status_code == 404


# Views.


def test_a_generator_view_is_streamed_with_its_arguments(place, app, streams):
    @app.route("/count/<int:last>")
    @streams.view(format="text")
    def count(last):
        for number in range(last):
            yield str(number)

    assert [event.data for event in events_of(app, "/count/3")] == ["0", "1", "2"]


def test_a_view_keeps_its_name_and_its_words(streams):
    @streams.view()
    def ticks():
        """Every second."""
        yield "tick"

    assert ticks.__name__ == "ticks"
    assert ticks.__doc__ == "Every second."


@pytest.mark.parametrize(
    "option, value",
    [
        ("heartbeat", -1),
        ("hold", "long"),
        ("buffer", -1),
        ("reconnect", "maybe"),
        ("worker", "process"),
        ("format", "xml"),
        ("overflow", "explode"),
        ("on_finish", "print"),
    ],
)
def test_a_views_option_that_cant_work_is_told_where_it_stands(streams, option, value):
    with pytest.raises(ConfigurationError, match=f"^{option}: "):
        streams.view(**{option: value})


@pytest.mark.parametrize(
    "option, value",
    [("heartbeat", -1), ("format", "xml"), ("overflow", "explode"), ("buffer", -1)],
)
def test_a_responses_option_that_cant_work_is_told_at_once(app, streams, option, value):
    with app.app_context(), pytest.raises(ConfigurationError, match=f"^{option}: "):
        streams.response(["one"], **{option: value})


def test_a_greenlet_that_cant_be_had_is_told_at_once(app, streams):
    with app.app_context(), pytest.raises(ConfigurationError, match="^worker: .*patch_all"):
        streams.response(["one"], worker="greenlet")


def test_an_option_that_does_not_exist_is_told_with_the_one_that_was_meant(app, streams):
    with pytest.raises(TypeError, match="'heartbeat'"):
        streams.view(hearbeat=1)
    with app.app_context(), pytest.raises(TypeError, match="'heartbeat'"):
        streams.response(["one"], hearbeat=1)


def test_an_event_type_with_a_line_break_is_told_at_once(app, streams):
    with app.app_context(), pytest.raises(ValueError, match="event"):
        streams.response(["one"], event="two\nlines")


# Sources.


@pytest.mark.parametrize(
    "source",
    [["one"], ("one",), iter(["one"]), (text for text in ["one"]), map(str, ["one"]), {"one"}],
    ids=lambda source: type(source).__name__,
)
def test_any_iterable_is_a_source(app, streams, source):
    app.add_url_rule("/", "view", lambda: streams.response(source, format="text"))
    assert [event.data for event in events_of(app, "/")] == ["one"]


def test_a_response_is_a_response_of_the_app(app, streams):
    with app.app_context():
        assert isinstance(streams.response(["one"]), Response)


def test_where_a_returning_reader_left_can_be_asked(app, streams):
    @app.route("/")
    @streams.view(format="text", reconnect="restart")
    def view():
        yield f"after {streams.last_event_id or 'nothing'}"

    assert events_of(app, "/")[0].data == "after nothing"
    assert events_of(app, "/", headers={"Last-Event-ID": "7"})[0].data == "after 7"
    assert events_of(app, "/?lastEventId=7")[0].data == "after 7"  # a polyfill's
    twice = events_of(app, "/?lastEventId=7", headers={"Last-Event-ID": "8"})
    assert twice[0].data == "after 8", "the header is newer: a polyfill's URL stays as it was"


# More chat endpoints.


def test_a_blueprint_of_ones_own_has_its_own_models(make_app, streams):
    app = make_app()
    mine = streams.blueprint("mine", providers={"ada": Counter(1, 0)})
    app.register_blueprint(mine, url_prefix="/mine")
    client = app.test_client()
    ids = [model["id"] for model in client.get("/mine/models").json["data"]]
    assert ids == ["ada", "counter"]
    assert [model["id"] for model in client.get("/v1/models").json["data"]] == ["counter"]


@pytest.mark.parametrize("wrong", ["hearbeat", "url_prefix", "liveness", "limits"])
def test_a_blueprints_setting_that_does_not_exist_is_told_at_once(streams, wrong):
    with pytest.raises(TypeError, match=wrong):
        streams.blueprint("mine", **{wrong: 1})


@pytest.mark.parametrize(
    "setting, value",
    [("max_streams", -1), ("max_body_bytes", 0), ("chat_hold", -1), ("heartbeat", "long"),
     ("overflow", "explode"), ("format", "xml")],
)  # fmt: skip
def test_a_blueprints_setting_that_cant_work_is_told_at_once(streams, setting, value):
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        streams.blueprint("mine", **{setting: value})


# What a view may do instead of streaming.


def test_a_stream_error_of_a_view_is_an_answer_with_its_status(app, client, streams):
    @app.route("/")
    def view():
        raise StreamError("Closed.", code="closed", status=503, retry_after=3)

    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert answer.json["error"]["code"] == "closed"


@pytest.mark.parametrize(
    "finished, status", [("a text", 200), (("no", 404), 404), (Response(status=302), 302)]
)
def test_a_streamed_view_may_return_what_flask_makes_a_response_of(
    app, client, streams, finished, status
):
    @app.route("/")
    @streams.view()
    def view():
        return finished

    assert client.get("/").status_code == status


@pytest.mark.parametrize(
    "providers, told",
    [
        ({"mine": len}, r"providers\['mine'\]: .* not builtin_.*; CallableProvider makes one"),
        ({"mine": None}, r"providers\['mine'\]: has to be a Provider, not NoneType"),
        ({"mine": Counter}, r"providers\['mine'\]: is the class Counter; make one of it"),
        ({1: Counter()}, r"providers\[1\]: a model's name has to be a text"),
        ([Counter()], r"providers: has to be a mapping, not list; .* providers=\{'name': model\}"),
        (Counter(), "providers: has to be a mapping, not Counter"),
        ([], "providers: has to be a mapping, not list"),
    ],
    ids=["function", "nothing", "class", "number", "list", "one", "empty list"],
)
def test_what_are_no_providers_is_told_by_name(streams, providers, told):
    with pytest.raises(ConfigurationError, match=told):
        LLMStream(providers=providers)
    with pytest.raises(ConfigurationError, match=told):
        streams.blueprint("mine", providers=providers)


@pytest.mark.parametrize(
    "thing, told",
    [
        (None, "app: has to be a Flask application, not NoneType"),
        ("a_site", "app: has to be a Flask application, not str"),
        ({"mine": Counter()}, r"not dict; models are given as providers=\{'name': model\}"),
        (Counter(), "not Counter; models are given as providers="),
        (Blueprint("shop", __name__), "not Blueprint; give the application that registers it"),
    ],
    ids=["nothing", "name", "models", "model", "blueprint"],
)
def test_what_is_no_application_is_told(streams, thing, told):
    with pytest.raises(ConfigurationError, match=told):
        streams.init_app(thing)


@pytest.mark.parametrize("option", ["status", "headers", "mimetype", "content_type"])
def test_what_a_response_has_of_its_own_is_no_option_of_a_stream(app, streams, option):
    with app.app_context(), pytest.raises(TypeError, match=rf"set the .* own, response\.{option}"):
        streams.response(["one"], **{option: "text/plain"})
