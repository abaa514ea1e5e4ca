"""One request has one ID: its stream has it, its error, its answer's header and the log."""

from __future__ import annotations

import json
import re

import pytest
from flask import abort, request

from flask_llmstream import (
    CallableProvider,
    Counter,
    LLMStream,
    Provider,
    ProviderError,
    StreamError,
    stream_finished,
)
from flask_llmstream.formats.text import TextFormat
from flask_llmstream.testing import Pause, ScriptedProvider
from tests.support.answers import Answer
from tests.support.runtimes import wait_for_worker_threads

CHAT, TEXT, STREAM = "/v1/chat/completions", "/v1/completions", "/v1/chat/stream"
HELLO = [{"role": "user", "content": "Hello"}]
ID = re.compile("[0-9a-f]{32}")


def failing(*before):
    def answer(request):
        yield from before
        raise ProviderError("Cut short.", code="cut")

    return CallableProvider(answer)


class Buggy(Provider):
    def stream(self, request):
        raise LookupError("a bug in the view")


@pytest.fixture
def streams():
    models = {"fails": failing(), "fails late": failing("one"), "buggy": Buggy()}
    return LLMStream(providers={"counter": Counter(2, 0), **models})


@pytest.fixture(autouse=True)
def all_is_logged(caplog):
    caplog.set_level("INFO")


def ask(app, path=CHAT, environ=None, **asked):
    asked.setdefault("method", "POST" if asked.keys() & {"json", "data"} else "GET")
    with Answer(app, path, environ, **asked) as answer:
        answer.everything = answer.rest()
    wait_for_worker_threads()  # the log follows the last event
    return answer


def id_of(answer):
    (told,) = answer.headers.getlist("X-Request-ID")
    assert ID.fullmatch(told)
    return told


def is_logged(caplog, request_id):
    return any(request_id in line for line in caplog.messages)


# Streams.

ANSWERS = {
    "chunks": (CHAT, {"messages": HELLO, "stream": True}),
    "whole": (CHAT, {"messages": HELLO}),
    "a prompt": (CHAT, {"prompt": "Hello"}),
    "text in chunks": (TEXT, {"prompt": "Hello", "stream": True}),
    "text whole": (TEXT, {"prompt": "Hello"}),
}
all_answers = pytest.mark.parametrize("path, body", ANSWERS.values(), ids=list(ANSWERS))


@all_answers
def test_an_answer_has_the_id_of_its_stream(app, caplog, path, body):
    summaries = []

    def heard(sender, summary):
        summaries.append(summary)

    with stream_finished.connected_to(heard, app):
        answer = ask(app, path, json=body)
    assert [summary.id for summary in summaries] == [id_of(answer)]
    assert is_logged(caplog, id_of(answer))


@all_answers
def test_openai_s_id_is_made_of_it(app, path, body):
    answer = ask(app, path, json=body)
    told = set(re.findall(rb'"id":"(.*?)"', answer.everything))
    kind = "cmpl" if path == TEXT else "chatcmpl"
    assert told == (set() if body == {"prompt": "Hello"} and path == CHAT else
                    {f"{kind}-{id_of(answer)}".encode()})  # fmt: skip


def test_the_ids_of_a_reader_who_may_come_back_are_made_of_it(app):
    answer = ask(app, STREAM)
    assert answer.everything.count(f"id: {id_of(answer)}:".encode()) == 2


@all_answers
def test_a_failure_before_the_first_byte_has_it(app, caplog, path, body):
    answer = ask(app, path, json=dict(body, model="fails"))
    error = json.loads(answer.everything)["error"]
    assert (answer.status, error["id"]) == (502, id_of(answer))
    assert is_logged(caplog, error["id"])


@all_answers
def test_a_failure_behind_it_has_it_too(app, caplog, path, body):
    answer = ask(app, path, json=dict(body, model="fails late"))
    told = re.search(rb'"code":"cut","id":"(\w+)"', answer.everything).group(1).decode()
    assert told == id_of(answer)
    assert is_logged(caplog, told)


def test_each_request_has_another(app):
    assert id_of(ask(app, json={})) != id_of(ask(app, json={}))


# Refusals.

JSON = {"content_type": "application/json"}
CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}
OTHER_SITE = {"headers": {"Sec-Fetch-Site": "cross-site", "Origin": "https://other.example"}}
REFUSALS = {
    "no JSON": ({"data": b"{", **JSON}, 400, "invalid_request", "invalid_request_error"),
    "a list": ({"data": b"[]", **JSON}, 400, "invalid_request", "invalid_request_error"),
    "a wrong field": ({"json": {"prompt": 7}}, 400, "invalid_request", "invalid_request_error"),
    "an unknown model": (
        {"json": {"model": "nobody", "prompt": "a"}}, 404, "unknown_model", "not_found_error"
    ),
    "a wrong type": (
        {"data": b"a", "content_type": "text/plain"},
        415, "unsupported_media_type", "invalid_request_error",
    ),
    "too large": (
        {"json": {"prompt": "x" * 1000}}, 413, "request_too_large", "invalid_request_error"
    ),
    "no length": (
        {"method": "POST", "environ": CHUNKED, **JSON},
        411, "length_required", "invalid_request_error",
    ),
    "another site": ({"json": {}, **OTHER_SITE}, 403, "cross_site", "permission_error"),
    "a wrong method": ({}, 405, "method_not_allowed", "invalid_request_error"),
    "an unknown path": ({"path": "/v1/nope"}, 404, "unknown_path", "not_found_error"),
    "a bug": ({"json": {"model": "buggy", "prompt": "a"}}, 500, "internal", "server_error"),
}  # fmt: skip


