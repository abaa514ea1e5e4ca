"""``/v1/responses`` where answers are kept: in the background, retrieved, cancelled, deleted, and
gone on from."""

from __future__ import annotations

import json
import threading

import pytest
from flask import Flask

from flask_llmstream import CallableProvider, LLMStream, ProviderError, Usage
from flask_llmstream.deltas import Delta, ToolCallDelta
from tests.support.answers import Answer
from tests.support.runtimes import HANG_GUARD

PATH = "/v1/responses"
CALL = ToolCallDelta(0, "call_1", "get_weather", '{"city": "Rome"}')


class Site:
    """An app whose model says all that a response can hold, and waits in its middle until it may go
    on.

    :ivar asked: the messages that the model got, of each request.
    """

    def __init__(self, **config):
        self.asked = []
        self.go, self.ended = threading.Event(), threading.Event()
        self.app = Flask("kept")
        self.app.config.update(LLMSTREAM_RECONNECT="resume", **config)
        LLMStream(self.app, providers={"gemma": CallableProvider(self.model)})

    def model(self, request):
        self.asked.append(list(request.messages))
        try:
            yield Delta(reasoning="Hm")
            yield from ("Hel", "lo, ")
            self.go.wait(HANG_GUARD)
            if request.messages[-1]["content"] == "break":
                raise ProviderError("It broke.")
            yield "\u2028世界"
            if request.options.get("tools"):
                yield Delta(tool_calls=[CALL])
            yield Usage(2, 2)
        finally:
            self.ended.set()

    def post(self, path="", **fields):
        fields = fields or None
        with Answer(self.app, PATH + path, method="POST", json=fields) as answer:
            answer.everything = answer.rest()
        return answer

    def get(self, path, method="GET"):
        with Answer(self.app, PATH + path, method=method) as answer:
            answer.everything = answer.rest()
        return answer

    def response(self, response_id):
        return json.loads(self.get(f"/{response_id}").everything)


@pytest.fixture
def site():
    site = Site()
    yield site
    site.go.set()


def said(answer):
    return json.loads(answer.everything)


def text_of(response):
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return "".join(part["text"] for part in parts)


def numbered(stream):
    """The events of a stream as they were sent, by their numbers."""
    blocks = [block + b"\n\n" for block in stream.split(b"\n\n") if b"\ndata: " in block]
    blocks = [block[len(b": \n") :] if block.startswith(b": \n") else block for block in blocks]
    lines = [line for block in blocks for line in block.split(b"\n") if line[:6] == b"data: "]
    numbers = [json.loads(line[6:])["sequence_number"] for line in lines]
    assert numbers == sorted(set(numbers))
    return dict(zip(numbers, blocks))


# In the background.


def test_an_answer_in_the_background_is_told_of_at_once_and_made_without_a_reader(site):
    answer = site.post(input="Hi", background=True)
    begun = said(answer)
    assert (answer.status, begun["status"], begun["output"]) == (200, "in_progress", [])
    assert begun["background"] is True
    assert begun["id"] == f"resp_{answer.headers['X-Stream-ID']}"
    assert site.response(begun["id"]) == begun
    site.go.set()
    assert site.ended.wait(HANG_GUARD)
    ended = said(site.post(f"/{begun['id']}/cancel"))  # which waits for the end
    assert (ended["status"], text_of(ended)) == ("completed", "Hello, \u2028世界")
    assert site.response(begun["id"]) == ended


def test_its_events_can_be_streamed(site):
    begun = said(site.post(input="Hi", background=True))
    with Answer(site.app, f"{PATH}/{begun['id']}?stream=true") as answer:
        site.go.set()
        events = numbered(answer.rest())
    assert list(events) == [*range(len(events))]
    assert events[0].startswith(b"event: response.created\n")
    assert events[len(events) - 1].startswith(b"event: response.completed\n")


def test_an_answer_in_the_background_goes_on_when_its_reader_leaves(site):
    body = {"input": "Hi", "background": True, "stream": True}
    with Answer(site.app, PATH, method="POST", json=body) as answer:
        read = b""
        while b"Hel" not in read:
            read += answer.block()
        stream_id = answer.headers["X-Stream-ID"]
    site.go.set()
    assert site.ended.wait(HANG_GUARD)
    assert said(site.post(f"/resp_{stream_id}/cancel"))["status"] == "completed"


