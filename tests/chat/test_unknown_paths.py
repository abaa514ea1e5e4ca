"""A path below the chat endpoints that no route has is answered as an API does, in JSON."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask, abort, redirect
from werkzeug.exceptions import HTTPException

from flask_llmstream import Counter, LLMStream
from flask_llmstream.errors import UnknownModel
from tests.views.test_blueprint_routes import mount_twice, needs_nesting

MODELS = {"counter": Counter(1, 0)}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
HELLO = [{"role": "user", "content": "Hello"}]
FRIEND = "https://friend.example"


def site(prefix="/v1", static_folder=None, **matching):
    app = Flask("a_site", static_folder=static_folder, **matching)
    app.config["LLMSTREAM_URL_PREFIX"] = prefix
    return app


def client_of(app, **arguments):
    LLMStream(app, providers=MODELS, **arguments)
    return app.test_client()


def is_unknown(answer):
    error = answer.get_json()["error"] if answer.mimetype == "application/json" else {}
    return (answer.status_code, error.get("code")) == (404, "unknown_path")


# The answer.


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/a/b/c", "/v1/", "/v1", "/v1/models/"])
@pytest.mark.parametrize("method", METHODS)
def test_it_is_an_error_in_openai_s_form(path, method):
    answer = client_of(site()).open(path, method=method)
    assert is_unknown(answer)
    error = answer.get_json()["error"]
    assert (error["type"], error["param"]) == ("not_found_error", None)
    assert error["message"] == f"there is no {method} {path}"
    assert error["id"] == answer.headers["X-Request-ID"]


def test_the_log_has_its_id(caplog):
    caplog.set_level("INFO")
    answer = client_of(site()).get("/v1/embeddings")
    assert any(answer.get_json()["error"]["id"] in line for line in caplog.messages)


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("PUT", "/v1/models/counter", "GET"),
        ("DELETE", "/v1/chat/stream", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_the_right_ones_are_told(method, path, allowed):
    answer = client_of(site()).open(path, method=method)
    error = answer.get_json()["error"]
    assert answer.status_code == 405
    assert (error["code"], error["type"]) == ("method_not_allowed", "invalid_request_error")
    assert allowed in answer.headers["Allow"]
    assert allowed in error["message"]


def test_a_head_has_no_body():
    answer = client_of(site()).head("/v1/embeddings")
    assert (answer.status_code, answer.data) == (404, b"")


def test_a_guard_is_not_asked():
    answer = client_of(site(), guard=lambda: abort(401)).get("/v1/embeddings")
    assert is_unknown(answer)


def test_pages_of_allowed_sites_can_read_it():
    app = site()
    app.config["LLMSTREAM_ALLOWED_ORIGINS"] = [FRIEND]
    client = client_of(app)
    answer = client.get("/v1/embeddings", headers={"Origin": FRIEND})
    assert is_unknown(answer)
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    asked = {"Origin": FRIEND, "Access-Control-Request-Method": "PUT"}
    preflight = client.options("/v1/embeddings", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Methods"] == "PUT"
    other = client.get("/v1/embeddings", headers={"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


# Where.


@pytest.mark.parametrize(
    "prefix, inside, outside",
    [
        ("/v1", "/v1/x", "/v1x"),
        ("/v1/", "/v1/x", "/v10/x"),
        ("/a/b", "/a/b/x", "/a/x"),
        ("/<tenant>/v1", "/acme/v1/x", "/acme/v2/x"),
        ("/<int:n>/v1", "/7/v1/x", "/seven/v1/x"),
    ],
)
def test_only_below_the_prefix(prefix, inside, outside):
    client = client_of(site(prefix))
    assert is_unknown(client.get(inside))
    assert client.get(outside).mimetype == "text/html"


def test_on_its_subdomain_only():
    app = site(None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "site.example"
    streams = LLMStream(app)
    app.register_blueprint(streams.blueprint("chat"), url_prefix="/v1", subdomain="<tenant>")
    client = app.test_client()
    assert is_unknown(client.get("/v1/x", "http://acme.site.example"))
    assert client.get("/v1/x", "http://site.example").mimetype == "text/html"


def test_on_its_host_only():
    app = site(None, host_matching=True)
    streams = LLMStream(app)
    chat = streams.blueprint("chat")
    app.register_blueprint(chat, url_prefix="/v1", host="api.example")
    client = app.test_client()
    assert is_unknown(client.get("/v1/x", "http://api.example"))
    assert client.get("/v1/x", "http://www.example").mimetype == "text/html"


@needs_nesting
def test_where_the_blueprint_is_nested():
    app = site(None)
    outer = Blueprint("outer", __name__, url_prefix="/<tenant>")
    outer.register_blueprint(LLMStream(app).blueprint("chat"), url_prefix="/llm")
    app.register_blueprint(outer)
    client = app.test_client()
    assert is_unknown(client.get("/acme/llm/x"))
    assert client.get("/acme/x").mimetype == "text/html"


def test_at_each_of_its_mounts_also_later_ones():
    app = site(None)
    streams = LLMStream(app)
    client = app.test_client()
    mount_twice(app, streams.blueprint("chat"))
    assert is_unknown(client.get("/one/x"))
    assert is_unknown(client.get("/acme/two/x"))


def test_each_mount_has_its_own_origins():
    app = site()
    streams = LLMStream(app, providers=MODELS)
    open_to_all = streams.blueprint("open", allowed_origins=["*"])
    app.register_blueprint(open_to_all, url_prefix="/v1/open")
    client = app.test_client()
    for path, allowed in (("/v1/open/x", "*"), ("/v1/x", None)):
        answer = client.get(path, headers={"Origin": FRIEND})
        assert is_unknown(answer)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_without_chat_endpoints_nothing_changes():
    assert client_of(site(None)).get("/v1/x").mimetype == "text/html"


# Whatever the application itself has there.


@pytest.mark.parametrize("rule", ["/v1/<path:rest>", "/<path:page>", "/v1/<name>", "/<a>/<b>"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_route_of_the_application_s_is_never_shadowed(rule, when):
    app = site()
    streams = LLMStream(providers=MODELS)
    if when == "after":
        streams.init_app(app)
    app.add_url_rule(rule, "own", lambda **_: "own", methods=["GET"])
    if when == "before":
        streams.init_app(app)
    assert app.test_client().get("/v1/embeddings").data == b"own"


@pytest.mark.parametrize(
    "rule, path",
    [
        ("/v1/own", "/v1/own"),
        ("/v1", "/v1"),
        ("/<path:page>", "/v1"),
        ("/v1/models/<name>/card", "/v1/models/counter/card"),  # a model may have that name
        ("/v1/models/own/", "/v1/models/own/"),
    ],
)
def test_the_application_s_own_405_below_the_prefix_stays(rule, path):
    app = site()
    app.add_url_rule(rule, "own", lambda **_: "own", methods=["GET"])
    app.register_error_handler(405, lambda error: ("the app's page", 405))
    answer = client_of(app).post(path)
    assert (answer.status_code, answer.data) == (405, b"the app's page")
    assert "X-Request-ID" not in answer.headers


@pytest.mark.parametrize("method, path", [("PUT", "/v1/models"), ("GET", "/v1/completions")])
def test_a_wrong_method_beside_a_catch_all_of_the_application_s_is_ours(method, path):
    app = site()
    app.add_url_rule("/<path:page>", "own", lambda **_: "own", methods=["POST"])
    error = client_of(app).open(path, method=method).get_json()["error"]
    assert error["code"] == "method_not_allowed"


def test_its_redirect_to_a_slash_stays():
    app = site()
    app.add_url_rule("/v1/own/", "own", lambda: "own")
    answer = client_of(app).get("/v1/own")
    assert answer.status_code in (301, 308)
    assert answer.headers["Location"].endswith("/v1/own/")


def test_its_static_files_stay(tmp_path):
    (tmp_path / "here.txt").write_text("here")
    app = Flask("a_site", static_folder=str(tmp_path), static_url_path="/v1/static")
    client = client_of(app)
    found = client.get("/v1/static/here.txt")
    assert found.data == b"here"
    found.close()
    assert client.get("/v1/static/nowhere.txt").mimetype == "text/html"


def test_its_own_abort_below_the_prefix_stays():
    app = site()
    app.add_url_rule("/v1/own", "own", lambda: abort(404))
    assert client_of(app).get("/v1/own").mimetype == "text/html"


def test_a_second_blueprint_of_its_own_at_the_prefix_stays():
    app = site()
    client = client_of(app)
    own = Blueprint("own", __name__)
    own.add_url_rule("/embeddings", "embeddings", lambda: "own")
    app.register_blueprint(own, url_prefix="/v1")
    assert client.get("/v1/embeddings").data == b"own"
    assert is_unknown(client.get("/v1/files"))


def test_what_it_answers_before_the_routes_stays():
    app = site()
    app.before_request(lambda: "the app's page")
    assert client_of(app).get("/v1/embeddings").data == b"the app's page"


# Its own handler of 404.


def single_page(error):
    return "<!doctype html><title>The app</title>"


def test_a_single_page_application_s_handler_has_all_other_paths():
    app = site()
    app.register_error_handler(404, single_page)
    client = client_of(app)
    assert is_unknown(client.get("/v1/embeddings"))
    assert client.get("/inbox/7").data.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    "own",
    [
        lambda error: ({"house": "style"}, 404),
        lambda error: redirect("/elsewhere"),
    ],
    ids=["JSON", "redirect"],
)
def test_a_handler_that_answers_otherwise_than_with_a_page_is_heard(own):
    app = site()
    app.register_error_handler(404, own)
    answer = client_of(app).get("/v1/embeddings")
    assert b"style" in answer.data or answer.headers["Location"].endswith("/elsewhere")


@pytest.mark.parametrize("key", [404, HTTPException, UnknownModel])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/v1/models/nobody"),
        lambda client: client.post("/v1/completions", json={"model": "nobody", "prompt": "a"}),
    ],
    ids=["a model", "an answer"],
)
def test_an_error_of_a_route_is_the_application_s_to_answer(key, ask):
    app = site()
    app.register_error_handler(key, lambda error: ("<h1>Sorry</h1>", 410))
    answer = ask(client_of(app))
    assert (answer.status_code, answer.data) == (410, b"<h1>Sorry</h1>")
    assert answer.headers["X-Request-ID"]


def test_pages_of_guards_stay():
    guard = lambda: ("<h1>Log in</h1>", 401)  # noqa: E731
    answer = client_of(site(), guard=guard).get("/v1/models")
    assert (answer.status_code, answer.data) == (401, b"<h1>Log in</h1>")


@pytest.mark.parametrize("prefix, at", [("/", ""), ("/<tenant>", "/acme"), ("/<a>/<b>/", "/a/b")])
def test_below_a_prefix_without_words_its_page_stays(prefix, at):
    app = site(prefix)
    app.register_error_handler(404, lambda error: ("the app's page", 404))
    client = client_of(app)
    assert client.get(f"{at}/embeddings").data == b"the app's page"
    assert client.get(f"{at}/models/counter").status_code == 200


def test_at_the_root_of_an_application_without_a_page_it_is_json():
    assert is_unknown(client_of(site("/")).get("/embeddings"))
