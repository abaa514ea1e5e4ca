"""Any JSON value at any member of a part: an answer or a clear error, never a crash or silence."""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta
from flask_llmstream.errors import ProviderError
from flask_llmstream.providers.openai.answer import Answer
from flask_llmstream.providers.upstream.errors import UpstreamErrors
from flask_llmstream.sse.json import json_bytes
from tests.providers.any_json import json_values
from tests.providers.openai_parts import part, read_all, whole

CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FULL = part(
    {"role": "assistant", "content": "text", "reasoning_content": "hm", "reasoning": "hm",
     "refusal": "no", "tool_calls": [CALL], "annotations": [{"type": "url_citation"}],
     "audio": {"id": "a"}, "unknown": 1},
    None,
    choice={"logprobs": {"content": [{"token": "t", "logprob": -1.0}]}, "stop_reason": 1,
            "token_ids": [1], "text": "text", "message": {"content": "text"}},
    usage={"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {}},
    system_fingerprint="f", x_groq={"id": "r"}, error=None,
)  # fmt: skip
"""A part with all members that are read."""


def places_in(value: Any, place: tuple = ()) -> List[tuple]:
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    return [place] + [each for key, item in inside for each in places_in(item, (*place, key))]


def with_value(part: Any, place: tuple, value: Any) -> Any:
    """A copy of the part with another value at this place."""
    if not place:
        return value
    copy = part.copy()
    copy[place[0]] = with_value(part[place[0]], place[1:], value)
    return copy


PLACES = st.sampled_from(places_in(FULL))


def text_in(found: List[Any]) -> str:
    return "".join(each if isinstance(each, str) else each.text for each in found)


def can_be_sent(piece: Any) -> None:
    if isinstance(piece, Delta):
        json_bytes([piece.as_json(), piece.logprobs, piece.choice_extra, piece.chunk_extra])


@given(PLACES, json_values)
def test_any_value_gives_pieces_that_can_be_sent_or_a_clear_error(place, value):
    answer = Answer()
    try:
        found = read_all(answer, with_value(FULL, place, value))
    except ValueError as error:
        assert str(error)
    else:
        for piece in found:
            can_be_sent(piece)
        json_bytes(answer.usage.extra)


@given(PLACES, json_values)
def test_the_text_before_it_and_behind_it_comes_through(place, value):
    odd = with_value(FULL, place, value)
    try:
        found = read_all(Answer(), part({"content": "<"}), odd, part({"content": ">"}))
    except ValueError:
        return
    text = text_in(found)
    assert (text[0], text[-1]) == ("<", ">")


CONTENT_PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "refusal", "reference", "image_url"])},
    optional={name: st.sampled_from(["one", "two"]) | json_values
              for name in ("text", "thinking", "refusal", "signature", "image_url")},
)  # fmt: skip


@given(json_values | st.lists(CONTENT_PARTS, max_size=3))
def test_a_content_is_said_whole_or_refused(content):
    try:
        found = read_all(Answer(), part({"content": content}))
    except ValueError:
        return
    said = json.dumps([each if isinstance(each, str) else each.as_json() for each in found])
    parts = content if isinstance(content, list) else [content]
    members = [each for item in parts if isinstance(item, dict) for each in item.values()]
    assert all(text in said for text in members if text in ("one", "two"))


TOOL_CALLS = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | json_values,
        "id": st.sampled_from(["a", "b"]) | json_values,
        "function": json_values | st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["f", "g"]), "arguments": json_values}
        ),
    },
)  # fmt: skip


@given(st.lists(TOOL_CALLS, min_size=1, max_size=3))
def test_calls_are_said_or_refused(calls):
    try:
        found = read_all(Answer(), part({"tool_calls": calls}))
    except ValueError:
        return
    said = json.dumps([call.as_json() for each in found for call in each.tool_calls])
    functions = [each["function"] for each in calls if isinstance(each.get("function"), dict)]
    names = [each["name"] for each in functions if each.get("name") in ("f", "g")]
    assert all(json.dumps(name) in said for name in names)


ALL_IS_WELL = ("0", "200", "ok", "success", "succeeded", "none", "null", "false")


def says_something(error: Any) -> bool:
    if isinstance(error, float):
        return bool(error) and math.isfinite(error)
    if isinstance(error, dict):
        return any(map(says_something, error.values()))
    return bool(error) and str(error).strip().lower() not in ALL_IS_WELL


TRUE_ERRORS = json_values.filter(says_something)
HIDING: Dict[str, Any] = {
    "part": lambda error: part({"content": "a"}, error=error),
    "choice": lambda error: part({"content": "a"}, choice={"error": error}),
    "delta": lambda error: part({"content": "a", "error": error}),
    "message": lambda error: whole({"content": "a", "error": error}),
    "list": lambda error: [{"error": error}],
    "errors": lambda error: {"errors": error},
    "no choices": lambda error: {"choices": None, "error_message": error},
}


@pytest.mark.parametrize("hide", HIDING.values(), ids=HIDING.keys())
@given(error=TRUE_ERRORS)
def test_an_error_is_one_whatever_it_is(hide, error):
    answer = Answer()
    read_all(answer, hide(error))
    assert answer.failure is not None
    with pytest.raises(ProviderError):
        UpstreamErrors("http://here", []).refuse_in_band(answer.failure)
