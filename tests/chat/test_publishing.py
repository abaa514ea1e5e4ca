"""The chat endpoints of an app: their URLs, and their guard."""

from __future__ import annotations

import functools

import pytest
from flask import Flask, abort, redirect, request, session
from werkzeug.exceptions import Gone

from flask_llmstream import ConfigurationError, Counter, LLMStream, StreamError

MODELS = {"ada": Counter(1, 0), "counter": Counter(1, 0)}
ROUTES = [
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/chat/stream"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/ada"),
    ("GET", "/v1/llmstream.js"),
]
NEED_A_TEXT = [("POST", "/v1/completions"), ("POST", "/v1/responses")]
RULES = [
    "/v1/ag-ui",
    "/v1/chat/completions",
    "/v1/chat/stream",
    "/v1/chat/streams",
    "/v1/chat/streams/<llmstream_id>",
    "/v1/chat/streams/<llmstream_id>/tickets",
    "/v1/chat/ui",
    "/v1/chat/ui/<llmstream_model:llmstream_chat>/stream",
    "/v1/completions",
    "/v1/llmstream.js",
    "/v1/models",
    "/v1/models/<llmstream_model:llmstream_model>",
    "/v1/openapi.json",
    "/v1/responses",
    "/v1/responses/<llmstream_response>",
    "/v1/responses/<llmstream_response>/cancel",
]


def site(prefix=..., allowed=(), **arguments):
    """An app with or without a prefix of its own."""
    app = Flask("a_site", static_folder=None)
    app.config.update(SECRET_KEY="of no use", LLMSTREAM_ALLOWED_ORIGINS=allowed)
    if prefix is not ...:
        app.config["LLMSTREAM_URL_PREFIX"] = prefix
    LLMStream(app, **arguments)
    return app


def rules(app):
    return [rule.rule for rule in app.url_map.iter_rules()]


# Their URLs.


def test_without_models_there_are_none():
    app = site()
    assert rules(app) == []
    assert app.config["LLMSTREAM_URL_PREFIX"] is None


@pytest.mark.parametrize("models", [MODELS, {}], ids=["some", "only the counter"])
def test_with_models_they_are_at_v1(models):
    app = site(providers=models)
    assert sorted(rules(app)) == RULES
    assert app.config["LLMSTREAM_URL_PREFIX"] == "/v1"


@pytest.mark.parametrize("arguments", [{}, {"providers": MODELS}], ids=["without", "with"])
def test_a_prefix_that_is_said_holds_with_and_without_models(arguments):
    assert "/llm/models" in rules(site("/llm", **arguments))
    assert rules(site(None, **arguments)) == []


def test_the_apps_of_one_object_say_it_each_for_itself():
    streams = LLMStream(providers=MODELS)
    here, nowhere = Flask("here", static_folder=None), Flask("nowhere", static_folder=None)
    nowhere.config["LLMSTREAM_URL_PREFIX"] = None
    streams.init_app(here)
    streams.init_app(nowhere)
    assert (len(rules(here)), rules(nowhere)) == (len(RULES), [])


def test_a_blueprint_of_ones_own_needs_neither():
    app = Flask("a_site", static_folder=None)
    streams = LLMStream(app)
    app.register_blueprint(streams.blueprint("chat", providers=MODELS), url_prefix="/mine")
    models = app.test_client().get("/mine/models").get_json()["data"]
    assert [model["id"] for model in models] == ["ada", "counter"]
    assert "/v1/models" not in rules(app)


def test_the_browsers_client_is_served_without_them():
    app = Flask("a_site", static_folder=None)
    streams = LLMStream(app)
    app.add_url_rule("/llmstream.js", view_func=streams.browser_client)
    app.add_url_rule("/<lang>/llmstream.js", "another", streams.browser_client)
    for path in ("/llmstream.js", "/en/llmstream.js"):
        answer = app.test_client().get(path)
        assert answer.headers["Content-Type"].startswith("text/javascript")
        assert b"export" in answer.data
        answer.close()


@pytest.mark.parametrize("prefix", ["/<lang/v1", "/<a>/<a>", "/<unheard_of:lang>"])
def test_a_prefix_that_is_no_rule_is_told_by_its_key(prefix):
    with pytest.raises(ConfigurationError, match="^LLMSTREAM_URL_PREFIX: "):
        site(prefix)


