"""The chat endpoints: the answers to each kind of request, and the refusals."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pytest
from flask import abort, request

from flask_llmstream import (
    CallableProvider,
    CompletionRequest,
    Counter,
    LLMStream,
    Provider,
    ProviderError,
    ServerSentEvent,
    Usage,
)
from flask_llmstream.testing import Pause, ScriptedProvider
from tests.support.answers import Answer
from tests.support.runtimes import wait_for_worker_threads

COMPLETIONS = "/v1/chat/completions"
STREAM = "/v1/chat/stream"
HELLO = [{"role": "user", "content": "Hello"}]


class Echo(Provider):
    """Answers with the words of the request, one by one; remembers each request."""

    def __init__(self):
        self.requests = []

    def stream(self, request: CompletionRequest):
        self.requests.append(request)
        return self._answer(request.prompt or request.messages[-1]["content"])

    def _answer(self, text):
        words = text.split()
        for word in words:
            yield word + " "
        yield Usage(prompt_tokens=len(words), completion_tokens=len(words))


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def streams(echo):
    return LLMStream(providers={"echo": echo, "counter": Counter(messages=3, interval=0)})


def messages(events):
    return [json.loads(event.data)["message"] for event in events]


def asked(app, path=COMPLETIONS, **request):
    """The events of an answer."""
    request.setdefault("method", "GET" if "json" not in request else "POST")
    with Answer(app, path, **request) as answer:
        events = answer.all_events()
    assert answer.status == 200, answer.status
    return events


# A prompt.


def test_a_posted_prompt_is_answered_delta_by_delta(app):
    assert messages(asked(app, json={"prompt": "Hello you"})) == ["Hello ", "you ", ""]


def test_the_end_brings_the_usage(app):
    last = json.loads(asked(app, json={"prompt": "Hello you"})[-1].data)
    usage = {"prompt_tokens": 2, "completion_tokens": 2, "finish_reason": "stop"}
    assert last == {"ended": True, "message": "", "reason": "complete", "usage": usage}


def test_a_prompt_can_be_asked_by_an_event_source(app):
    assert messages(asked(app, f"{STREAM}?prompt=Hello+you")) == ["Hello ", "you ", ""]


def test_the_first_model_is_the_default(app, echo):
    asked(app, json={"prompt": "Hello"})
    assert echo.requests[0].model == "echo"


def test_another_model_can_be_named(app, echo):
    assert messages(asked(app, json={"prompt": "Hello", "model": "counter"}))[:3] == list("012")
    assert messages(asked(app, f"{STREAM}?prompt=Hello&model=counter"))[:3] == list("012")
    assert echo.requests == []


def test_the_models_options_reach_it(app, echo):
    asked(app, json={"prompt": "Hello", "temperature": 0.5, "max_tokens": 7, "stop": ["."]})
    asked(app, f"{STREAM}?prompt=Hello&temperature=0.5&max_tokens=7")
    assert echo.requests[0].options == {"temperature": 0.5, "max_tokens": 7, "stop": ["."]}
    assert echo.requests[1].options == {"temperature": 0.5, "max_tokens": 7}


def test_a_text_in_any_language_arrives_as_it_is(app):
    prompt = "你好 🚀 \u2028 naïve"
    assert "".join(messages(asked(app, json={"prompt": prompt}))).split() == prompt.split()


@pytest.mark.parametrize("body", [b"", b"{}", b" \r\n", b'{"prompt": null}'])
def test_who_asks_nothing_gets_the_counter(app, body):
    events = asked(app, method="POST", data=body, content_type="application/json")
    assert messages(events) == ["0", "1", "2", ""]


def test_who_posts_no_body_at_all_gets_the_counter(app):
    assert messages(asked(app, method="POST")) == ["0", "1", "2", ""]


def test_an_event_source_that_asks_nothing_gets_the_counter(app):
    assert messages(asked(app, STREAM)) == ["0", "1", "2", ""]


def test_json_may_say_what_kind_it_is(app):
    kind = "application/vnd.site+json; charset=utf-8"
    events = asked(app, method="POST", data=b'{"prompt": "Hello"}', content_type=kind)
    assert messages(events) == ["Hello ", ""]


@pytest.mark.parametrize("path", [f"{COMPLETIONS}?format=text", f"{COMPLETIONS}?format=ndjson"])
def test_the_query_chooses_the_format(app, path):
    with Answer(app, path, method="POST", json={"prompt": "Hello"}) as answer:
        everything = answer.rest()
    if "ndjson" in path:
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        assert json.loads(everything.splitlines()[0]) == {"ended": False, "message": "Hello "}
    else:
        assert b"data: Hello \n\n" in everything


def test_an_event_source_chooses_its_format_too(app):
    assert asked(app, f"{STREAM}?prompt=Hello&format=text")[0].data == "Hello "


# OpenAI's form.


def test_messages_are_answered_whole_unless_a_stream_is_asked_for(app):
    with Answer(app, COMPLETIONS, method="POST", json={"messages": HELLO}) as answer:
        completion = answer.json
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert completion["object"] == "chat.completion"
    assert completion["model"] == "echo"
    (choice,) = completion["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello ", "refusal": None}
    assert choice["finish_reason"] == "stop"
    assert completion["usage"]["total_tokens"] == 2


def test_messages_are_streamed_in_chunks(app):
    chunks = asked(app, json={"messages": HELLO, "stream": True})
    assert chunks[-1].data == "[DONE]"
    told = [json.loads(chunk.data) for chunk in chunks[:-1]]
    assert {chunk["object"] for chunk in told} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in told}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    role = {"role": "assistant", "content": "", "refusal": None}
    assert deltas == [role, {"content": "Hello "}, {}]
    assert told[-1]["choices"][0]["finish_reason"] == "stop"


def test_the_usage_of_a_stream_comes_where_it_is_asked_for(app):
    options = {"include_usage": True}
    chunks = asked(app, json={"messages": HELLO, "stream": True, "stream_options": options})
    usage = json.loads(chunks[-2].data)
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 2


def test_a_prompt_can_be_answered_in_chunks(app):
    chunks = asked(app, f"{COMPLETIONS}?format=openai", json={"prompt": "Hello"})
    assert chunks[-1].data == "[DONE]"


def test_messages_can_be_answered_in_another_format(app):
    path = f"{COMPLETIONS}?format=message"
    assert messages(asked(app, path, json={"messages": HELLO, "stream": True})) == ["Hello ", ""]


class Failing(Provider):
    def __init__(self, *before, error):
        self._before = before
        self._error = error

    def stream(self, request):
        yield from self._before
        raise self._error


@pytest.fixture
def ask_failing(make_app):
    """Ask a model that gives some deltas and fails."""

    def ask(*before, error, **question):
        app = make_app(LLMStream(providers={"failing": Failing(*before, error=error)}))
        with Answer(app, COMPLETIONS, method="POST", json=question) as answer:
            answer.everything = answer.rest()
        return answer

    return ask


@pytest.mark.parametrize(
    "question",
    [{"prompt": "Hello"}, {"messages": HELLO}, {"messages": HELLO, "stream": True}],
    ids=["prompt", "whole", "chunks"],
)
def test_a_model_that_fails_at_once_has_its_true_status(place, ask_failing, question):
    error = ProviderError("Too much.", status=429, code="busy", retry_after=7)
    answer = ask_failing(error=error, **question)
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "7"
    assert json.loads(answer.everything)["error"]["code"] == "busy"


def test_a_whole_answer_that_fails_late_still_has_its_true_status(place, ask_failing):
    answer = ask_failing("one", error=ProviderError("Cut short."), messages=HELLO)
    assert answer.status == 502


def test_a_stream_that_fails_late_says_so_in_its_format(place, ask_failing):
    error = ProviderError("Cut short.", code="cut")
    answer = ask_failing("one", error=error, messages=HELLO, stream=True)
    assert answer.status == 200
    assert b'"code":"cut"' in answer.everything
    answer = ask_failing("one", error=error, prompt="Hello")
    assert b"event: error\n" in answer.everything


def test_a_model_may_tell_of_something_that_is_no_text(place, make_app):
    loading = ServerSentEvent({"percent": 50}, event="loading")
    model = CallableProvider(lambda request: iter([loading, "Hello"]))
    app = make_app(LLMStream(providers={"model": model}))
    first, second, end = asked(app, json={"prompt": "Hello"})
    assert (first.event, json.loads(first.data)) == ("loading", {"percent": 50})
    assert messages([second]) == ["Hello"]
    chunks = asked(app, json={"messages": HELLO, "stream": True})
    assert "percent" not in "".join(chunk.data for chunk in chunks)


# Refusals.


@pytest.mark.parametrize(
    "body, field",
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "x" * 100_001}, "prompt"),
        ({"prompt": "a", "messages": HELLO}, "prompt"),
        ({"model": "echo"}, "prompt"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x" * 100_001}]}, "messages"),
        ({"prompt": "a", "temperature": "hot"}, "temperature"),
        ({"prompt": "a", "max_tokens": 1.5}, "max_tokens"),
        ({"prompt": "a", "stream": "yes"}, "stream"),
        ({"prompt": "a", "stream": False}, "stream"),
        ({"prompt": "a", "stop": 7}, "stop"),
        ({"prompt": "a", "n": 2}, "n"),
        ({"prompt": "a", "model": 7}, "model"),
        ({"promt": "b"}, "messages"),
        ({"prompt": "a", "previous_response_id": "b"}, "previous_response_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_field_is_400_and_named(app, echo, body, field):
    with Answer(app, COMPLETIONS, method="POST", json=body) as answer:
        error = answer.json["error"]
    assert answer.status == 400
    assert error["code"] == "invalid_request"
    assert error["field"] == field
    assert error["message"].startswith(f"{field}: ")
    assert len(error["id"]) == 32
    assert echo.requests == []


@pytest.mark.parametrize(
    "query, field",
    [
        ("prompt=", "prompt"),
        ("model=echo", "prompt"),
        ("prompt=a&temperature=hot", "temperature"),
        ("prompt=a&temperature=nan", "temperature"),
        ("prompt=a&max_tokens=1.5", "max_tokens"),
        ("prompt=a&stream=yes", "stream"),
        ("prompt=a&messages=b", "messages"),
        ("promt=b", "messages"),
        ("prompt=a&thread_id=b", "thread_id"),
        ("prompt=a&format=xml", "format"),
    ],
)
def test_a_wrong_part_of_a_query_is_400_and_named(app, echo, query, field):
    with Answer(app, f"{STREAM}?{query}") as answer:
        error = answer.json["error"]
    assert answer.status == 400
    assert error["field"] == field
    assert echo.requests == []


QUESTION = {"prompt": "Hello", "model": "no-such-model"}


@pytest.mark.parametrize(
    "path, request_",
    [(COMPLETIONS, {"method": "POST", "json": QUESTION}), (STREAM, {"query_string": QUESTION})],
    ids=["completions", "stream"],
)
def test_an_unknown_model_is_404_and_named(app, path, request_):
    with Answer(app, path, **request_) as answer:
        error = answer.json["error"]
    assert answer.status == 404
    assert (error["code"], error["field"]) == ("unknown_model", "model")
    assert "no-such-model" in error["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"prompt=Hello", b"[]", b'"text"', b"null", b"\xff{}", b"[" * 100_000]
)
def test_a_body_that_is_no_object_is_400(app, body):
    request = {"method": "POST", "data": body, "content_type": "application/json"}
    with Answer(app, COMPLETIONS, **request) as answer:
        error = answer.json["error"]
    assert answer.status == 400
    assert error["code"] == "invalid_request"
    assert "field" not in error


@pytest.mark.parametrize("depth", [300, 900, 950, 960, 970, 980, 990, 1000, 5000])
def test_a_message_however_deep_is_answered_or_refused(app, depth):
    content = "[" * depth + "]" * depth
    body = '{"messages": [{"role": "user", "content": %s}], "model": "counter"}' % content
    request = {"method": "POST", "data": body, "content_type": "application/json"}
    with Answer(app, COMPLETIONS, **request) as answer:
        answer.rest()
    assert answer.status in (200, 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_does_not_say_it_is_json_is_415(app, kind):
    request = {"method": "POST", "data": b'{"prompt": "Hello"}', "content_type": kind}
    with Answer(app, COMPLETIONS, **request) as answer:
        error = answer.json["error"]
    assert answer.status == 415
    assert error["code"] == "unsupported_media_type"
    assert "application/json" in error["message"]


def test_so_is_a_form_that_a_guard_has_read(app):
    app.before_request(lambda: request.form.get("csrf_token"))
    assert app.test_client().post(COMPLETIONS, data={"prompt": "Hello"}).status_code == 415


def test_a_body_over_the_limit_is_413(make_app):
    app = make_app(LLMSTREAM_MAX_BODY_BYTES=100)
    with Answer(app, COMPLETIONS, method="POST", json={"prompt": "x" * 100}) as answer:
        error = answer.json["error"]
    assert answer.status == 413
    assert error["code"] == "request_too_large"
    assert "100 bytes" in error["message"]


class Unread:
    """A body that must not be read."""

    def read(self, *size):
        raise AssertionError("it was asked for")

    readline = readlines = __iter__ = read


def test_a_body_that_says_it_is_far_over_the_limit_is_not_even_read(app):
    environ = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(10**12)}
    kind = "application/json"
    with Answer(app, COMPLETIONS, environ, method="POST", content_type=kind) as answer:
        answer.rest()
    assert answer.status == 413


def test_a_body_over_the_limit_that_does_not_say_so_is_413(make_app):
    app = make_app(LLMSTREAM_MAX_BODY_BYTES=100)
    request = {"method": "POST", "data": b'{"prompt": "%s"}' % (b"x" * 100)}
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    with Answer(app, COMPLETIONS, chunked, content_type="application/json", **request) as answer:
        answer.rest()
    assert answer.status == 413


def test_a_body_within_the_limit_may_come_in_chunks(make_app):
    app = make_app(LLMSTREAM_MAX_BODY_BYTES=100)
    request = {"method": "POST", "data": b'{"prompt": "Hello"}'}
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    with Answer(app, COMPLETIONS, chunked, content_type="application/json", **request) as answer:
        assert b"Hello" in answer.rest()


def test_the_longest_prompt_is_configured(make_app):
    app = make_app(LLMSTREAM_MAX_PROMPT_CHARS=5)
    assert messages(asked(app, json={"prompt": "Hello"})) == ["Hello ", ""]
    with Answer(app, COMPLETIONS, method="POST", json={"prompt": "Hello!"}) as answer:
        assert "limit of 5" in answer.json["error"]["message"]
    assert answer.status == 400


@pytest.mark.parametrize(
    "method, path",
    [("GET", COMPLETIONS), ("PUT", COMPLETIONS), ("POST", STREAM), ("DELETE", STREAM),
     ("POST", "/v1/models"), ("POST", "/v1/llmstream.js")],
)  # fmt: skip
def test_a_wrong_method_is_405(client, method, path):
    assert client.open(path, method=method).status_code == 405


def test_a_model_that_refuses_before_it_begins_says_when_to_come_back(make_app):
    class Refusing(Provider):
        def stream(self, request):
            raise ProviderError("Not now.", status=503, retry_after=7)

    app = make_app(LLMStream(providers={"refusing": Refusing()}))
    with Answer(app, COMPLETIONS, method="POST", json={"prompt": "Hello"}) as answer:
        assert answer.json["error"]["message"] == "Not now."
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "7"


# Requests that start nothing.


class Untouched(Provider):
    """A model whose ``stream`` is called, and whose deltas must not be begun."""

    ran = False

    def stream(self, request):
        self.ran = True
        yield "never"


def test_head_starts_nothing(make_app):
    model = Untouched()
    app = make_app(LLMStream(providers={"model": model}))
    with Answer(app, f"{STREAM}?prompt=Hello", method="HEAD") as answer:
        assert answer.rest() == b""
    assert answer.status == 200
    assert not model.ran


def test_who_comes_back_behind_the_end_costs_nothing(make_app):
    model = Untouched()
    app = make_app(LLMStream(providers={"model": model}))
    headers = {"Last-Event-ID": "0" * 32 + ":ended"}
    client = app.test_client()
    assert client.get(f"{STREAM}?prompt=Hello", headers=headers).status_code == 204
    assert not model.ran


def test_openai_s_chunks_have_the_id_of_the_end_for_an_event_source_alone(client):
    got = client.get(f"{STREAM}?prompt=Hello&format=openai").data
    assert re.findall(rb"^id: [0-9a-f]{32}:(\w+)$", got, re.MULTILINE) == [b"0", b"ended"]
    posted = client.post(f"{COMPLETIONS}?format=openai", json={"prompt": "Hello"}).data
    assert re.findall(rb"^id: [0-9a-f]{32}:(\w+)$", posted, re.MULTILINE) == [b"0"]


@pytest.mark.parametrize("ended, status", [("ended", 204), ("0", 410)])
def test_a_polyfill_comes_back_with_its_id_in_the_query(make_app, ended, status):
    model = Untouched()
    app = make_app(LLMStream(providers={"model": model}))
    query = {"prompt": "Hello", "lastEventId": f"{'0' * 32}:{ended}"}
    assert app.test_client().get(STREAM, query_string=query).status_code == status
    assert not model.ran


@pytest.mark.parametrize("ended, status", [("ended", 204), ("0", 410)])
def test_an_answer_to_who_comes_back_is_kept_by_no_cache(client, ended, status):
    headers = {"Last-Event-ID": f"{'0' * 32}:{ended}"}
    answer = client.get(STREAM, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"


# The other endpoints.


def test_the_models_are_listed_as_openai_lists_them(client):
    answer = client.get("/v1/models")
    assert answer.json["object"] == "list"
    assert [model["id"] for model in answer.json["data"]] == ["echo", "counter"]
    assert {model["object"] for model in answer.json["data"]} == {"model"}


def test_the_browsers_client_is_served_as_a_module(client):
    answer = client.get("/v1/llmstream.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert b"export" in answer.data
    answer.close()


# Several blueprints.


@pytest.fixture
def mount(app, streams):
    """Mount one more set of chat endpoints at ``/mine``."""

    def mount(guard=None, **settings):
        blueprint = streams.blueprint("mine", **settings)
        if guard is not None:
            blueprint.before_request(guard)
        app.register_blueprint(blueprint, url_prefix="/mine")
        return app

    return mount


MINE = "/mine/chat/completions"


def test_each_has_its_own_models(mount):
    app = mount(providers={"ada": Counter(1, 0)})
    assert messages(asked(app, MINE, json={"prompt": "Hello"})) == ["0", ""]
    assert messages(asked(app, json={"prompt": "Hello"})) == ["Hello ", ""]


def test_one_without_models_of_its_own_has_the_objects(mount):
    assert messages(asked(mount(), MINE, json={"prompt": "Hello"})) == ["Hello ", ""]


def test_each_has_its_own_guards(mount):
    app = mount(guard=lambda: abort(403))
    client = app.test_client()
    for path in (MINE, "/mine/models", "/mine/llmstream.js"):
        assert client.open(path, method="POST" if path is MINE else "GET").status_code == 403
    assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize("read", ["get_json", "get_data"])
def test_a_guard_may_read_the_body(mount, read):
    app = mount(guard=lambda: getattr(request, read)() and None)
    assert messages(asked(app, MINE, json={"prompt": "Hello"})) == ["Hello ", ""]


def test_each_decides_of_its_own_what_becomes_of_a_field_that_is_not_known(mount, echo):
    app = mount(unknown_fields="refuse")
    client = app.test_client()
    question = {"prompt": "Hello", "sampler": "greedy"}
    error = client.post(MINE, json=question).json["error"]
    assert error["message"] == "sampler: there is no such field"
    asked(app, json=question)
    assert echo.requests[0].options == {"sampler": "greedy"}


def test_each_has_its_own_limits(mount):
    app = mount(max_prompt_chars=3, max_body_bytes=50)
    client = app.test_client()
    assert client.post(MINE, json={"prompt": "Hello"}).status_code == 400
    assert client.post(MINE, json={"prompt": "x" * 100}).status_code == 413
    assert messages(asked(app, json={"prompt": "x" * 100})) == ["x" * 100 + " ", ""]


def test_each_has_its_own_cap_on_tokens(mount, echo):
    app = mount(max_tokens=3)
    for path in (MINE, COMPLETIONS):
        asked(app, path, json={"prompt": "Hello", "max_tokens": 50})
    caps = [(request.options, request.max_tokens) for request in echo.requests]
    assert caps == [({"max_tokens": 3}, 3), ({"max_tokens": 50}, None)]


def test_each_can_have_slots_of_its_own(mount):
    pause = Pause()
    app = mount(max_streams=1, providers={"slow": ScriptedProvider(pause, "late")}, chat_hold=0)
    question = {"method": "POST", "json": {"prompt": "Hello"}}
    with Answer(app, MINE, **question) as first, Answer(app, MINE, **question) as second:
        first.block()
        second.rest()
        assert second.status == 503
        assert app.extensions["llmstream"].slots.taken == 0
        assert messages(asked(app, json={"prompt": "Hello"})) == ["Hello ", ""]
        pause.end()
        first.rest()


def test_each_has_its_own_options(mount):
    app = mount(event="delta", heartbeat=0)
    with Answer(app, MINE, method="POST", json={"prompt": "Hello"}) as answer:
        everything = answer.rest()
    assert b"event: delta\n" in everything
    assert not everything.startswith(b":")


def test_a_format_of_its_own_is_what_a_prompt_gets(mount):
    app = mount(format="text")
    assert asked(app, MINE, json={"prompt": "Hello"})[0].data == "Hello "


def test_a_format_of_its_own_gives_way_to_what_the_client_asks_for(mount):
    app = mount(format="text")
    chunks = asked(app, MINE, json={"messages": HELLO, "stream": True})
    assert chunks[-1].data == "[DONE]"
    with Answer(app, f"{MINE}?format=ndjson", method="POST", json={"prompt": "Hello"}) as answer:
        answer.rest()
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_one_can_serve_two_apps_with_slots_of_their_own(make_app, streams):
    blueprint = streams.blueprint("mine", max_streams=1)
    for app in (make_app(), make_app()):
        app.register_blueprint(blueprint, url_prefix="/mine")
        assert messages(asked(app, MINE, json={"prompt": "Hello"})) == ["Hello ", ""]


def test_a_chunked_body_that_the_server_does_not_read_is_not_taken_for_an_empty_one(app):
    body = BytesIO(b'{"prompt": "Hello"}')
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    answer = app.test_client().post("/v1/chat/completions", input_stream=body, headers=headers)
    assert answer.status_code == 411
    assert answer.json["error"]["code"] == "length_required"


def test_the_log_calls_an_answer_by_its_model(app, caplog):
    caplog.set_level("INFO")
    asked(app, json={"model": "counter"})
    wait_for_worker_threads()  # the log follows the last event
    assert any("of the model counter ended (complete)" in text for text in caplog.messages)


@pytest.mark.parametrize(
    "name, cure",
    [
        ("max_stream", "did you mean 'max_streams'"),
        ("provider", "did you mean 'providers'"),
        ("heartbeats", "did you mean 'heartbeat'"),
        ("url_prefix", r"give it to app\.register_blueprint\(\)$"),
        ("guard", r"have the blueprint's before_request\(\) call it$"),
        ("x", "there are .*max_tokens"),
    ],
)
def test_a_setting_that_there_is_not_is_told_what_to_say(streams, name, cure):
    with pytest.raises(TypeError, match=f"^unknown option '{name}'; {cure}"):
        streams.blueprint("mine", **{name: 5})
