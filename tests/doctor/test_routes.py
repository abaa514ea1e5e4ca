"""The routes for ``doctor --url``: they exist only for requests that carry the token."""

from __future__ import annotations

import threading

import pytest
from flask import Flask, request

from flask_llmstream import Counter, LLMStream
from flask_llmstream.doctor.routes import TOKEN_HEADER
from tests.support.answers import Answer
from tests.support.runtimes import HANG_GUARD

TOKEN = "a secret of the doctor"
ID = "0123456789abcdef" * 2
ROUTES = ["/v1/doctor", f"/v1/doctor/silence?seconds=0.01&id={ID}", f"/v1/doctor/streams/{ID}"]
WITH_TOKEN = {TOKEN_HEADER: TOKEN}


@pytest.fixture
def app(make_app):
    return make_app(LLMSTREAM_DOCTOR_TOKEN=TOKEN)


@pytest.fixture
def ask(client):
    """Send a request with the token."""
    return lambda path: client.get(path, headers=WITH_TOKEN)


@pytest.fixture
def listen(app):
    """Open a stream that is silent for this number of seconds."""

    def listen(seconds, stream_id=ID, app=app):
        path = f"/v1/doctor/silence?seconds={seconds}&id={stream_id}"
        return Answer(app, path, headers=WITH_TOKEN)

    return listen


def fate_of(ask, stream_id=ID):
    said = ask(f"/v1/doctor/streams/{stream_id}").get_json()
    assert said.pop("process")
    return said


def closed(ask):
    """How a stream ended. The producer ends a moment after the stream."""
    pause = threading.Event()
    for _ in range(int(HANG_GUARD / 0.05)):
        fate = fate_of(ask)
        if fate["state"] == "closed":
            return fate
        pause.wait(0.05)
    raise AssertionError("the stream has not ended")


@pytest.mark.parametrize("path", ROUTES)
def test_without_a_token_of_the_app_s_there_are_none(make_app, path):
    app = make_app()
    assert "doctor" not in str(app.url_map)
    assert app.test_client().get(path, headers=WITH_TOKEN).status_code == 404


# Requests without the token.

NOWHERE = "/v1/nothing"
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]
WITHOUT = [{}, {TOKEN_HEADER: ""}, {TOKEN_HEADER: "a guess"}, {TOKEN_HEADER: TOKEN[:-1]}]
PLACES_OF_THEM = [*ROUTES, "/v1/doctor/", "/v1//doctor", "/v1/doctor/streams/", "/v1/doctor/x"]


def page(app):
    """Nothing more than there is."""


def catch_all(app):
    app.add_url_rule("/<path:page>", "page", lambda page: "The page of an SPA.")


def own_404(app):
    app.register_error_handler(404, lambda error: ("Nothing here.", 404, {"X-Own": "yes"}))


def guard(app):
    app.before_request(lambda: None if request.url_rule is None else ("Log in first.", 401))


def guard_of_the_endpoints(app):
    blueprint = LLMStream().blueprint("guarded")
    blueprint.before_request(lambda: ("Log in first.", 401))
    app.register_blueprint(blueprint, url_prefix="/v1")


def any_slash(app):
    app.url_map.strict_slashes = False


SITES = [page, catch_all, own_404, guard, guard_of_the_endpoints, any_slash]


def all_but_its_own(answer, path):
    """The headers and the body of an answer, without the path and the ID of the request."""
    request_id = answer.headers.pop("X-Request-ID", "no ID")
    answer.headers.pop("Content-Length", None)  # the path is told
    told = answer.get_data(as_text=True).replace(path.partition("?")[0], "").replace(request_id, "")
    return list(answer.headers), told


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.__name__)
@pytest.mark.parametrize("path", PLACES_OF_THEM)
def test_who_brings_no_token_finds_what_is_nowhere(app, site, path):
    site(app)
    client = app.test_client()
    for method in METHODS:
        for headers in WITHOUT:
            here = client.open(path, method=method, headers=headers)
            nowhere = client.open(NOWHERE, method=method, headers=headers)
            assert here.status == nowhere.status
            assert all_but_its_own(here, path) == all_but_its_own(nowhere, NOWHERE)


# Requests with the token.


@pytest.mark.parametrize("path", ROUTES)
def test_who_brings_the_token_is_answered_and_no_cache_keeps_it(ask, path):
    answer = ask(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].startswith("no-")
    answer.close()


@pytest.mark.parametrize("path", ROUTES)
def test_nor_is_a_catch_all_before_them(app, ask, path):
    catch_all(app)
    with ask(path) as answer:
        assert b"SPA" not in answer.data


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_they_are_read_and_nothing_else(client, method):
    assert client.open("/v1/doctor", method=method, headers=WITH_TOKEN).status_code == 404


