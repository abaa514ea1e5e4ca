"""``finish_reason`` in OpenAI's formats is always one of OpenAI's words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.formats.finish_reasons import finish_reason_of
from flask_llmstream.formats.openai import ChatCompletion, ChatCompletionChunks
from flask_llmstream.records import Ending, Usage
from flask_llmstream.sse.decoder import EventStreamDecoder

WORDS = ["stop", "length", "tool_calls", "content_filter", "function_call"]
OTHERS = {
    "stop": ["eos", "eos_token", "stop_sequence", "end_turn", "STOP", "COMPLETE", "load", "", "?"],
    "length": ["MAX_TOKENS", "model_length", "pause_turn", "FINISH_REASON_MAX_TOKENS"],
    "tool_calls": ["tool_use", "TOOL_CALL", "tool-calls"],
    "content_filter": ["SAFETY", "RECITATION", "content_filtered", "refusal", "ERROR_TOXIC",
                       "content_filter: PROHIBITED_CONTENT"],
}


@pytest.mark.parametrize(
    "word, reason", [(word, reason) for reason, words in OTHERS.items() for word in words]
)
def test_the_words_of_other_servers_are_openai_s(word: str, reason: str) -> None:
    assert finish_reason_of(word) == reason


@pytest.mark.parametrize("word", WORDS)
def test_openai_s_own_words_stay(word: str) -> None:
    assert finish_reason_of(word) == word


@given(word=st.text() | st.sampled_from(WORDS).map(str.upper), calls_tools=st.booleans())
def test_any_word_is_one_of_openai_s(word: str, calls_tools: bool) -> None:
    assert finish_reason_of(word, calls_tools=calls_tools) in WORDS


@pytest.mark.parametrize(
    "word, reason", [("stop", "tool_calls"), ("eos", "tool_calls"), ("length", "length")]
)
def test_an_answer_that_calls_a_tool_says_so_unless_it_was_cut(word: str, reason: str) -> None:
    ending = Ending("complete", Usage(finish_reason=word))
    call = Delta(tool_calls=(ToolCallDelta(id="call_1", name="add", arguments="{}"),))
    chunks, whole = ChatCompletionChunks("gemma"), ChatCompletion("gemma")
    for format in (chunks, whole):
        format.item(call)
    last, done = EventStreamDecoder().feed(chunks.ending(ending, None))
    for body in (last.data, whole.ending(ending, None)):
        assert json.loads(body)["choices"][0]["finish_reason"] == reason
