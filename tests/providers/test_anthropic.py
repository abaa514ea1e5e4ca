"""``Anthropic`` over real sockets: what it sends, and how each answer ends."""

from __future__ import annotations

import json
import threading

import pytest

from flask_llmstream.deltas import Delta
from flask_llmstream.errors import ConfigurationError, RequestError
from flask_llmstream.providers import Anthropic
from flask_llmstream.records import CompletionRequest, Usage
from tests.providers.anthropic_events import (
    PING,
    STOP,
    as_bytes,
    begin,
    last,
    news,
    sends,
    start,
    text_block,
    thinking_block,
    tool_block,
    whole,
)
from tests.providers.asking import CHAT, PROMPT, ask, failure
from tests.support.upstream import (
    HANG_GUARD,
    HEAD,
    LAST_CHUNK,
    Upstream,
    answer,
    open_descriptors,
    silence,
)

ANSWER = whole(text_block("Hel", "lo"))
USAGE = Usage(9, 7, "end_turn", None, None)


def provider_of(upstream, **options):
    return Anthropic("the-key", base_url=upstream.url, **options)


def said(script, request=CHAT):
    with Upstream(script) as upstream:
        return ask(provider_of(upstream), request)


def asked(request=CHAT, api_key="the-key", path="", **options):
    """The exchange that a request causes."""
    with Upstream(sends(*ANSWER)) as upstream:
        ask(Anthropic(api_key, base_url=upstream.url[: -len("/v1")] + path, **options), request)
        return upstream.requests[0]


def error_of(script, **options):
    with Upstream(script) as upstream:
        return failure(provider_of(upstream, retries=0, **options), CHAT)


@pytest.mark.parametrize("path", ["", "/v1", "/v1/", "/anthropic"])
def test_a_request_goes_to_the_messages_of_version_1(path):
    exchange = asked(path=path)
    wanted = "/anthropic/v1/messages" if path == "/anthropic" else "/v1/messages"
    assert (exchange.method, exchange.path) == ("POST", wanted)
    assert exchange.json == {
        "model": "gemma",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stream": True,
    }


def test_it_has_the_headers_of_the_api():
    headers = asked().headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("the-key", "2023-06-01")
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers


def test_headers_are_added_and_replaced():
    own = {"anthropic-beta": "a,b", "Anthropic-Version": "2030-01-01", "Authorization": "Bearer t"}
    headers = asked(api_key=None, headers=own).headers
    assert {name: headers[name] for name in own} == own
    assert headers.get_all("anthropic-version") == ["2030-01-01"] and "x-api-key" not in headers


def test_the_key_may_come_from_a_function():
    assert asked(api_key=lambda: "another").headers["x-api-key"] == "another"


def test_an_answer_comes_in_pieces_and_its_cost_last():
    assert said(sends(*ANSWER), PROMPT) == ["Hel", "lo", USAGE]


def test_each_piece_comes_when_it_is_sent():
    first_was_read = threading.Event()

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk(as_bytes(*ANSWER[:4]))
        assert first_was_read.wait(HANG_GUARD)
        exchange.send_chunk(as_bytes(*ANSWER[4:]))
        exchange.send(LAST_CHUNK)

    with Upstream(script) as upstream:
        deltas = iter(provider_of(upstream).stream(CHAT))
        assert next(deltas) == "Hel"
        first_was_read.set()
        assert list(deltas) == ["lo", USAGE]


def test_nothing_behind_the_end_is_read():
    assert said(sends(*ANSWER, b"event: error\ndata: {}\n\n")) == ["Hel", "lo", USAGE]


def test_answers_share_a_connection():
    has_usage, has_ended = threading.Event(), threading.Event()

    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk(as_bytes(*ANSWER))
        has_usage.wait(HANG_GUARD)
        exchange.send(LAST_CHUNK)
        has_ended.set()

    with Upstream(script) as upstream:
        provider = provider_of(upstream)
        for piece in provider.stream(CHAT):
            if piece == USAGE:
                has_usage.set()
                has_ended.wait(HANG_GUARD)
        ask(provider, CHAT)
    assert [each.number_on_connection for each in upstream.requests] == [1, 2]


def test_an_answer_that_is_not_streamed_is_read():
    message = start(content=[{"type": "text", "text": "Hello"}], stop_reason="max_tokens")
    assert said(answer(200, json.dumps(message["message"]))) == [
        "Hello", Usage(9, 1, "max_tokens"),
    ]  # fmt: skip


# Errors.

