"""``OpenAICompatible`` sends requests in OpenAI's form, and yields each delta when it comes."""

from __future__ import annotations

import json
import threading

import pytest

from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.records import TOKEN_LIMITS, CompletionRequest, Usage
from tests.providers.asking import CHAT, PROMPT, ask
from tests.support.upstream import (
    HEAD,
    Upstream,
    answer,
    chat_delta,
    completion,
    events,
    nobody_listens,
    open_descriptors,
    tokens,
)


def asked(provider_options=None, request=PROMPT):
    """The exchange that a request causes."""
    with Upstream(tokens("x")) as upstream:
        ask(OpenAICompatible(upstream.url, **(provider_options or {})), request)
        return upstream.requests[0]


def test_a_prompt_goes_to_chat_completions():
    exchange = asked()
    assert (exchange.method, exchange.path) == ("POST", "/v1/chat/completions")
    assert exchange.json["messages"] == [{"role": "user", "content": "The sea is"}]
    assert "prompt" not in exchange.json


def test_messages_go_to_chat_completions():
    exchange = asked(request=CHAT)
    assert exchange.path == "/v1/chat/completions"
    assert exchange.json["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_prompt_goes_to_completions_where_asked_for():
    exchange = asked({"prompts": "completions"})
    assert exchange.path == "/v1/completions"
    assert exchange.json["prompt"] == "The sea is"
    assert "messages" not in exchange.json


def test_a_stream_with_its_usage_is_asked_for():
    body = asked().json
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_the_model_is_the_registered_name_unless_it_has_another_there():
    assert asked().json["model"] == "gemma"
    assert asked({"model": "google/gemma-3"}).json["model"] == "google/gemma-3"


@pytest.mark.parametrize("request_", [CompletionRequest(prompt="x"), CompletionRequest("", "x")])
def test_without_any_name_the_model_is_left_out(request_):
    assert "model" not in asked(request=request_).json
    assert asked({"options": {"model": "own"}}, request_).json["model"] == "own"


@pytest.mark.parametrize("member", ["model", "stream_options"])
def test_a_member_of_the_providers_own_is_left_out_by_none(member):
    body = asked({"model": "m", "options": {member: None, "seed": None, "top_k": 3}}).json
    assert member not in body and "seed" not in body
    assert (body["top_k"], body["stream"]) == (3, True)


def test_what_a_request_says_itself_counts_before_that():
    options = {"seed": 7, "temperature": None, "stream_options": None}
    request = CompletionRequest("gemma", "x", options=options)
    body = asked({"options": {"seed": None, "temperature": 0.5}}, request).json
    assert body["seed"] == 7
    assert "temperature" not in body and "stream_options" not in body


def test_the_stream_options_may_be_others():
    options = {"include_usage": True, "continuous_usage_stats": True}
    assert asked({"options": {"stream_options": options}}).json["stream_options"] == options


@pytest.mark.parametrize("off", [None, False, 0])
def test_no_option_of_the_provider_turns_streaming_off(off):
    assert asked({"options": {"stream": off}}).json["stream"] is True


@pytest.mark.parametrize(
    "own, names",
    [
        ({"max_tokens": None}, {"max_completion_tokens"}),
        ({"max_tokens": None, "n_predict": 500}, {"n_predict"}),
        ({"max_tokens": None, "max_completion_tokens": None}, {"max_output_tokens"}),
        ({"n_predict": None}, {"max_tokens"}),
        (dict.fromkeys(TOKEN_LIMITS), {"max_tokens"}),
    ],
)
def test_a_cap_is_sent_without_the_names_that_are_left_out(own, names):
    request = CompletionRequest("gemma", "Hello", options={"max_tokens": 200}, max_tokens=CAP)
    body = asked({"options": own}, request).json
    sent = {name: body[name] for name in body if "max" in name or "predict" in name}
    assert sent == dict.fromkeys(names, CAP)


CAP = 100
LIMITS = ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens"]


@pytest.mark.parametrize("wish", [{}, *({name: 80} for name in LIMITS), {"max_tokens": 10**6}])
@pytest.mark.parametrize("own", [{}, *({name: 5000} for name in LIMITS), {"n_predict": 50}])
def test_a_cap_is_sent_by_the_name_that_the_server_knows(own, wish):
    request = CompletionRequest("gemma", "Hello", options=wish, max_tokens=CAP)
    body = asked({"options": {"temperature": 0.5, **own}}, request).json
    known = next(iter(own), "max_tokens")
    names = {known} if known == "max_completion_tokens" else {"max_tokens", known}
    sent = {name: body[name] for name in body if "max" in name or "predict" in name}
    assert sent == dict.fromkeys(names, min([CAP, *own.values(), *wish.values()]))
    assert body["temperature"] == 0.5


@pytest.mark.parametrize("unlimited", [-1, -2, 0, "many", True])
def test_what_is_no_limit_of_the_providers_own_does_not_lift_the_cap(unlimited):
    request = CompletionRequest("gemma", "Hello", max_tokens=CAP)
    assert asked({"options": {"n_predict": unlimited}}, request).json["n_predict"] == CAP


def test_without_a_cap_limits_go_as_they_came():
    request = CompletionRequest("gemma", "Hello", options={"max_completion_tokens": 80})
    body = asked({"options": {"max_tokens": 50}}, request).json
    assert (body["max_tokens"], body["max_completion_tokens"]) == (50, 80)


def test_the_clients_options_are_forwarded_over_the_providers():
    request = CompletionRequest("gemma", prompt="x", options={"temperature": 0.5, "stop": ["."]})
    body = asked({"options": {"temperature": 1, "max_tokens": 200}}, request).json
    assert (body["temperature"], body["stop"], body["max_tokens"]) == (0.5, ["."], 200)


def test_no_option_turns_streaming_off():
    request = CompletionRequest("gemma", prompt="x", options={"stream": False, "model": "other"})
    body = asked(request=request).json
    assert (body["stream"], body["model"]) == (True, "gemma")


def test_the_key_is_sent_as_a_bearer_token():
    assert asked({"api_key": "sk-1234567"}).headers["Authorization"] == "Bearer sk-1234567"


def test_without_a_key_there_is_no_authorization(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert "Authorization" not in asked().headers


def test_headers_of_ones_own_are_sent():
    assert asked({"headers": {"X-Title": "My site"}}).headers["X-Title"] == "My site"


@pytest.mark.parametrize("name", ["User-Agent", "accept", "Content-Type", "Authorization"])
def test_a_header_of_the_calls_may_be_another(name):
    assert asked({"headers": {name: "other/1.0"}}).headers[name] == "other/1.0"


@pytest.mark.parametrize(
    "query, params, sent",
    [
        ("?api-version=2024-10-21", None, "api-version=2024-10-21"),
        ("/?api-version=2024-10-21", {}, "api-version=2024-10-21"),
        ("", {"api-version": "2024-10-21"}, "api-version=2024-10-21"),
        ("?a=1&api-version=1", {"api-version": "2", "n": 3}, "a=1&api-version=2&n=3"),
        ("?flag&empty=", {"q": "a b&c"}, "flag=&empty=&q=a+b%26c"),
        ("?", None, ""),
    ],
)
def test_a_query_is_sent_with_each_call(query, params, sent):
    with Upstream(tokens("x")) as upstream:
        ask(OpenAICompatible(upstream.url + "/deployments/d" + query, params=params))
        path = upstream.requests[0].path
    assert path == "/v1/deployments/d/chat/completions" + (f"?{sent}" if sent else "")


def test_the_answer_is_asked_for_uncompressed():
    assert asked({"headers": {"accept-encoding": "gzip"}}).headers["Accept-Encoding"] == "identity"


def test_a_loopback_server_is_not_asked_through_the_environments_proxy(monkeypatch):
    with nobody_listens() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert asked().path == "/v1/chat/completions"


def test_another_server_is_asked_through_the_environments_proxy(monkeypatch):
    with Upstream(tokens("x")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert ask(OpenAICompatible("http://model.example/v1"))[0] == "x"
        assert proxy.requests[0].path == "http://model.example/v1/chat/completions"


def test_nothing_is_asked_before_the_iteration_begins():
    with Upstream(tokens("x")) as upstream:
        before = open_descriptors()
        answer = OpenAICompatible(upstream.url).stream(PROMPT)
        assert open_descriptors() <= before
        answer.close()
        assert list(answer) == []
    assert upstream.requests == []


def test_each_delta_comes_when_the_server_sends_it():
    gate = threading.Semaphore(0)
    with Upstream(tokens("one", " two", " three", gate=gate)) as upstream:
        deltas = iter(OpenAICompatible(upstream.url).stream(PROMPT))
        for text in ("one", " two", " three"):
            gate.release()
            assert next(deltas) == text
        assert isinstance(next(deltas), Usage)
        assert next(deltas, "over") == "over"


def test_the_usage_comes_last_with_the_reason():
    counts = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    with Upstream(tokens("a", "b", usage=counts)) as upstream:
        assert ask(OpenAICompatible(upstream.url)) == ["a", "b", Usage(4, 2, "stop")]


def test_the_usage_may_come_in_a_part_of_its_own():
    counts = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    script = events(chat_delta("a"), chat_delta(None, "length"), counts, "[DONE]")
    with Upstream(script) as upstream:
        assert ask(OpenAICompatible(upstream.url), CHAT) == ["a", Usage(9, 1, "length")]


@pytest.mark.parametrize("odd", [5, ["a"], "5", True, {"prompt_tokens": "5"}])
def test_whatever_is_no_count_was_not_counted(odd):
    with Upstream(tokens("a", usage=odd)) as upstream:
        assert ask(OpenAICompatible(upstream.url))[-1] == Usage(None, None)


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf"), 1.5, 10**30, True, [1], {}])
def test_nor_was_one_count_that_is_none(count):
    counts = {"prompt_tokens": count, "completion_tokens": 2.0}
    with Upstream(tokens("a", usage=counts)) as upstream:
        assert ask(OpenAICompatible(upstream.url))[-1] == Usage(None, 2)


@pytest.mark.parametrize("reason", [7, float("nan"), {"type": "stop"}, ["stop"]])
def test_a_reason_that_is_no_word_is_none(reason):
    last = {"index": 0, "text": "", "finish_reason": reason}
    with Upstream(tokens("a", choices=[last])) as upstream:
        assert ask(OpenAICompatible(upstream.url))[-1] == Usage(None, None, "stop")


def test_without_counts_the_usage_still_tells_the_reason():
    with Upstream(tokens("a")) as upstream:
        assert ask(OpenAICompatible(upstream.url))[-1] == Usage(None, None, "stop")


@pytest.mark.parametrize(
    "part",
    [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
        {"choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {"choices": [{"index": 0, "delta": {"content": ""}}]},
        {"choices": [{"index": 1, "delta": {"content": "another choice"}}]},
        {"choices": []},
        {"choices": [], "error": None},
    ],
)
def test_a_part_without_text_gives_no_delta(part):
    with Upstream(events(part, chat_delta("a"), "[DONE]")) as upstream:
        assert ask(OpenAICompatible(upstream.url), CHAT)[:-1] == ["a"]


def test_done_is_the_end_also_where_the_connection_stays():
    def script(exchange):
        exchange.send(HEAD)
        for data in (completion("a"), "[DONE]"):
            exchange.send_event(data)

    with Upstream(script) as upstream:
        assert ask(OpenAICompatible(upstream.url)) == ["a", Usage()]
        assert upstream.hung_up.wait(20)


def test_the_end_without_done_is_one_after_a_reason():
    with Upstream(events(completion("a"), completion("", "length"))) as upstream:
        assert ask(OpenAICompatible(upstream.url)) == ["a", Usage(None, None, "length")]


def test_text_is_whole_wherever_the_network_cuts_it():
    text = "naïve 語 🌊\u2028\n"
    part = "data: " + json.dumps(completion(text), ensure_ascii=False) + "\r\n\r\n"

    def script(exchange):
        exchange.send(HEAD)
        for byte in (part + "data: [DONE]\n\n").encode():
            exchange.send_chunk(bytes([byte]))

    with Upstream(script) as upstream:
        assert ask(OpenAICompatible(upstream.url))[:-1] == [text]


def test_a_body_that_is_not_chunked_is_read_as_well():
    body = f"data: {json.dumps(completion('a', 'stop'))}\n\n"
    with Upstream(answer(200, body, content_type="text/event-stream")) as upstream:
        assert ask(OpenAICompatible(upstream.url)) == ["a", Usage()]


@pytest.mark.parametrize(
    "choice", [{"text": "whole", "finish_reason": "stop"}, {"message": {"content": "whole"}}]
)
def test_a_whole_answer_is_taken_too(choice):
    counts = {"prompt_tokens": 1, "completion_tokens": 2}
    body = json.dumps({"choices": [choice], "usage": counts})
    with Upstream(answer(200, body)) as upstream:
        assert ask(OpenAICompatible(upstream.url)) == ["whole", Usage(1, 2)]


def test_tls_is_spoken_with_a_certificate_of_ones_own(certificate):
    with Upstream(tokens("a"), certificate.context) as upstream:
        provider = OpenAICompatible(upstream.url, ca_bundle=certificate.path)
        assert ask(provider) == ["a", Usage()]


def test_the_environments_certificates_are_trusted(certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate.path)
    with Upstream(tokens("a"), certificate.context) as upstream:
        assert ask(OpenAICompatible(upstream.url))[0] == "a"


def test_many_answers_leave_nothing_open():
    with Upstream(tokens("a")) as upstream:
        provider = OpenAICompatible(upstream.url)
        ask(provider)
        before = open_descriptors()
        for _ in range(20):
            ask(provider)
        assert open_descriptors() <= before
