"""Pages of other sites can't run a model, unless they are allowed."""

from __future__ import annotations

import logging

import pytest
from flask import Blueprint, abort, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_llmstream import CallableProvider, ConfigurationError, LLMStream, RequestError

STREAM = "/v1/chat/stream?prompt=Hello"
COMPLETIONS = "/v1/chat/completions"
EVIL = "https://evil.example"
FRIEND = "https://friend.example"
STRANGE_PAGE = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL}

IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
STYLE = "text/css,*/*;q=0.1"


class Model:
    """A model that counts how often it was run."""

    def __init__(self):
        self.runs = 0

    def __call__(self, request):
        self.runs += 1
        return "dear"


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def streams(model):
    return LLMStream(providers={"model": CallableProvider(model)})


def ask(app, method="GET", path=None, **request):
    """One request to a route that runs a model; all of its answer is read."""
    if method == "POST" and "data" not in request:
        request.setdefault("json", {"prompt": "Hello"})
    path = path or (COMPLETIONS if method == "POST" else STREAM)
    answer = app.test_client(use_cookies=False).open(path, method=method, **request)
    answer.get_data()
    return answer


either = pytest.mark.parametrize("method", ["GET", "POST"])


# Pages that are refused.


@either
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_is_refused(app, model, method, site):
    answer = ask(app, method, headers={"Sec-Fetch-Site": site, "Origin": EVIL})
    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "cross_site"
    assert EVIL in answer.json["error"]["message"]
    assert "LLMSTREAM_ALLOWED_ORIGINS" in answer.json["error"]["message"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert model.runs == 0


@either
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_so_is_one_that_names_no_origin(app, model, method, site):
    assert ask(app, method, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert model.runs == 0


@either
@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:3000", "https://localhost:444"])
def test_the_origin_tells_it_where_the_browser_says_no_more(app, model, method, origin):
    assert ask(app, method, headers={"Origin": origin}).status_code == 403
    assert model.runs == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("data", [b'{"prompt": "Hello"}', b""])
def test_a_post_that_needs_no_preflight_is_refused(app, kind, data):
    answer = ask(app, "POST", data=data, content_type=kind, headers=STRANGE_PAGE)
    assert answer.status_code == 403


def test_who_comes_back_from_another_site_is_refused_too(app, model):
    headers = {**STRANGE_PAGE, "Accept": "text/event-stream", "Last-Event-ID": "7"}
    assert ask(app, headers=headers).status_code == 403
    assert model.runs == 0


def test_more_chat_endpoints_are_as_closed(app, streams, model):
    app.register_blueprint(streams.blueprint("mine"), url_prefix="/mine")
    outer = Blueprint("outer", __name__)
    if hasattr(outer, "register_blueprint"):  # Flask 2
        outer.register_blueprint(streams.blueprint("inner"), url_prefix="/inner")
        app.register_blueprint(outer, url_prefix="/outer")
        path = "/outer/inner/chat/completions"
        assert ask(app, "POST", path, headers=STRANGE_PAGE).status_code == 403
    assert ask(app, path="/mine/chat/stream?prompt=Hello", headers=STRANGE_PAGE).status_code == 403
    assert model.runs == 0


def test_it_is_refused_before_a_guard_is_asked(app, streams):
    blueprint = streams.blueprint("mine")
    blueprint.before_request(lambda: abort(401))
    app.register_blueprint(blueprint, url_prefix="/mine")
    answer = ask(app, "POST", "/mine/chat/completions", headers=STRANGE_PAGE)
    assert answer.status_code == 403


def test_the_application_s_own_functions_run_round_a_refusal(app, model):
    app.before_request(lambda: setattr(g, "mark", "seen"))

    @app.after_request
    def tell(response):
        response.headers["X-Mark"] = g.mark
        return response

    answer = ask(app, "POST", headers=STRANGE_PAGE)
    assert (answer.status_code, answer.headers["X-Mark"]) == (403, "seen")
    assert model.runs == 0


def test_a_refusal_is_the_application_s_to_answer(app):
    app.register_error_handler(RequestError, lambda error: (f"No: {error.code}", 418))
    answer = ask(app, headers=STRANGE_PAGE)
    assert (answer.status_code, answer.data) == (418, b"No: cross_site")


def test_it_is_an_http_exception_where_handlers_know_no_others(app):
    app.register_error_handler(HTTPException, lambda error: (f"HTTP {error.code}", error.code))
    assert ask(app, headers=STRANGE_PAGE).data == b"HTTP 403"


def test_a_refusal_is_logged(app, caplog):
    caplog.set_level(logging.INFO)
    ask(app, headers=STRANGE_PAGE)
    assert any("refused" in line and EVIL in line for line in caplog.messages)


def test_what_is_no_origin_is_not_repeated(app):
    answer = ask(app, headers={"Origin": "https://evil.example/<script>\x1b[31m"})
    assert answer.status_code == 403
    assert "evil" not in answer.json["error"]["message"]


# Requests that are not refused.


@either
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},  # Referrer-Policy: no-referrer
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "none", "Origin": "chrome-extension://abcdefgh"},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Origin": "http://LOCALHOST:80"},
        {"Referer": "https://elsewhere.example/"},
        {"User-Agent": "OpenAI/Python 1.0", "Accept": "*/*"},
    ],
    ids=str,
)
def test_this_site_s_pages_and_programs_are_answered(app, model, method, headers):
    assert ask(app, method, headers=headers).status_code == 200
    assert model.runs == 1