ERRORS = [
    ("invalid_request_error", 400, 400, "provider_rejected"),
    ("authentication_error", 401, 502, "provider_key"),
    ("billing_error", 402, 429, "provider_limit"),
    ("permission_error", 403, 502, "provider_key"),
    ("not_found_error", 404, 502, "provider_not_found"),
    ("conflict_error", 409, 503, "provider_busy"),
    ("request_too_large", 413, 413, "provider_rejected"),
    ("rate_limit_error", 429, 429, "provider_limit"),
    ("api_error", 500, 502, "provider_error"),
    ("timeout_error", 504, 504, "provider_timeout"),
    ("overloaded_error", 529, 503, "provider_busy"),
]


def failed(kind):
    error = {"type": kind, "message": "It did not work, the-key."}
    return {"type": "error", "error": error, "request_id": "req_1"}


@pytest.mark.parametrize("kind, upstream_status, status, code", ERRORS)
def test_each_error_has_its_class_before_the_answer(kind, upstream_status, status, code):
    error = error_of(answer(upstream_status, json.dumps(failed(kind)), retry_after="9"))
    assert (error.status, error.code) == (status, code)
    assert error.retry_after == (9 if status in (429, 503) else None)
    assert error.upstream_status == upstream_status


@pytest.mark.parametrize("kind, _, status, code", ERRORS)
@pytest.mark.parametrize("before", [[], ANSWER[:4]], ids=["first", "later"])
def test_and_inside_it(kind, _, status, code, before):
    error = error_of(sends(*before, failed(kind)))
    assert (error.status, error.code) == (status, code)
    assert "req_1" in str(error.__cause__) and "the-key" not in f"{error} {error.__cause__}"


def test_the_words_for_a_wrong_request_reach_the_client():
    error = error_of(answer(400, json.dumps(failed("invalid_request_error"))))
    assert str(error) == "The model's server rejected the request: It did not work, ***."


OTHER_ERRORS = {
    "without a type": b'data: {"error": {"message": "Overloaded", "type": "overloaded_error"}}\n\n',
    "without a name": b"data: %s\n\n" % json.dumps(failed("overloaded_error")).encode(),
    "as text": b"event: error\ndata: Overloaded\n\n",
    "without data": b"event: overloaded_error\n\n",
    "in JSON": json.dumps(failed("overloaded_error")).encode(),
}


@pytest.mark.parametrize("sent", OTHER_ERRORS.values(), ids=OTHER_ERRORS.keys())
def test_an_error_is_found_in_other_forms(sent):
    script = answer(200, sent, content_type="text/event-stream")
    assert error_of(script).code in ("provider_busy", "provider_error")


def test_a_key_that_stands_for_none_is_cut_out_of_no_words():
    error = {"type": "invalid_request_error", "message": "expected max_tokens"}
    with Upstream(answer(400, json.dumps({"type": "error", "error": error}))) as upstream:
        provider = Anthropic("x", base_url=upstream.url)
        assert str(failure(provider, CHAT)).endswith("expected max_tokens")


def test_an_overload_before_the_first_piece_is_tried_again():
    scripts = iter([sends(start(), failed("overloaded_error")), sends(*ANSWER)])
    with Upstream(lambda exchange: next(scripts)(exchange)) as upstream:
        assert ask(provider_of(upstream), CHAT) == ["Hel", "lo", USAGE]
    assert len(upstream.requests) == 2


def test_none_is_tried_again_behind_a_piece():
    with Upstream(sends(*ANSWER[:4], failed("overloaded_error"))) as upstream:
        assert failure(provider_of(upstream), CHAT).code == "provider_busy"
    assert len(upstream.requests) == 1


# Ends.

RICH = whole(thinking_block("a"), text_block("b", "é", index=1),
             tool_block("c", '{"d":', "1}", index=2), reason="tool_use")  # fmt: skip
BYTES = as_bytes(*RICH)


CUTS = range(BYTES.index(b'"message_stop"}'))


def test_an_answer_that_is_cut_anywhere_is_an_error():
    assert_cut([*CUTS[:20], *CUTS[20::17]])


@pytest.mark.thorough
def test_each_byte_may_be_the_last():
    assert_cut(CUTS)


def assert_cut(places):
    """An answer whose body ends at each of these places, in good order, is an error."""
    cuts = iter(places)
    with Upstream(lambda exchange: sends(BYTES[: next(cuts)])(exchange)) as upstream:
        provider = provider_of(upstream, retries=0)
        for _ in places:
            assert failure(provider, CHAT).code == "truncated"


