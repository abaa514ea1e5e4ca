"""A route of the app and one of the package at one address: refused at once, or found later."""

from __future__ import annotations

import functools

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import BaseConverter, Rule

from flask_llmstream import ConfigurationError, Counter, LLMStream

MODELS = {"counter": Counter(1, 0)}


def view(**_):
    return "the app's own"


def site(rule=None, prefix="/v1", host_matching=False, **options):
    """An app that has its own route before the package's."""
    app = Flask("a_site", static_folder=None, host_matching=host_matching)
    app.config["LLMSTREAM_URL_PREFIX"] = prefix
    if rule is not None:
        app.add_url_rule(rule, "own", view, **options)
    return app


def init(app, **arguments):
    streams = LLMStream(providers=MODELS, **arguments)
    streams.init_app(app)
    return streams


# Before ``init_app``.


@pytest.mark.parametrize(
    "rule, options, asked",
    [
        ("/v1/models", {}, "GET, HEAD /v1/models"),
        ("/v1/models", {"methods": ["GET", "POST"]}, "GET, HEAD /v1/models"),
        ("/v1/models", {"methods": ["HEAD"]}, "HEAD /v1/models"),
        ("/v1/models", {"methods": ["OPTIONS"]}, "OPTIONS /v1/models"),
        ("/v1/models/", {}, "GET, HEAD /v1/models"),
        ("/v1//models", {}, "GET, HEAD /v1/models"),
        ("/v1/chat/stream", {}, "GET, HEAD /v1/chat/stream"),
        ("/v1/chat/completions", {"methods": ["POST"]}, "POST /v1/chat/completions"),
        ("/v1/llmstream.js", {}, "GET, HEAD /v1/llmstream.js"),
    ],
)
def test_a_route_at_the_address_of_one_of_ours_is_refused_and_both_are_named(rule, options, asked):
    told = rf"^two routes answer {asked}: 'llmstream\.\w+' and 'own'\. LLMSTREAM_URL_PREFIX"
    with pytest.raises(ConfigurationError, match=told):
        init(site(rule, **options))


def test_all_of_them_are_named():
    app = site("/v1/models")
    app.add_url_rule("/v1/chat/completions", "chat", view, methods=["POST"])
    with pytest.raises(ConfigurationError) as refused:
        init(app)
    for name in ("'own'", "'chat'", "'llmstream.models'", "'llmstream.completions'"):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    "rule, prefix",
    [
        ("/<tenant>/models", "/<lang>"),
        ("/<string:tenant>/models", "/<lang>"),
        ("/<int:n>/v1/models", "/<int:year>/v1"),
        ("/<any(de, en):a>/models", "/<any(de, en):b>"),
    ],
)
def test_a_variable_by_another_name_is_the_same_address(rule, prefix):
    with pytest.raises(ConfigurationError, match="'llmstream.models' and 'own'"):
        init(site(rule, prefix))


def test_a_route_for_any_method_is_one_for_ours():
    app = site()
    app.url_map.add(Rule("/v1/models", endpoint="own"))
    with pytest.raises(ConfigurationError, match="GET, HEAD, OPTIONS /v1/models"):
        init(app)


@pytest.mark.parametrize(
    "rule, options",
    [
        ("/<path:path>", {}),
        ("/<path:path>", {"methods": ["GET", "POST", "OPTIONS"]}),
        ("/v1/<path:path>", {"methods": ["GET", "POST"]}),
        ("/v1/<name>", {}),
        ("/v1/chat/<name>", {"methods": ["GET", "POST"]}),
        ("/v1", {}),
        ("/v1/models", {"methods": ["POST"]}),
        ("/v1/chat/completions", {}),
        ("/v1/models", {"subdomain": "api"}),
        ("/v1/models", {"build_only": True}),
        ("/v2/models", {}),
    ],
)
def test_what_is_less_definite_or_elsewhere_is_no_clash(rule, options):
    app = site(rule, **options)
    init(app)
    client = app.test_client()
    assert client.get("/v1/models").get_json()["object"] == "list"
    assert client.post("/v1/chat/completions").mimetype == "text/event-stream"


@pytest.mark.parametrize("methods", [["GET"], ["GET", "POST"]])
@pytest.mark.parametrize(
    "prefix, at", [("/v1", "/v1"), ("/<lang>/v1", "/en/v1"), ("/<lang>", "/en"), ("/", "")]
)
def test_the_catch_all_of_a_single_page_application_is_no_clash(methods, prefix, at):
    app = site("/", prefix, defaults={"path": ""}, methods=methods)
    app.add_url_rule("/<path:path>", "own", view, methods=methods)
    init(app)
    client = app.test_client()
    assert client.get(f"{at}/models").get_json()["object"] == "list"
    assert client.get("/v1/elsewhere").data == b"the app's own"