@pytest.mark.parametrize(
    "base_url, origin",
    [
        ("http://localhost:5000", "http://localhost:5000"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("http://chat.example.org", "https://chat.example.org"),
        ("https://chat.example.org", "https://chat.example.org"),
    ],
)
def test_a_page_of_this_host_is_answered(app, base_url, origin):
    assert ask(app, "POST", base_url=base_url, headers={"Origin": origin}).status_code == 200


def test_a_client_without_a_host_is_answered(app):
    assert ask(app, environ_overrides={"HTTP_HOST": "", "SERVER_NAME": "x"}).status_code == 200


@either
@pytest.mark.parametrize("told", [{"X-Forwarded-Host": "chat.example.org"}, {}])
def test_the_host_that_a_proxy_tells_counts_where_it_is_believed(app, method, told):
    headers = {"Origin": "https://chat.example.org", **told}
    assert ask(app, method, base_url="http://10.0.0.7:8000", headers=headers).status_code == 403
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
    answer = ask(app, method, base_url="http://10.0.0.7:8000", headers=headers)
    assert answer.status_code == (200 if told else 403)


def test_a_development_server_may_stand_between(app):
    headers = {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-origin"}
    assert ask(app, "POST", base_url="http://127.0.0.1:5000", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/llmstream.js"])
def test_what_runs_no_model_is_for_all(app, path):
    answer = app.test_client().get(path, headers=STRANGE_PAGE)
    assert answer.status_code == 200
    answer.close()


# The Accept of a GET.


@pytest.mark.parametrize(
    "accept",
    ["text/event-stream", "text/event-stream, */*;q=0.1", "Text/Event-Stream;charset=utf-8",
     "application/json, text/event-stream", "*/*", ""],
)  # fmt: skip
def test_a_get_that_names_an_event_stream_or_nothing_is_answered(app, model, accept):
    assert ask(app, headers={"Accept": accept}).status_code == 200
    assert model.runs == 1


@pytest.mark.parametrize(
    "accept",
    [IMAGE, PAGE, STYLE, "image/*", "text/html", "application/json", "text/*", "*/*;q=0.5",
     "application/x-ndjson", "text/event-stream;q=0, */*", "text/event-streams"],
)  # fmt: skip
@pytest.mark.parametrize("site", [None, "same-origin", "none"])
def test_a_get_that_names_other_types_runs_nothing(app, model, accept, site):
    headers = {"Accept": accept, **({"Sec-Fetch-Site": site} if site else {})}
    answer = ask(app, headers=headers)
    assert answer.status_code == 403
    assert "Accept: text/event-stream" in answer.json["error"]["message"]
    assert model.runs == 0


@pytest.mark.parametrize("site", ["same-origin", "none"])
@pytest.mark.parametrize("element", ["video", "script", "document", "iframe", "embed", "track"])
def test_nor_does_one_of_an_element_that_names_none(app, model, element, site):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": element, "Accept": "*/*"}
    assert ask(app, headers=headers).status_code == 403
    assert model.runs == 0


def test_a_script_that_names_none_is_answered(app):
    headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}
    assert ask(app, headers=headers).status_code == 200


def test_a_get_may_name_the_type_of_the_format_that_it_asks_for(app, streams):
    app.register_blueprint(streams.blueprint("mine", format="accept"), url_prefix="/mine")
    lines = {"Accept": "application/x-ndjson"}
    assert ask(app, path=f"{STREAM}&format=ndjson", headers=lines).status_code == 200
    for accept in ("application/json", "text/plain", "application/x-ndjson"):
        path, headers = "/mine/chat/stream?prompt=Hello", {"Accept": accept}
        assert ask(app, path=path, headers=headers).status_code == 200
        assert ask(app, path=path, headers={"Accept": IMAGE}).status_code == 403


def test_a_post_may_name_what_it_likes(app):
    assert ask(app, "POST", headers={"Accept": "application/json"}).status_code == 200


# Pages that are allowed.


@either
@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_an_allowed_origin_s_page_is_answered(make_app, model, method, site):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=[FRIEND])
    headers = {"Origin": FRIEND, **({"Sec-Fetch-Site": site} if site else {})}
    assert ask(app, method, headers=headers).status_code == 200
    assert model.runs == 1


@either
def test_no_other_is_then(make_app, model, method):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=[FRIEND])
    for origin in (EVIL, "null", f"{FRIEND}.evil.example", "http://friend.example"):
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": origin}
        assert ask(app, method, headers=headers).status_code == 403
    assert ask(app, method, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert model.runs == 0


@either
def test_any_may_be_allowed(make_app, model, method):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    for headers in (STRANGE_PAGE, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert ask(app, method, headers=headers).status_code == 200
    assert model.runs == 3


@either
@pytest.mark.parametrize(
    "user", [{"Cookie": "session=somebody"}, {"Authorization": "Basic dTpw"}], ids=str
)
def test_but_none_of_them_as_its_user(make_app, model, method, user):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    answer = ask(app, method, headers={**STRANGE_PAGE, **user})
    assert answer.status_code == 403
    assert model.runs == 0


@either
def test_with_a_token_of_its_own_any_may(make_app, model, method):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    answer = ask(app, method, headers={**STRANGE_PAGE, "Authorization": "Bearer token"})
    assert answer.status_code == 200
    assert model.runs == 1


@pytest.mark.parametrize(
    "page", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}]
)
def test_this_site_s_pages_ask_as_their_user_where_any_may(make_app, page):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    answer = ask(app, headers={**page, "Cookie": "session=somebody"})
    assert answer.status_code == 200


def test_an_allowed_page_s_image_runs_nothing_all_the_same(make_app):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    assert ask(app, headers={**STRANGE_PAGE, "Accept": IMAGE}).status_code == 403


def test_each_blueprint_can_allow_others(app, streams):
    blueprint = streams.blueprint("mine", allowed_origins=[FRIEND])
    app.register_blueprint(blueprint, url_prefix="/mine")
    headers = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    assert ask(app, "POST", "/mine/chat/completions", headers=headers).status_code == 200
    assert ask(app, "POST", headers=headers).status_code == 403


@pytest.mark.parametrize("value", [FRIEND, [f"{FRIEND}/"], ["*", FRIEND], [None]], ids=repr)
def test_what_can_be_no_origin_is_told_at_once(make_app, streams, value):
    with pytest.raises(ConfigurationError, match="^LLMSTREAM_ALLOWED_ORIGINS: "):
        make_app(LLMSTREAM_ALLOWED_ORIGINS=value)
    with pytest.raises(ConfigurationError, match="^allowed_origins: "):
        streams.blueprint("mine", allowed_origins=value)


# The application's own views.


@pytest.fixture
def api(app, streams):
    """A view that streams, and one in a blueprint that refuses other sites."""
    app.add_url_rule("/open", "open", lambda: streams.response(["one"]))
    blueprint = Blueprint("api", __name__)
    blueprint.before_request(streams.refuse_cross_site)
    view = streams.view()(lambda: [request.method])
    blueprint.add_url_rule("/closed", "closed", view, methods=["GET", "POST"])
    app.register_blueprint(blueprint)
    return app


@either
def test_the_application_s_own_views_are_open_unless_they_say_otherwise(api, method):
    assert ask(api, path="/open", headers=STRANGE_PAGE).status_code == 200
    assert ask(api, method, "/closed", headers=STRANGE_PAGE).status_code == 403
    assert ask(api, method, "/closed", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert ask(api, method, "/closed").status_code == 200


def test_they_have_to_have_an_application_that_was_initialised(streams):
    from flask import Flask

    with Flask("another").test_request_context(headers=STRANGE_PAGE):
        with pytest.raises(ConfigurationError, match="init_app"):
            streams.refuse_cross_site()
