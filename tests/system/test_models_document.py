"""The code of docs/models.md runs, and does what its text says."""

from __future__ import annotations

import pathlib
import re

import pytest

from flask_llmstream import CompletionRequest, RequestError

DOCUMENT = (pathlib.Path(__file__).parents[2] / "docs/models.md").read_text(encoding="utf-8")
QUESTION = [{"role": "user", "content": "How is the weather?"}]
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


@pytest.fixture(scope="module")
def names():
    names = {"__name__": "models"}
    exec("\n".join(re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)), names)
    return names


@pytest.fixture
def client(names):
    return names["app"].test_client()


def answer(client, **fields):
    got = client.post("/v1/chat/completions", json={"messages": QUESTION, **fields})
    assert got.status_code == 200, got.data
    return got.json["choices"][0]


def test_words_come_whole(client):
    answer = client.get("/poem").get_data(as_text=True)
    pieces = re.findall('"message":"([^"]+)"', answer)
    assert "".join(pieces) == "Two roads diverged in a yellow wood"
    assert "yellow " in pieces  # of "yel" and "low "


def test_a_smoothed_model_gives_its_whole_answer(names):
    question = CompletionRequest(prompt="Count")
    given = [text for text in names["smoothed"].stream(question) if isinstance(text, str)]
    assert "".join(given) == "012"


def test_a_view_of_one_s_own_asks_a_model(client):
    assert b'"message":"HELLO"' in client.post("/shout", json={"text": "Hello"}).data


def test_a_model_thinks_before_it_answers(client):
    message = answer(client, model="thoughtful")["message"]
    assert message["content"] == "Good morning."
    assert message["reasoning_content"] == "The reader asks for a greeting."


def test_a_model_calls_a_tool_and_reads_what_it_gave(client):
    choice = answer(client, model="with_tools", tools=TOOLS)
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    told = {"role": "tool", "tool_call_id": call["id"], "content": "rainy"}
    message = answer(client, model="with_tools", messages=[*QUESTION, choice["message"], told])
    assert message["message"]["content"] == "It is rainy there."


def test_a_router_gives_its_names_to_a_blueprint(client):
    listed = [model["id"] for model in client.get("/routed/models").json["data"]]
    assert listed == ["fast", "big", "gpt-4o", "gpt-4o-mini", "counter"]


def test_a_model_says_what_it_can_t_do(client, names):
    body = {"messages": QUESTION, "model": "thoughtful", "tools": TOOLS}
    error = client.post("/v1/chat/completions", json=body).json["error"]
    assert error["message"] == "tools: This model calls no tools."
    with pytest.raises(RequestError, match="this model does not think hard"):
        names["Haiku"]().check(CompletionRequest("", "Hi", options={"reasoning_effort": "high"}))