def test_a_failure_in_the_background_is_in_the_response(site):
    site.go.set()
    begun = said(site.post(input="break", background=True))
    ended = said(site.post(f"/{begun['id']}/cancel"))
    assert (ended["status"], ended["error"]["message"]) == ("failed", "It broke.")


def test_no_slot_is_a_503_at_once():
    site = Site(LLMSTREAM_MAX_STREAMS=1)
    begun = said(site.post(input="Hi", background=True))
    assert site.post(input="Hi", background=True).status == 503
    site.go.set()
    site.post(f"/{begun['id']}/cancel")


# Resumed at each event.


@pytest.mark.parametrize("ask", ["Hi", "break"])
def test_a_stream_is_resumed_behind_each_of_its_events_to_the_byte(site, ask):
    site.go.set()
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
    answer = site.post(input=ask, stream=True, tools=tools)
    whole = numbered(answer.everything)
    path = f"/resp_{answer.headers['X-Stream-ID']}?stream=true"
    assert numbered(site.get(path).everything) == whole
    assert len(whole) > 8
    for number in [*whole, len(whole), 10**14]:
        rest = numbered(site.get(f"{path}&starting_after={number}").everything)
        assert rest == {each: whole[each] for each in whole if each > number}, number


def test_a_reader_behind_the_live_end_gets_what_comes(site):
    begun = said(site.post(input="Hi", background=True))
    path = f"/{begun['id']}?stream=true&starting_after="
    with Answer(site.app, PATH + path + "6") as answer:
        site.go.set()
        rest = numbered(answer.rest())
    assert list(rest) == [*range(7, 7 + len(rest))]
    assert numbered(site.get(path + "6").everything) == rest


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "٣", "9" * 30])
def test_a_number_that_is_none_is_named(site, value):
    begun = said(site.post(input="Hi", background=True))
    answer = site.get(f"/{begun['id']}?stream=true&starting_after={value}")
    assert (answer.status, said(answer)["error"]["param"]) == (400, "starting_after")


def test_what_is_kept_no_more_is_told():
    site = Site(LLMSTREAM_REPLAY_MAX_EVENTS=3)
    site.go.set()
    answer = site.post(input="Hi", stream=True)
    path = f"/resp_{answer.headers['X-Stream-ID']}"
    gone = site.get(path + "?stream=true&starting_after=1")
    assert (gone.status, said(gone)["error"]["code"]) == (410, "evicted")
    assert text_of(site.response(path[1:])) == "Hello, \u2028世界"


# Cancelled and deleted.


def test_a_cancelled_response_says_so_each_time(site):
    begun = said(site.post(input="Hi", background=True))
    first = said(site.post(f"/{begun['id']}/cancel"))
    assert (first["status"], text_of(first)) == ("cancelled", "Hello, ")
    assert said(site.post(f"/{begun['id']}/cancel")) == first
    assert site.response(begun["id"]) == first


def test_a_reader_of_a_cancelled_response_gets_an_ordinary_end(site):
    with Answer(site.app, PATH, method="POST", json={"input": "Hi", "stream": True}) as answer:
        read = b""
        while b"lo, " not in read:
            read += answer.block()
        site.post(f"/resp_{answer.headers['X-Stream-ID']}/cancel")
        assert b"event: response.incomplete\n" in answer.rest()


def test_a_deleted_response_is_kept_no_more(site):
    begun = said(site.post(input="Hi", background=True))
    deleted = said(site.get(f"/{begun['id']}", "DELETE"))
    assert deleted == {"id": begun["id"], "object": "response", "deleted": True}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
        assert site.get(f"/{begun['id']}{path}", method).status in (404, 410)
    assert site.post(input="And?", previous_response_id=begun["id"]).status == 400


# Which response.


@pytest.mark.parametrize("response_id", ["resp_", "resp_x", "x", "x" * 5000])
def test_a_response_that_never_was_is_unknown(site, response_id):
    assert site.get(f"/{response_id}").status in (404, 410)
    assert site.post(f"/{response_id}/cancel").status in (404, 410)


def test_a_response_that_expired_is_gone(site):
    assert site.get(f"/resp_{'0' * 32}").status == 410  # without SECRET_KEY it may have been ours


def test_an_answer_of_another_protocol_is_no_response(site):
    site.go.set()
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with Answer(site.app, "/v1/chat/completions", method="POST", json=body) as answer:
        answer.rest()
    assert site.get(f"/resp_{answer.headers['X-Stream-ID']}").status in (404, 410)


