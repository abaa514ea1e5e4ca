"""Each route of the chat endpoints works, wherever they are mounted."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask, request, url_for

from flask_llmstream import CallableProvider, Counter, LLMStream
from flask_llmstream.doctor.routes import TOKEN_HEADER
from flask_llmstream.protocols import PROTOCOLS
from tests.support.answers import Answer

TOKEN = "a secret of the doctor"
needs_nesting = pytest.mark.skipif(
    not hasattr(Blueprint, "register_blueprint"), reason="Flask nests blueprints from 2.0 on"
)


def whom(request_):
    """A model that answers with the user of the request."""
    yield "the tenant " + request.view_args["tenant"]


@pytest.fixture
def streams():
    return LLMStream(providers={"whom": CallableProvider(whom), "counter": Counter(1, 0)})


@pytest.fixture
def make_site(streams):
    """A function that makes an app with the chat endpoints at a mount point, and the doctor."""

    def make(mount, **matching):
        app = Flask("a_site", static_folder=None, **matching)
        app.config.update(LLMSTREAM_URL_PREFIX=None, LLMSTREAM_DOCTOR_TOKEN=TOKEN)
        if "subdomain_matching" in matching:
            app.config["SERVER_NAME"] = "site.example"
        streams.init_app(app)
        app.register_blueprint(streams.blueprint("chat"), **mount)
        return app

    return make


HERE = "http://localhost"
MOUNTS = {
    "a variable": ({"url_prefix": "/<tenant>/llm"}, {}, HERE, "/acme/llm"),
    "two variables": ({"url_prefix": "/<lang>/<string(length=4):tenant>"}, {}, HERE, "/en/acme"),
    "a default": ({"url_prefix": "/llm", "url_defaults": {"tenant": "acme"}}, {}, HERE, "/llm"),
    "a subdomain": (
        {"url_prefix": "/llm", "subdomain": "<tenant>"},
        {"subdomain_matching": True},
        "http://acme.site.example",
        "/llm",
    ),
    "a host": (
        {"url_prefix": "/llm", "host": "<tenant>.example"},
        {"host_matching": True},
        "http://acme.example",
        "/llm",
    ),
    "any host": (
        {"url_prefix": "/<tenant>"},
        {"host_matching": True},
        "http://any.example:8000",
        "/acme",
    ),
}


@pytest.fixture(params=MOUNTS.values(), ids=list(MOUNTS))
def site(request, make_site):
    """An app, and the host and the path of its chat endpoints."""
    mount, matching, host, path = request.param
    return make_site(mount, **matching), host, path


REFUSED = {
    **dict.fromkeys(("/completions", "/responses", "/chat/ui", "/ag-ui", "/doctor/silence"), 400),
    f"/models/{'0' * 32}": 404,
    f"/chat/streams/{'0' * 32}": 410,
    f"/chat/streams/{'0' * 32}/tickets": 404,
    f"/chat/ui/{'0' * 32}/stream": 404,
    f"/responses/{'0' * 32}": 404,
    f"/responses/{'0' * 32}/cancel": 404,
}
"""The status of the routes that need a text, a parameter or the name of what there is."""


def addresses(app):
    """The method and the path, after the mount point, of each route of the app."""
    rules = list(app.url_map.iter_rules())
    (chat,) = (rule.rule for rule in rules if rule.rule.endswith("/chat/completions"))
    for rule in rules:
        path = rule.rule[len(chat) - len("/chat/completions") :]
        for method in sorted(rule.methods):
            yield method, re.sub("<.*>", "0" * 32, path)


def test_each_route_answers_by_each_of_its_methods(site):
    app, host, mount = site
    client = app.test_client()
    asked = list(addresses(app))
    assert {path for _, path in asked} > {protocol.rule for protocol in PROTOCOLS}
    for method, path in asked:
        answer = client.open(mount + path, host, method=method, headers={TOKEN_HEADER: TOKEN})
        fine = 200 if method == "OPTIONS" else REFUSED.get(path, 200)
        assert answer.status_code == fine, (method, path)
        answer.close()


def test_a_model_sees_the_arguments_of_the_mount_point(site):
    app, host, mount = site
    with Answer(app, f"{mount}/chat/stream?prompt=Who&format=text", base_url=host) as answer:
        assert b"the tenant acme" in answer.rest()


def test_the_default_routes_may_be_under_a_variable(make_app, streams):
    app = make_app(streams, LLMSTREAM_URL_PREFIX="/<tenant>/v1")
    with Answer(app, "/acme/v1/chat/stream?prompt=Who&format=text") as answer:
        assert b"the tenant acme" in answer.rest()


def test_a_preprocessor_may_take_an_argument_for_itself(make_app, streams):
    app = make_app(streams, LLMSTREAM_URL_PREFIX="/<lang>/<tenant>")
    taken = []
    app.url_value_preprocessor(lambda endpoint, values: taken.append(values.pop("lang")))
    with Answer(app, "/en/acme/chat/stream?prompt=Who&format=text") as answer:
        assert b"the tenant acme" in answer.rest()
    assert taken == ["en"]


def test_a_guard_of_the_blueprint_sees_the_arguments(streams, make_app):
    app = make_app(streams)
    blueprint = streams.blueprint("tenants")
    blueprint.before_request(lambda: None if request.view_args["tenant"] == "acme" else ("", 403))
    app.register_blueprint(blueprint, url_prefix="/<tenant>/llm")
    client = app.test_client()
    assert client.get("/acme/llm/models").status_code == 200
    assert client.get("/other/llm/models").status_code == 403


@pytest.mark.parametrize("prefix", ["/llm", "/llm/", "/", "/a/b"])
def test_a_slash_at_the_end_of_the_prefix_changes_nothing(make_app, streams, prefix):
    client = make_app(streams, LLMSTREAM_URL_PREFIX=prefix).test_client()
    assert client.get(prefix.rstrip("/") + "/models").status_code == 200


def test_under_another_root_of_the_application(make_app, streams):
    app = make_app(streams, APPLICATION_ROOT="/shop")
    answer = app.test_client().get("/v1/models", environ_overrides={"SCRIPT_NAME": "/shop"})
    assert answer.status_code == 200


@needs_nesting
def test_nested_in_blueprints_that_have_variables(make_app, streams):
    app = make_app(streams)
    outer = Blueprint("outer", __name__, url_prefix="/<tenant>")
    inner = Blueprint("inner", __name__, url_prefix="/<lang>")
    inner.register_blueprint(streams.blueprint("chat"), url_prefix="/llm")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    with Answer(app, "/acme/en/llm/chat/stream?prompt=Who&format=text") as answer:
        assert b"the tenant acme" in answer.rest()


def mount_twice(app, blueprint):
    app.register_blueprint(blueprint, url_prefix="/one")
    named = {"name": "again"} if hasattr(Blueprint, "register_blueprint") else {}
    app.register_blueprint(blueprint, url_prefix="/<tenant>/two", **named)


def test_mounted_twice(make_app, streams):
    app = make_app(streams, LLMSTREAM_DOCTOR_TOKEN=TOKEN)
    mount_twice(app, streams.blueprint("chat"))
    client = app.test_client()
    for address in ("/one", "/acme/two"):
        assert client.get(f"{address}/models").status_code == 200
        assert client.get(f"{address}/doctor", headers={TOKEN_HEADER: TOKEN}).status_code == 200


@needs_nesting
def test_of_a_name_twice_each_has_its_own_slots(make_app, streams):
    app = make_app(streams)
    for name in "ab":
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        chat = streams.blueprint("chat", max_streams=1, format="text")
        blueprint.register_blueprint(chat)
        app.register_blueprint(blueprint)
    with Answer(app, "/a/chat/stream") as one, Answer(app, "/b/chat/stream") as other:
        one.block()
        other.block()
        assert (one.status, other.status) == (200, 200)


def test_an_address_is_on_the_host_that_was_asked(make_site):
    app = make_site({"url_prefix": "/llm"}, host_matching=True)
    with app.test_request_context("http://a.example/llm/models"):
        assert url_for("chat.client") == "/llm/llmstream.js"
    with app.test_request_context("http://a.example/llm/models"):
        assert url_for(".models", _external=True) == "http://a.example/llm/models"