@pytest.mark.parametrize("asked, status, code, kind", REFUSALS.values(), ids=list(REFUSALS))
def test_a_refusal_is_json_with_the_id_that_the_log_has(
    make_app, caplog, asked, status, code, kind
):
    answer = ask(make_app(LLMSTREAM_MAX_BODY_BYTES=500), **asked)
    error = json.loads(answer.everything)["error"]
    assert (answer.status, error["code"], error["type"]) == (status, code, kind)
    assert answer.headers["Content-Type"] == "application/json"
    assert error["param"] == error.get("field")
    assert error["id"] == id_of(answer)
    assert is_logged(caplog, error["id"])


@pytest.mark.parametrize(
    "guard, code, kind",
    [
        (lambda: abort(401), "http_error", "authentication_error"),
        (lambda: abort(403, "Members only."), "http_error", "permission_error"),
        (lambda: abort(429), "http_error", "rate_limit_error"),
        (lambda: refuse(), "no_credit", "invalid_request_error"),
    ],
    ids=["401", "403", "429", "StreamError"],
)
@pytest.mark.parametrize("path", [CHAT, TEXT, STREAM, "/v1/models", "/v1/llmstream.js"])
def test_so_is_the_refusal_of_a_guard(make_app, caplog, guard, code, kind, path):
    app = make_app(LLMStream(providers={"counter": Counter(1, 0)}, guard=guard))
    asked = {"json": {"prompt": "a"}} if path.endswith("completions") else {}
    answer = ask(app, path, **asked)
    error = json.loads(answer.everything)["error"]
    assert (error["code"], error["type"], error["param"]) == (code, kind, None)
    assert error["id"] == id_of(answer)
    assert is_logged(caplog, error["id"])


def refuse():
    raise StreamError("No credit.", code="no_credit", status=402)


def test_so_is_the_refusal_of_the_application_s_own_check(app, caplog):
    app.before_request(lambda: abort(401))
    answer = ask(app, json={})
    assert json.loads(answer.everything)["error"]["id"] == id_of(answer)


def test_one_who_finds_no_slot_has_it(make_app, caplog):
    pause = Pause()
    models = {"late": ScriptedProvider(pause, "late")}
    app = make_app(LLMStream(providers=models), LLMSTREAM_MAX_STREAMS=1, LLMSTREAM_CHAT_HOLD=0)
    with Answer(app, CHAT, method="POST", json={"prompt": "a"}) as first:
        first.block()
        with Answer(app, CHAT, method="POST", json={"messages": HELLO}) as answer:
            answer.everything = answer.rest()
        pause.end()
        first.rest()
    error = json.loads(answer.everything)["error"]
    assert (answer.status, error["code"], error["id"]) == (503, "too_many_streams", id_of(answer))
    assert is_logged(caplog, error["id"])


@pytest.mark.parametrize("seen, status", [("0", 410), ("ended", 204)])
def test_a_reader_who_must_not_come_back_has_one(app, seen, status):
    last = {"Last-Event-ID": f"{'0' * 32}:{seen}"}
    answer = app.test_client().get(STREAM, headers=last)  # the linter wants a 204 to have a length
    assert answer.status_code == status
    assert id_of(answer) != "0" * 32


def test_a_handler_of_stream_errors_answers_with_it(app, caplog):
    app.register_error_handler(StreamError, lambda error: ({"house": "style"}, 418))
    answer = ask(app, json={"prompt": 7})
    assert answer.status == 418
    assert is_logged(caplog, id_of(answer))


def test_a_handler_that_fails_itself_leaves_one(app):
    app.register_error_handler(ProviderError, lambda error: refuse())
    answer = ask(app, json={"prompt": "a", "model": "fails"})
    assert json.loads(answer.everything)["error"]["id"] == id_of(answer)


# Where.


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/counter", "/v1/llmstream.js"])
def test_answers_without_a_stream_have_one(app, path):
    assert id_of(ask(app, path))


def test_the_application_s_own_views_have_none(app, streams):
    app.add_url_rule("/own", "own", lambda: streams.response(["a"]))
    assert "X-Request-ID" not in ask(app, "/own").headers
    assert "X-Request-ID" not in ask(app, "/nowhere").headers


@pytest.mark.parametrize("model", ["counter", "fails", "nobody"])
def test_the_application_s_own_header_stands(app, model):
    @app.after_request
    def tag(response):
        response.headers["X-Request-ID"] = request.headers["X-Trace"]
        return response

    answer = ask(app, json={"prompt": "a", "model": model}, headers={"X-Trace": "mine"})
    assert answer.headers.getlist("X-Request-ID") == ["mine"]


def test_a_view_that_fails_behind_its_stream_tells_the_stream_s(app, streams, caplog):
    @app.route("/own")
    def own():
        streams.response(["never read"])
        raise StreamError("Closed.", status=503)

    error = json.loads(ask(app, "/own").everything)["error"]
    assert is_logged(caplog, error["id"])


def test_of_two_streams_in_one_request_each_has_its_own(app, streams):
    formats = []

    def noted(event):
        formats.append(TextFormat(event))
        return formats[-1]

    @app.route("/own")
    def own():
        return [streams.response(["a"], format=noted) for _ in range(2)][0]

    ask(app, "/own")
    first, second = (format.stream_id for format in formats)
    assert ID.fullmatch(first) and ID.fullmatch(second) and first != second