def test_other_mounts_of_the_endpoints_have_them_too(streams):
    app = Flask("a_site")
    app.config.update(LLMSTREAM_DOCTOR_TOKEN=TOKEN, LLMSTREAM_URL_PREFIX=None)
    streams.init_app(app)
    app.register_blueprint(streams.blueprint("ai"), url_prefix="/ai")
    assert app.test_client().get("/ai/doctor", headers=WITH_TOKEN).status_code == 200


def test_it_tells_the_heartbeat_and_what_it_finds(ask):
    said = ask("/v1/doctor").get_json()
    assert said["heartbeat"] == 15
    checks = {finding["check"] for finding in said["findings"]}
    assert {"worker", "compression", "heartbeat", "liveness"} <= checks


def test_the_silence_is_two_tokens_without_a_heartbeat_between_them(listen):
    with listen(0.01) as answer:
        sent = answer.rest()
    assert sent.count(b'event: message\ndata: {"ended":false') == 2
    assert sent.count(b'{"ended":true') == 1
    assert not any(line.startswith(b":") for line in sent.splitlines())


def test_the_app_s_own_options_leave_it_alone(make_app, listen):
    told = []
    app = make_app(
        LLMSTREAM_DOCTOR_TOKEN=TOKEN,
        LLMSTREAM_TOTAL_TIMEOUT=0.001,
        LLMSTREAM_IDLE_TIMEOUT=0.001,
        LLMSTREAM_MAX_LIFETIME=0.001,
        LLMSTREAM_FORMAT="ndjson",
        LLMSTREAM_ON_FINISH=told.append,
    )
    with listen(0.01, app=app) as answer:
        assert '"reason":"complete"' in answer.all_events()[-1].data
    assert told == []


@pytest.mark.parametrize(
    "query, field",
    [
        (f"seconds=601&id={ID}", "seconds"),
        (f"seconds=0&id={ID}", "seconds"),
        (f"seconds=-1&id={ID}", "seconds"),
        (f"seconds=nan&id={ID}", "seconds"),
        (f"seconds=long&id={ID}", "seconds"),
        (f"id={ID}", "seconds"),
        ("seconds=1&id=mine", "id"),
        (f"seconds=1&id={ID}0", "id"),
        ("seconds=1", "id"),
    ],
)
def test_a_silence_that_can_t_be_is_refused_by_its_field(ask, query, field):
    refused = ask(f"/v1/doctor/silence?{query}")
    assert refused.status_code == 400
    assert refused.get_json()["error"]["message"].startswith(f"{field}: ")


def test_a_stream_that_nobody_opened_is_unknown(ask):
    assert fate_of(ask) == {"state": "unknown"}


def test_a_stream_that_came_to_its_end_is_closed_and_complete(listen, ask):
    with listen(0.01) as answer:
        answer.rest()
    fate = closed(ask)
    assert fate["reason"] == "complete" and fate["seconds"] >= 0.01


def test_a_stream_whose_reader_left_is_closed_and_says_after_how_long(listen, ask):
    with listen(600) as answer:
        answer.block()
        assert fate_of(ask) == {"state": "open"}
    fate = closed(ask)
    assert fate["reason"] == "disconnect" and 0 < fate["seconds"] < 600


def test_a_silent_stream_takes_a_slot_like_any_other(make_app, listen):
    app = make_app(LLMSTREAM_DOCTOR_TOKEN=TOKEN, LLMSTREAM_MAX_STREAMS=1)
    with listen(600, app=app) as first, listen(600, app=app) as second:
        first.block()
        second.block()
        assert (first.status, second.status) == (200, 503)


def test_only_so_many_streams_are_remembered(listen, ask):
    ids = [f"{number:032x}" for number in range(101)]
    for stream_id in ids:
        listen(600, stream_id).close()
    assert fate_of(ask, ids[0]) == {"state": "unknown"}
    assert fate_of(ask, ids[1]) == {"state": "open"}


def test_a_guard_of_the_site_stands_before_them(make_app):
    app = make_app(LLMSTREAM_DOCTOR_TOKEN=TOKEN)
    app.before_request(lambda: ("Log in first.", 401))
    assert app.test_client().get("/v1/doctor", headers=WITH_TOKEN).status_code == 401


def test_a_counter_of_one_s_own_changes_nothing_of_it(listen):
    app = Flask("a_site")
    app.config["LLMSTREAM_DOCTOR_TOKEN"] = TOKEN
    LLMStream(app, providers={"counter": Counter(messages=7, interval=0)})
    with listen(0.01, app=app) as answer:
        assert len(answer.all_events()) == 3