# A turn goes on.


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("background", [True, False])
def test_a_request_goes_on_from_an_earlier_response(site, stream, background):
    site.go.set()
    answer = site.post(input="Hi", stream=stream, background=background, instructions="Be brief.")
    first = f"resp_{answer.headers['X-Request-ID']}"
    site.post(f"/{first}/cancel")
    answer = site.post(input=[{"role": "user", "content": "And?"}], previous_response_id=first)
    second = said(answer)
    assert second["previous_response_id"] == first
    third = site.post(input="More", previous_response_id=second["id"], instructions="Be long.")
    told = [(message["role"], message["content"]) for message in site.asked[-1]]
    assert told == [
        ("system", "Be long."),
        ("user", "Hi"),
        ("assistant", "Hello, \u2028世界"),
        ("user", "And?"),
        ("assistant", "Hello, \u2028世界"),
        ("user", "More"),
    ]
    assert third.status == 200


def test_the_output_of_a_tool_is_enough_to_go_on(site):
    site.go.set()
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]
    first = said(site.post(input="Weather?", tools=tools))
    output = {"type": "function_call_output", "call_id": "call_1", "output": "18 °C"}
    site.post(input=[output], previous_response_id=first["id"], tools=tools)
    roles = [message["role"] for message in site.asked[-1]]
    assert roles == ["user", "assistant", "tool"]
    assert site.asked[-1][1]["reasoning_content"] == "Hm"


def test_an_item_may_be_named_by_its_id(site):
    site.go.set()
    first = said(site.post(input="Hi"))
    references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    site.post(input=[*references, {"role": "user", "content": "And?"}])
    assert [message["role"] for message in site.asked[-1]] == ["assistant", "user"]


def test_a_reference_goes_on_with_the_conversation(site):
    site.go.set()
    first = said(site.post(input="Hi"))
    named = {"type": "item_reference", "id": first["output"][-1]["id"]}
    second = said(site.post(input=[named, {"role": "user", "content": "And?"}]))
    site.post(input="More", previous_response_id=second["id"])
    assert [message["role"] for message in site.asked[-1]] == [
        *("assistant", "user", "assistant", "user"),
    ]


@pytest.mark.parametrize("value", ["resp_x", "resp_" + "0" * 32, "x", 3, ["a"]])
def test_a_response_that_is_not_kept_is_named(site, value):
    answer = site.post(input="And?", previous_response_id=value)
    assert (answer.status, said(answer)["error"]["param"]) == (400, "previous_response_id")


def test_a_response_that_goes_on_can_t_be_gone_on_from(site):
    begun = said(site.post(input="Hi", background=True))
    answer = site.post(input="And?", previous_response_id=begun["id"])
    assert (answer.status, said(answer)["error"]["param"]) == (400, "previous_response_id")
    assert "has not ended" in said(answer)["error"]["message"]


# What is not kept.


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_is_kept_of_a_response_that_is_not_stored(site, stream):
    site.go.set()
    answer = site.post(input="Hi", store=False, stream=stream)
    assert "X-Stream-ID" not in answer.headers
    assert site.get(f"/resp_{answer.headers['X-Request-ID']}").status in (404, 410)


def test_the_background_needs_a_store(site):
    answer = site.post(input="Hi", store=False, background=True)
    assert (answer.status, said(answer)["error"]["param"]) == (400, "background")


@pytest.mark.parametrize(
    "fields", [{"background": True}, {"previous_response_id": "resp_" + "0" * 32}]
)
def test_without_a_log_the_key_is_named(fields):
    site = Site()
    site.app = Flask("forgetful")
    LLMStream(site.app, providers={"gemma": CallableProvider(site.model)})
    answer = site.post(input="Hi", **fields)
    assert answer.status == 400
    assert said(answer)["error"]["param"] == next(iter(fields))
    assert "LLMSTREAM_RECONNECT" in said(answer)["error"]["message"]
    assert site.get("/resp_" + "0" * 32).status in (404, 410)


def test_a_request_that_is_sent_again_gets_the_same_response(site):
    asked = {
        "method": "POST",
        "headers": {"Idempotency-Key": "0123456789abcdef"},
        "json": {"input": "Hi", "background": True},
    }
    with Answer(site.app, PATH, **asked) as first, Answer(site.app, PATH, **asked) as second:
        assert first.rest() == second.rest()
        assert first.headers["X-Stream-ID"] == second.headers["X-Stream-ID"]
    assert len(site.asked) == 1
