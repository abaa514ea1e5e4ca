"""``AnswerReader``: what events say of an answer: text, end, failure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import MessageEvent
from flask_llmstream.client.answers import AnswerEnd, AnswerReader


def event(data, kind="message"):
    return MessageEvent(kind, data if isinstance(data, str) else json.dumps(data), "")


def read(*data):
    """A reader of these events, and the texts that they gave."""
    reader, texts = AnswerReader(), []
    for one in data:
        reader.read(one if isinstance(one, MessageEvent) else event(one))
        texts.append(reader.text)
    return reader, texts


def delta(text="", **members):
    return {"ended": False, "message": text, **members}


def ended(**members):
    return {"ended": True, "message": "", "reason": "complete", **members}


def chunk(finish=None, **members):
    return {"choices": [{"index": 0, "delta": members, "finish_reason": finish}]}


def test_the_message_format():
    reader, texts = read(delta("one"), delta("two"), ended(usage={"completion_tokens": 2}))
    assert texts == ["one", "two", ""]
    assert reader.is_last and reader.end() == AnswerEnd("complete", {"completion_tokens": 2})


def test_chunks():
    reader, texts = read(chunk(role="assistant"), chunk(content="one"), chunk("stop"), "[DONE]")
    assert texts == ["", "one", "", ""]
    assert reader.is_last and reader.end().reason == "complete"


def test_chunks_without_done():
    reader, _ = read(chunk(content="one"), chunk("stop"))
    assert not reader.is_last and reader.is_over


def test_chunks_that_are_cut():
    reader, _ = read(chunk(content="one"))
    assert reader.has_an_end and not reader.is_over


def test_usage_behind_the_finish():
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    reader, _ = read(chunk("stop"), {"choices": [], "usage": usage}, "[DONE]")
    assert reader.end().usage == usage


def test_a_whole_completion():
    reader, texts = read({"choices": [{"message": {"content": "one"}, "finish_reason": "length"}]})
    assert texts == ["one"] and reader.is_over and reader.end().reason == "length"


def test_older_completions():
    part = {"choices": [{"text": "one", "finish_reason": None}]}
    assert read(part)[1] == ["one"]


def test_the_first_of_several_choices():
    other = {"index": 1, "delta": {"content": "other"}}
    first = {"index": 0, "delta": {"content": "first"}}
    assert read({"choices": [other, first]})[1] == ["first"]


@pytest.mark.parametrize(
    "word, reason",
    [
        ("stop", "complete"),
        ("end_turn", "complete"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("function_call", "tool_calls"),
        ("quite_new", "quite_new"),
    ],
)
def test_the_words_for_an_end(word, reason):
    assert read(chunk(word))[0].end().reason == reason
    assert read(delta(), ended(usage={"finish_reason": word}))[0].end().reason == reason


def test_a_refusal_is_text():
    reader, texts = read(chunk(refusal="No."), chunk("stop"))
    assert texts[0] == "No." and reader.end().reason == "refusal"
    reader, texts = read(delta("No.", refusal="No."), ended())
    assert texts[0] == "No." and reader.end().reason == "refusal"


def test_calls_of_tools():
    calls = [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]
    reader, texts = read(chunk(tool_calls=calls), chunk("stop"))
    assert texts[0] == "" and reader.end().reason == "tool_calls"


def test_reasoning_is_no_text():
    assert read(chunk(reasoning_content="Hm."), delta(reasoning="Hm."))[1] == ["", ""]


def test_parts_of_a_content():
    parts = [{"type": "text", "text": "one"}, {"type": "thinking", "thinking": []}]
    assert read(chunk(content=parts))[1] == ["one"]


def test_a_gap():
    reader, _ = read(delta("one"), event({"lost": 2}, "gap"), ended())
    assert reader.end().reason == "gap"


def test_a_cancelled_answer():
    reader, _ = read(delta("one"), {**ended(), "reason": "cancelled"})
    assert reader.end().reason == "cancelled"


@pytest.mark.parametrize(
    "told",
    [
        ended(reason="error", error={"message": "Broken.", "code": "c", "id": "i"}),
        {"choices": [{"delta": {}, "error": {"message": "Broken.", "code": "c", "id": "i"}}]},
        {"error": {"message": "Broken.", "code": "c", "id": "i"}},
        {"object": "error", "message": "Broken.", "code": "c", "id": "i"},
    ],
)
def test_a_failure(told):
    reader, _ = read(told)
    failure = reader.failure
    assert (str(failure), failure.code, failure.id) == ("Broken.", "c", "i")


def test_an_end_that_is_an_error():
    assert read(chunk("error"))[0].failure.code == "error"
    assert read(delta(), ended(usage={"finish_reason": "insufficient_system_resource"}))[0].failure


def test_an_error_of_a_stream_whose_form_is_not_known():
    reader, _ = read(event("Broken.", "error"))
    assert str(reader.failure or reader.trouble) == "Broken."


def test_bare_text():
    reader, texts = read("one", " 42", "null", event("", "ended"))
    assert texts == ["one", " 42", "null", ""]
    assert reader.is_last


def test_behind_the_opening_of_the_text_format_each_message_is_text():
    words = ["[DONE]", '{"error": "none"}', '{"ended": true}', '{"choices": [{"text": "Yes"}]}']
    opening = MessageEvent("opened", "", "a" * 32 + ":0")
    reader, texts = read(opening, *words, event("", "ended"))
    assert texts == ["", *words, ""]
    assert reader.is_last and reader.has_an_end


def test_an_error_of_the_text_format_is_no_text():
    opening = MessageEvent("opened", "", "a" * 32 + ":0")
    reader, texts = read(opening, event({"code": "timeout"}, "error"))
    assert texts == ["", ""] and reader.trouble.code == "timeout"


def test_objects_of_the_application_are_no_text():
    reader, texts = read({"a": 1}, [1], event("tock", "tick"))
    assert texts == ["", "", ""] and not reader.has_an_end


def test_an_id_of_ours_shows_that_an_end_is_told():
    reader = AnswerReader()
    reader.read(MessageEvent("message", "one", "a" * 32 + ":1"))
    assert reader.has_an_end


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner)
    | st.dictionaries(
        st.sampled_from(
            ["ended", "message", "choices", "delta", "error", "usage", "finish_reason", "content"]
            + ["refusal", "tool_calls", "reason", "code", "text", "index", "loc", "x_groq"]
        ),
        inner,
    ),
    max_leaves=12,
)


@given(st.lists(anything, max_size=4))
def test_anything_can_be_read(values):
    reader, texts = read(*map(json.dumps, values))
    assert all(isinstance(text, str) for text in texts)
    assert isinstance(reader.end().reason, str)