@pytest.mark.parametrize("rule", ["/<int:n>/models", "/en/models", "/<two:lang>/models"])
def test_a_more_definite_route_than_ours_is_no_clash(rule):
    class Two(BaseConverter):
        regex = "[a-z]{2}"
        weight = 50

    app = site(prefix="/<lang>")
    app.url_map.converters["two"] = Two
    app.add_url_rule(rule, "own", view)
    init(app)
    client = app.test_client()
    assert client.get("/deutsch/models").get_json()["object"] == "list"


def test_hosts_have_each_its_own_routes():
    app = site("/v1/models", host_matching=True, host="own.example")
    init(app)
    client = app.test_client()
    assert client.get("/v1/models", "http://own.example").data == b"the app's own"
    assert client.get("/v1/models", "http://any.example").get_json()["object"] == "list"


def test_every_host_is_the_same_address_as_ours():
    with pytest.raises(ConfigurationError, match="'llmstream.models' and 'own'"):
        init(site("/v1/models", host_matching=True, host="<tenant>"))


def test_ours_may_clash_with_ours():
    app = site()
    other = LLMStream().blueprint("mine")
    app.register_blueprint(other, url_prefix="/v1")
    with pytest.raises(ConfigurationError, match=r"'(mine|llmstream)\.models' and '\w+\.models'"):
        init(app)


def test_a_blueprint_of_our_name_is_told_what_to_do():
    app = site()
    app.register_blueprint(LLMStream().blueprint("llmstream"), url_prefix="/mine")
    with pytest.raises(ConfigurationError, match="blueprint 'llmstream' already"):
        init(app)


def test_a_route_that_an_extension_has_wrapped_is_still_ours():
    app = site(prefix=None)
    app.register_blueprint(LLMStream().blueprint("mine"), url_prefix="/v1")
    ours = app.view_functions["mine.models"]
    app.view_functions["mine.models"] = functools.wraps(ours)(lambda **_: ours())
    app.add_url_rule("/v1/models", "own", view)
    with pytest.raises(ConfigurationError, match="'mine.models' and 'own'"):
        init(app)


def test_without_chat_endpoints_nothing_clashes():
    init(site("/v1/models", prefix=None))


# After ``init_app``.


def logged_clashes(caplog):
    return [text for text in caplog.messages if "two routes answer" in text]


def add_later(app, streams):
    app.add_url_rule("/v1/models", "own", view)


def mount_later(app, streams):
    app.add_url_rule("/mine/models", "own", view)
    app.register_blueprint(streams.blueprint("mine"), url_prefix="/mine")


@pytest.mark.parametrize("add", [add_later, mount_later])
@pytest.mark.parametrize("path", ["/v1/models", "/nowhere"])
def test_what_is_added_later_is_logged_once_at_the_first_request(caplog, add, path):
    app = site()
    add(app, init(app))
    assert logged_clashes(caplog) == []
    client = app.test_client()
    client.get(path)
    client.get(path)
    (text,) = logged_clashes(caplog)
    assert "models' and 'own'" in text and "LLMSTREAM_URL_PREFIX" in text


def test_also_where_something_else_answers_the_first_request(caplog):
    app = site()
    app.before_request(lambda: ("Log in first.", 401))
    add_later(app, init(app))
    assert app.test_client().get("/").status_code == 401
    assert len(logged_clashes(caplog)) == 1


def test_a_map_that_cant_be_read_is_logged_and_the_request_answered(caplog):
    app = site()
    init(app)
    app.url_map.converters["short"] = BaseConverter
    app.add_url_rule("/<short:name>", "own", view)
    del app.url_map.converters["short"]
    assert app.test_client().get("/v1/models").status_code == 200
    assert caplog.messages == ["routes that clash could not be looked for"]


def test_nothing_is_logged_where_nothing_clashes(caplog):
    app = site("/<path:path>")
    init(app)
    app.register_blueprint(Blueprint("other", __name__), url_prefix="/v1")
    app.test_client().get("/v1/models")
    assert caplog.messages == []


def test_the_checks_of_the_first_request_cost_later_ones_nothing():
    app = Flask("a_site")
    LLMStream(app, providers={"counter": Counter()})
    before = len(app.url_value_preprocessors[None])
    counts = []
    for _ in range(2):
        app.test_client().get("/")
        counts.append(len(app.url_value_preprocessors[None]))
    assert counts == [before - 2, before - 2]


def test_a_function_of_the_applications_runs_behind_the_checks_of_the_first_request_too():
    app, ran = Flask("a_site"), []
    LLMStream(app)
    app.url_value_preprocessor(lambda endpoint, values: ran.append(endpoint))
    for _ in range(2):
        app.test_client().get("/")
    assert ran == [None, None]