# Their guard.


def guarded(guard, **arguments):
    return site(providers=MODELS, guard=guard, **arguments).test_client()


def members_only():
    if "member" not in session:
        return "Members only.", 401


@pytest.mark.parametrize("method, path", [*ROUTES, *NEED_A_TEXT])
def test_what_a_guard_returns_is_the_answer_of_each_route(method, path):
    answer = guarded(members_only).open(path, method=method)
    assert (answer.status_code, answer.data) == (401, b"Members only.")


@pytest.mark.parametrize("method, path", ROUTES)
def test_who_may_pass_is_answered_as_without_one(method, path):
    client = guarded(members_only)
    with client.session_transaction() as cookie:
        cookie["member"] = True
    answer = client.open(path, method=method)
    assert answer.status_code == 200
    answer.close()


def gone():
    raise Gone()


def refusing():
    raise StreamError("Closed.", code="closed", status=503, retry_after=7)


@pytest.mark.parametrize(
    "guard, status",
    [
        (lambda: abort(403), 403),
        (gone, 410),
        (refusing, 503),
        (lambda: redirect("/login"), 302),
        (lambda: {"error": "no"}, 200),
        (functools.partial(abort, 418), 418),
    ],
    ids=["abort", "HTTPException", "StreamError", "redirect", "mapping", "partial"],
)
@pytest.mark.parametrize("method, path", ROUTES[:2])
def test_it_may_answer_as_any_view(guard, status, method, path):
    assert guarded(guard).open(path, method=method).status_code == status


def test_a_stream_error_of_a_guard_is_told_with_its_words():
    answer = guarded(refusing).get("/v1/chat/stream")
    assert answer.headers["Retry-After"] == "7"
    assert answer.get_json()["error"]["code"] == "closed"


def test_a_guard_reads_the_request():
    client = guarded(lambda: request.get_json().get("prompt") == "Please" and None or abort(403))
    assert client.post("/v1/chat/completions", json={"prompt": "Now"}).status_code == 403


OTHER = "https://other.example"


@pytest.mark.parametrize("method, path", [*ROUTES, *NEED_A_TEXT])
def test_a_preflight_is_not_guarded(method, path):
    client = guarded(lambda: abort(401), allowed=[OTHER])
    preflight = {"Origin": OTHER, "Access-Control-Request-Method": method}
    answer = client.options(path, headers=preflight)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == OTHER
    assert client.open(path, method=method, headers={"Origin": OTHER}).status_code == 401


def test_nor_is_who_asks_for_the_methods():
    assert "POST" in guarded(lambda: abort(401)).options("/v1/chat/completions").headers["Allow"]


def test_other_routes_have_nothing_of_it():
    app = Flask("a_site")
    streams = LLMStream(app, providers=MODELS, guard=lambda: abort(403))
    app.register_blueprint(streams.blueprint("more"), url_prefix="/more")
    app.add_url_rule("/llmstream.js", view_func=streams.browser_client)
    client = app.test_client()
    assert client.get("/v1/models").status_code == 403
    for path in ("/more/models", "/llmstream.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        answer.close()


def test_it_sees_the_arguments_of_the_mount_point():
    def acme_only():
        return None if request.view_args["tenant"] == "acme" else abort(403)

    client = guarded(acme_only, prefix="/<tenant>/v1")
    assert client.get("/acme/v1/models").status_code == 200
    assert client.get("/other/v1/models").status_code == 403


@pytest.mark.parametrize("answer", [True, False])
def test_one_that_says_yes_or_no_is_told_how_to_say_it(answer):
    app = site(providers=MODELS, guard=lambda: answer)
    app.testing = True
    with pytest.raises(TypeError, match=r"^guard: .* returned .*return None .*abort\(403\)"):
        app.test_client().get("/v1/models")


def test_one_that_has_nothing_to_guard_is_told_at_once():
    with pytest.raises(ConfigurationError, match="guard: this app has no chat endpoints"):
        site(guard=lambda: None)


def test_it_may_be_said_for_an_app_that_says_it_has_none():
    assert rules(site(prefix=None, guard=lambda: None)) == []


def test_one_that_cant_be_called_is_told_at_once():
    with pytest.raises(ConfigurationError, match="^guard: has to be callable"):
        LLMStream(guard="members only")
