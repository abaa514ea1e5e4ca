"""The CORS headers that let an allowed page send requests and read the answers."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from flask import Blueprint, Flask, abort, g

from flask_llmstream import Counter, LLMStream, Provider, ProviderError
from tests.conftest import needs
from tests.support.answers import Answer

STREAM = "/v1/chat/stream?prompt=Hello"
COMPLETIONS = "/v1/chat/completions"
FRIEND, OTHER = "https://friend.example", "https://other.example"
FRIENDS_PAGE = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
OTHER_PAGE = {"Origin": OTHER, "Sec-Fetch-Site": "cross-site"}
ALL = [STREAM, COMPLETIONS, "/v1/models", "/v1/llmstream.js"]


class Failing(Provider):
    def stream(self, request):
        yield from ()
        raise ProviderError("Not now.", status=503, retry_after=7)


@pytest.fixture
def streams():
    return LLMStream(providers={"counter": Counter(3, 0), "failing": Failing()})


@pytest.fixture
def friendly(make_app):
    """An app that allows one other site, with the guards and extensions of a test."""
    return make_app(LLMSTREAM_ALLOWED_ORIGINS=[FRIEND])


def ask(app, path, headers=FRIENDS_PAGE, **request):
    if path.endswith("completions"):
        request.setdefault("json", {"prompt": "Hello", "model": "counter"})
    request.setdefault("method", "POST" if "json" in request else "GET")
    with Answer(app, path, headers=headers, **request) as answer:
        answer.rest()
    return answer


def preflight(app, path=COMPLETIONS, origin=FRIEND, method="POST", headers="content-type"):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    page = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    return ask(app, path, {**page, **asked}, method="OPTIONS", json=None)


def is_open_to(answer, origin):
    return answer.headers.getlist("Access-Control-Allow-Origin") == [origin]


def is_closed(answer):
    return not [name for name in answer.headers.keys() if name.startswith("Access-Control-")]


# Answers.


@pytest.mark.parametrize("path", ALL)
def test_an_allowed_page_can_read_the_answer(friendly, path):
    answer = ask(friendly, path)
    assert answer.status == 200
    assert is_open_to(answer, FRIEND)
    assert "Origin" in answer.headers["Vary"]


def test_it_may_ask_as_its_user_and_read_when_to_come_back(friendly):
    answer = ask(friendly, STREAM)
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == (
        "Content-Location, Retry-After, X-Request-ID, X-Stream-ID"
    )


@pytest.mark.parametrize(
    "question, status",
    [
        ({"json": {"prompt": "Hello", "model": "failing"}}, 503),
        ({"json": {"prompt": "Hello", "model": "nobody"}}, 404),
        ({"json": {"promt": "Hello"}}, 400),
        ({"data": b"Hello", "method": "POST", "json": None}, 415),
    ],
)
def test_it_can_read_what_went_wrong(friendly, question, status):
    answer = ask(friendly, COMPLETIONS, **question)
    assert answer.status == status
    assert is_open_to(answer, FRIEND)
    assert ", ".join(answer.headers.getlist("Vary")).count("Origin") == 1


def test_it_can_read_that_it_asked_for_something_else(friendly):
    answer = ask(friendly, STREAM, {**FRIENDS_PAGE, "Accept": "image/*"})
    assert answer.status == 403
    assert is_open_to(answer, FRIEND)


def test_it_can_read_that_it_came_back_behind_the_end(friendly):
    seen = {"Last-Event-ID": "0" * 32 + ":ended"}
    answer = friendly.test_client().get(STREAM, headers={**FRIENDS_PAGE, **seen})
    assert answer.status_code == 204
    assert is_open_to(answer, FRIEND)


def test_it_can_read_what_a_guard_said(friendly):
    friendly.before_request(lambda: abort(401))
    answer = ask(friendly, COMPLETIONS)
    assert answer.status == 401
    assert is_open_to(answer, FRIEND)


def test_it_can_read_of_a_bug(friendly):
    friendly.before_request(lambda: 1 // 0)
    answer = ask(friendly, COMPLETIONS)
    assert answer.status == 500
    assert is_open_to(answer, FRIEND)


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("headers", [OTHER_PAGE, {}, {"Origin": "null"}])
def test_nobody_else_is_told_anything_but_that_it_depends(friendly, path, headers):
    answer = ask(friendly, path, headers)
    assert is_closed(answer)
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ALL)
def test_an_app_that_allows_nobody_says_nothing_of_it(app, path):
    answer = ask(app, path)
    assert is_closed(answer)
    assert "Vary" not in answer.headers


def test_any_page_can_read_it_where_all_are_allowed_but_never_as_its_user(make_app):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=["*"])
    for headers in (FRIENDS_PAGE, OTHER_PAGE, {"Origin": "null"}):
        for answer in (ask(app, STREAM, headers), preflight(app, origin=headers["Origin"])):
            assert is_open_to(answer, "*")
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Origin" not in answer.headers.get("Vary", "")


def test_the_application_s_other_answers_are_left_alone(friendly):
    friendly.add_url_rule("/page", "page", lambda: "a page")
    assert is_closed(ask(friendly, "/page"))


def test_a_view_of_the_application_that_refuses_others_is_open_to_the_allowed(friendly, streams):
    blueprint = Blueprint("api", __name__)
    blueprint.before_request(streams.refuse_cross_site)
    blueprint.add_url_rule("/mine", "mine", lambda: streams.response(["one"]), methods=["POST"])
    friendly.register_blueprint(blueprint)
    assert is_open_to(ask(friendly, "/mine", method="POST"), FRIEND)
    assert is_open_to(preflight(friendly, "/mine"), FRIEND)
    refused = ask(friendly, "/mine", OTHER_PAGE, method="POST")
    assert refused.status == 403 and is_closed(refused)


@pytest.fixture
def guarded():
    """An app without chat endpoints, with a page that refuses those of other sites."""
    app, streams = Flask(__name__), LLMStream()
    app.config["LLMSTREAM_ALLOWED_ORIGINS"] = [FRIEND]
    streams.init_app(app)
    app.add_url_rule("/mine", "mine", lambda: streams.refuse_cross_site() or "a page")
    return app


def test_the_first_answer_without_chat_endpoints_is_open_to_the_allowed(guarded):
    assert is_open_to(ask(guarded, "/mine"), FRIEND)


def test_the_later_ones_are_as_well_and_name_the_origin_once(guarded):
    ask(guarded, "/mine")
    answer = ask(guarded, "/mine")
    assert is_open_to(answer, FRIEND)
    assert answer.headers["Vary"] == "Origin"


def test_an_application_without_such_answers_runs_nothing_behind_its_requests(guarded):
    assert not guarded.after_request_funcs.get(None)


# Preflights.


@pytest.mark.parametrize("path", ALL)
def test_a_preflight_of_an_allowed_page_is_answered(friendly, path):
    method = "POST" if path is COMPLETIONS else "GET"
    answer = preflight(friendly, path, method=method)
    assert answer.status == 200
    assert is_open_to(answer, FRIEND)
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("asked", ["", "content-type,x-csrftoken", "X-Stainless-OS, Content-Type"])
def test_it_allows_the_headers_of_our_clients_and_those_asked_for(friendly, asked):
    answer = preflight(friendly, headers=asked)
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    wanted = [name.strip() for name in asked.lower().split(",") if name]
    ours = {"authorization", "content-type", "idempotency-key", "last-event-id"}
    assert {*ours, *wanted} == set(allowed)
    assert len(set(allowed)) == len(allowed)


@pytest.mark.parametrize("everywhere", [True, False], ids=["app", "blueprint"])
def test_it_is_answered_whatever_a_guard_says_as_it_brings_no_cookie(
    friendly, streams, everywhere
):
    blueprint = streams.blueprint("mine")
    guarded = friendly if everywhere else blueprint
    guarded.before_request(lambda: abort(401))
    friendly.register_blueprint(blueprint, url_prefix="/mine")
    answer = preflight(friendly, "/mine/chat/completions")
    assert answer.status == 200
    assert is_open_to(answer, FRIEND)


def test_the_application_s_own_functions_run_round_it(friendly):
    friendly.before_request(lambda: setattr(g, "mark", "seen"))

    @friendly.after_request
    def tell(response):
        response.headers["X-Mark"] = g.mark
        return response

    answer = preflight(friendly)
    assert (answer.status, answer.headers["X-Mark"]) == (200, "seen")
    assert is_open_to(answer, FRIEND)


@pytest.mark.parametrize("path", [STREAM, COMPLETIONS])
def test_a_preflight_of_another_page_is_refused(friendly, path):
    answer = preflight(friendly, path, origin=OTHER)
    assert answer.status == 403
    assert is_closed(answer)


def test_options_without_a_page_are_told_as_ever(friendly):
    answer = ask(friendly, COMPLETIONS, {}, method="OPTIONS", json=None)
    assert answer.status == 200
    assert "POST" in answer.headers["Allow"]
    assert is_closed(answer)


def test_it_needs_nothing_of_flask_s_own_for_options(make_app):
    app = make_app(LLMSTREAM_ALLOWED_ORIGINS=[FRIEND], PROVIDE_AUTOMATIC_OPTIONS=False)
    assert is_open_to(preflight(app), FRIEND)


# Apps in which other code sends these headers.


@pytest.fixture(params=["before", "behind"])
def make_with(request, make_app, streams):
    """Make an app in which other code sends CORS headers, set up before or after our extension."""

    def make(set_up, allowed=(FRIEND,)):
        class Before(LLMStream):
            def init_app(self, app):
                set_up(app)
                super().init_app(app)

        if request.param == "before":
            extension = Before(providers={"counter": Counter(3, 0), "failing": Failing()})
            return make_app(extension, LLMSTREAM_ALLOWED_ORIGINS=list(allowed))
        app = make_app(LLMSTREAM_ALLOWED_ORIGINS=list(allowed))
        set_up(app)
        return app

    return make


def by_hand(app):
    @app.after_request
    def add(response):
        response.headers.add("Access-Control-Allow-Origin", "*")
        return response


def test_an_application_s_own_header_goes_before(make_with):
    app = make_with(by_hand)
    for answer in (ask(app, STREAM), ask(app, COMPLETIONS), preflight(app)):
        assert is_open_to(answer, "*")
        assert "Access-Control-Allow-Credentials" not in answer.headers


class TestFlaskCORS:
    @pytest.fixture(autouse=True)
    def flask_cors(self):
        needs("Flask-CORS", find_spec("flask_cors"))

    def with_cors(self, make_with, allowed=(FRIEND,), **options):
        from flask_cors import CORS

        return make_with(lambda app: CORS(app, **options), allowed)

    def test_it_sends_its_own(self, make_with):
        app = self.with_cors(make_with, expose_headers=["X-Theirs"], max_age=7)
        failing = {"prompt": "Hello", "model": "failing"}
        answers = [ask(app, path) for path in ALL]
        for answer in [*answers, ask(app, COMPLETIONS, json=failing), preflight(app)]:
            assert is_open_to(answer, FRIEND)
            assert answer.headers["Access-Control-Expose-Headers"] == "X-Theirs"
            assert "Access-Control-Allow-Credentials" not in answer.headers
        assert preflight(app).headers["Access-Control-Max-Age"] == "7"

    def test_who_may_ask_is_not_its_to_say(self, make_with):
        app = self.with_cors(make_with)
        for answer in (ask(app, COMPLETIONS, OTHER_PAGE), ask(app, STREAM, OTHER_PAGE)):
            assert answer.status == 403
            assert is_open_to(answer, OTHER)

    def test_where_it_says_nothing_we_do(self, make_with):
        app = self.with_cors(make_with, resources={"/api/*": {}})
        for answer in (ask(app, STREAM), ask(app, COMPLETIONS), preflight(app)):
            assert is_open_to(answer, FRIEND)
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"

    def test_whom_it_does_not_know_we_may(self, make_with):
        app = self.with_cors(make_with, origins=[OTHER, "https://third.example"])
        for answer in (ask(app, STREAM), ask(app, COMPLETIONS), preflight(app)):
            assert is_open_to(answer, FRIEND)

    def test_it_goes_before_where_a_guard_lets_no_preflight_pass(self, make_with):
        app = self.with_cors(make_with, max_age=7)
        app.before_request(lambda: abort(401))
        answer = preflight(app)
        assert answer.status == 200
        assert is_open_to(answer, FRIEND)
        assert answer.headers["Access-Control-Max-Age"] == "7"

    def test_a_blueprint_s_own_goes_before_too(self, app, streams):
        from flask_cors import CORS

        blueprint = streams.blueprint("mine", allowed_origins=[FRIEND])
        CORS(blueprint, max_age=7)
        app.register_blueprint(blueprint, url_prefix="/mine")
        answer = preflight(app, "/mine/chat/completions")
        assert is_open_to(answer, FRIEND)
        assert answer.headers["Access-Control-Max-Age"] == "7"