@pytest.mark.parametrize("rest", [b'"message_stop"}', b'"message_stop"}\n'])
def test_its_last_line_end_is_not_waited_for(rest):
    whole_answer = BYTES[: BYTES.index(b'"message_stop"}')] + rest
    assert said(sends(whole_answer))[-1].finish_reason == "tool_use"


@pytest.mark.parametrize("end", ["reset", "end"])
def test_a_connection_that_ends_is_an_error(end):
    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk(as_bytes(*ANSWER[:-1]))
        getattr(exchange, end)()

    assert error_of(script).code == "truncated"


def test_a_reason_alone_is_no_end():
    assert error_of(sends(*ANSWER[:-1], b"data: [DONE]\n\n")).code == "truncated"


def test_an_answer_may_have_no_content():
    assert said(sends(start(), last(), STOP)) == [USAGE]


@pytest.mark.parametrize("events", [[STOP], [start(), STOP], [start(), PING, STOP]])
def test_an_answer_that_says_nothing_is_an_error(events):
    assert error_of(sends(*events)).code == "provider_answer"


UNREADABLE = [
    begin("text"),
    b"data: {\n\n",
    b"data: hello\n\n",
    {"type": "content_block_delta", "index": 0, "delta": []},
    b'data: {"object": "chat.completion.chunk", "choices": []}\n\n',
    news("text_delta", text=5),
    b'data: ["message_start"]\n\n',
]


@pytest.mark.parametrize("event", UNREADABLE)
def test_what_is_no_event_is_an_error(event):
    assert error_of(sends(start(), event, *ANSWER[1:])).code == "provider_answer"


@pytest.mark.parametrize("body", ["{}", '{"type": "message"}', '{"choices": []}', "[1]", "<html>"])
def test_json_that_is_no_message_is_an_error(body):
    assert error_of(answer(200, body)).code == "provider_answer"


def test_json_without_its_end_is_an_error():
    assert error_of(answer(200, '{"type": "message", "content": [')).code == "truncated"


def test_silence_ends_in_time():
    assert error_of(silence, read_timeout=0.1).code == "provider_timeout"


def test_a_piece_that_is_too_large_is_an_error():
    large = news("text_delta", text="x" * (17 * 2**20))
    assert error_of(sends(start(), begin({"type": "text"}), large)).code == "answer_too_large"


def test_leaving_ends_the_call():
    before = open_descriptors()
    with Upstream(lambda exchange: exchange.send(HEAD)) as upstream:
        deltas = provider_of(upstream).stream(CHAT)
        deltas.abort()
        assert list_or_none(deltas) is None
        deltas.close()
    with Upstream(unfinished) as upstream:
        deltas = provider_of(upstream).stream(CHAT)
        next(iter(deltas))
        deltas.close()
        assert upstream.hung_up.wait(HANG_GUARD)
    assert open_descriptors() <= before


def unfinished(exchange):
    exchange.send(HEAD)
    exchange.send_chunk(as_bytes(*ANSWER[:4]))
    exchange.wait_for_hang_up()


def list_or_none(deltas):
    try:
        return list(deltas)
    except Exception as error:
        assert error.code == "aborted"


# Settings.

WRONG = [
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": True}),
    ("ignores", {"ignores": "seed"}),
    ("ignores", {"ignores": [5]}),
    ("base_url", {"base_url": "api.anthropic.com"}),
    ("base_url", {"base_url": "https://api.anthropic.com/v1/messages"}),
    ("headers", {"headers": {"a b": "c"}}),
    ("options", {"options": {"a": float("nan")}}),
    ("read_timeout", {"read_timeout": -1}),
]


@pytest.mark.parametrize("name, options", WRONG)
def test_a_setting_that_can_not_work_is_named(name, options):
    with pytest.raises(ConfigurationError, match=f"^{name}"):
        Anthropic("the-key", **options)


def test_its_address_is_anthropics():
    provider = Anthropic("the-key", model="claude-1")
    assert provider.base_url == "https://api.anthropic.com"
    assert repr(provider) == "Anthropic(model='claude-1', base_url='https://api.anthropic.com')"


def test_a_request_that_can_not_be_sent_is_refused_at_once():
    request = CompletionRequest(messages=({"role": "tool", "content": "12"},))
    with pytest.raises(RequestError, match=r"^messages\[0\]\.tool_call_id: has to be text$"):
        Anthropic("the-key").stream(request)


def test_thinking_and_calls_go_through():
    kinds = [type(piece).__name__ for piece in said(sends(*RICH))]
    assert kinds == ["Delta", "Delta", "str", "str", "Delta", "Delta", "Delta", "Usage"]
    assert said(sends(*RICH))[0] == Delta(reasoning="a")
