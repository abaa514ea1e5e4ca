"""Whatever is sent: the answer is 200, or an error of 4xx that is JSON. A provider that gets a
request can write it as JSON again."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_llmstream import CallableProvider, CompletionRequest, LLMStream
from flask_llmstream.protocols.fields import CHECKS
from flask_llmstream.sse.json import json_bytes

COMPLETIONS = "/v1/chat/completions"
MESSAGES = '"messages": [{"role": "user", "content": "Hello"}]'


class Model:
    """A function that keeps the last request."""

    def __init__(self) -> None:
        self.request: Any = None

    def __call__(self, request: CompletionRequest) -> str:
        self.request = request
        return "Hello"


MODEL = Model()
APP = Flask("any")
APP.config.update(LLMSTREAM_MAX_TOKENS=100, PROPAGATE_EXCEPTIONS=False)
LLMStream(APP, providers={"model": CallableProvider(MODEL)})


def check(answer: Any) -> None:
    """The answer is whole, or says what is wrong; the model's request can be written again."""
    if answer.status_code != 200:
        assert 400 <= answer.status_code < 500, answer.data
        error = answer.get_json()["error"]
        assert error["message"].isprintable() and len(error["message"]) < 1000
    elif MODEL.request is not None:
        sent = {"messages": list(MODEL.request.messages), "options": MODEL.request.options}
        assert json.loads(json_bytes(sent)) == sent
        assert json.loads(json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()) == sent


def post(body: bytes, path: str = COMPLETIONS) -> Any:
    MODEL.request = None
    answer = APP.test_client().post(path, data=body, content_type="application/json")
    check(answer)
    return answer


texts = st.text(st.characters(), max_size=5)  # with halves of characters, too
names = st.one_of(st.sampled_from([*CHECKS, "n_predict", "extra_body", "models"]), texts)
scalars = st.one_of(
    st.none(), st.booleans(), texts, st.floats(), st.integers(), st.integers(-(10**30), 10**30)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": texts},
    optional={"tool_calls": values, "name": values, "": values},
)
sent_on = st.dictionaries(
    st.one_of(texts, st.sampled_from(["tools", "metadata", "response_format", "extra_body"])),
    values,
    max_size=3,
)
slowly = settings(suppress_health_check=[HealthCheck.too_slow])


@slowly
@given(st.one_of(values, st.dictionaries(names, values, max_size=6)))
def test_any_json_is_answered_or_refused(body: Any) -> None:
    post(json.dumps(body).encode())  # with NaN and Infinity, which JSON does not have


@slowly
@given(st.lists(messages, min_size=1, max_size=2), sent_on)
def test_any_field_is_sent_on_or_refused(messages: Any, fields: Dict[str, Any]) -> None:
    post(json.dumps({**fields, "messages": messages}).encode())


@given(st.dictionaries(names, texts, max_size=5))
def test_any_query_is_answered_or_refused(query: Dict[str, str]) -> None:
    MODEL.request = None
    fit = {name: text.encode("utf-8", "replace").decode() for name, text in query.items()}
    query = {name.encode("utf-8", "replace").decode(): text for name, text in fit.items()}
    check(APP.test_client().get("/v1/chat/stream", query_string={"prompt": "a", **query}))


@pytest.mark.parametrize(
    "text",
    [
        "-0", "-0.0", "1E5", "1e-400", "123456789012345678901234567890", "0.1", '"\\ud83d"',
        '{"\\udc00": 1}', '["\\ud83d", "\\ude80"]', '{"a": 1, "a": 2}', '"\\u0000"', '"\\u2028"',
        "[" * 127 + "]" * 127, '{"": {}}', "null", "1.7976931348623157e308",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
@pytest.mark.parametrize("around", ['"x": {}', '"tools": {}', '"extra_body": {{"a": [{}]}}'])
def test_json_that_is_seldom_seen_reaches_the_model(text: str, around: str) -> None:
    if "[[" in text and "extra" in around:
        text = text[2:-2]
    assert post(f"{{{MESSAGES}, {around.format(text)}}}".encode()).status_code == 200
    assert MODEL.request is not None


@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN", "Infinity", "7" * 1001, "[" * 129])
@pytest.mark.parametrize("around", ['"x": {}', '"tools": [{}]', '"max_tokens": {}', '"n": {}'])
def test_json_that_no_server_could_read_is_refused(text: str, around: str) -> None:
    closed = text + "]" * text.count("[")
    answer = post(f"{{{MESSAGES}, {around.format(closed)}}}".encode())
    assert answer.status_code == 400
