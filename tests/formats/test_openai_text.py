"""OpenAI's older completions, in chunks and whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.formats.openai_text import TextCompletion, TextCompletionChunks
from flask_llmstream.records import Ending, ErrorInfo, Usage
from flask_llmstream.sse.decoder import EventStreamDecoder

COMPLETE = Ending("complete")
COUNTED = Ending("complete", Usage(5, 7, "length"))
TOKENS = [
    {"token": "Hel", "logprob": -0.1, "top_logprobs": [{"token": "Hel", "logprob": -0.1}]},
    {"token": "lo", "logprob": -0.2, "top_logprobs": []},
]


def chunks(*frames: bytes) -> Any:
    events = EventStreamDecoder().feed(b"".join(frames))
    return [event.data if event.data == "[DONE]" else json.loads(event.data) for event in events]


def whole(format: TextCompletion, *items: Any, ending: Ending = COMPLETE) -> Any:
    assert [format.item(item) for item in items] == [b""] * len(items)
    return json.loads(format.ending(ending, None))


def test_a_chunk_carries_a_text() -> None:
    format = TextCompletionChunks("gemma")
    format.stream_id = "7"
    (chunk,) = chunks(format.item("Hello"))
    assert isinstance(chunk.pop("created"), int)
    choice = {"text": "Hello", "index": 0, "logprobs": None, "finish_reason": None}
    assert chunk == {
        "id": "cmpl-7",
        "object": "text_completion",
        "model": "gemma",
        "choices": [choice],
    }


def test_it_opens_with_a_comment_alone() -> None:
    assert TextCompletionChunks("gemma").opening("", "s:0") == b": \n"
    assert TextCompletionChunks("gemma").opening(None, "s:0") == b""


def test_the_prompt_comes_first_where_it_is_asked_for() -> None:
    (chunk,) = chunks(TextCompletionChunks("gemma", echo="Once ").opening("", None))
    assert chunk["choices"][0]["text"] == "Once "
    assert whole(TextCompletion("gemma", "Once "), "upon")["choices"][0]["text"] == "Once upon"


def test_the_end_says_why_and_is_done() -> None:
    last, done = chunks(TextCompletionChunks("gemma").ending(COUNTED, None))
    choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}
    assert (last["choices"], done) == ([choice], "[DONE]")


def test_counts_come_before_the_end_where_they_are_asked_for() -> None:
    format = TextCompletionChunks("gemma", include_usage=True)
    _, counts, done = chunks(format.ending(COUNTED, None))
    assert counts["choices"] == []
    assert counts["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def test_a_whole_answer_is_one_object() -> None:
    format = TextCompletion("gemma")
    format.stream_id = "7"
    body = whole(format, "Hel", "lo", ending=COUNTED)
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": "cmpl-7",
        "object": "text_completion",
        "model": "gemma",
        "choices": [{"text": "Hello", "index": 0, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    }


def test_a_failure_is_an_error_object() -> None:
    failed = ErrorInfo("provider_error", "It failed.", "id-7", 502)
    error, done = chunks(TextCompletionChunks("gemma").failure(failed, None))
    assert error == json.loads(TextCompletion("gemma").failure(failed, None))
    assert error["error"]["type"] == "server_error"


# Deltas that say more than text.

SAYS_ALL = Delta(
    "Hello",
    reasoning="hm",
    refusal=" no",
    tool_calls=(ToolCallDelta(0, "c", "f", "{}"),),
    annotations=({"type": "url_citation"},),
    extra={"audio": {}},
)


def test_the_words_are_shown_and_the_rest_is_counted() -> None:
    counted = {"reasoning": 1, "tool_calls": 1, "annotations": 1, "extra": 1}
    streamed, complete = TextCompletionChunks("gemma"), TextCompletion("gemma")
    assert chunks(streamed.item(SAYS_ALL))[0]["choices"][0]["text"] == "Hello no"
    assert whole(complete, SAYS_ALL)["choices"][0]["text"] == "Hello no"
    assert streamed.left_out == complete.left_out == counted


def test_a_delta_without_words_is_no_chunk() -> None:
    format = TextCompletionChunks("gemma")
    assert format.item(Delta(reasoning="hm")) == b""
    assert format.left_out == {"reasoning": 1}


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "tool_use"])
def test_no_end_is_for_a_call_of_a_tool(reason: str) -> None:
    ending = Ending("complete", Usage(finish_reason=reason))
    last, _ = chunks(TextCompletionChunks("gemma").ending(ending, None))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert whole(TextCompletion("gemma"), ending=ending)["choices"][0]["finish_reason"] == "stop"


def test_log_probabilities_are_parallel_lists() -> None:
    body = whole(TextCompletion("gemma"), Delta("Hello", logprobs={"content": TOKENS}))
    assert body["choices"][0]["logprobs"] == {
        "tokens": ["Hel", "lo"],
        "token_logprobs": [-0.1, -0.2],
        "top_logprobs": [{"Hel": -0.1}, {}],
        "text_offset": [0, 3],
    }


def test_their_offsets_go_on_from_chunk_to_chunk() -> None:
    format = TextCompletionChunks("gemma")
    pieces = [Delta(each["token"], logprobs={"content": [each]}) for each in TOKENS]
    told = [chunks(format.item(piece))[0]["choices"][0]["logprobs"] for piece in pieces]
    assert [each["text_offset"] for each in told] == [[0], [3]]


def test_their_offsets_count_the_prompt_that_comes_first() -> None:
    piece = Delta("Hello", logprobs={"content": TOKENS})
    (body,) = chunks(TextCompletionChunks("gemma", echo="Say: ").item(piece))
    for said in (body, whole(TextCompletion("gemma", echo="Say: "), piece)):
        assert said["choices"][0]["logprobs"]["text_offset"] == [5, 8]


@pytest.mark.parametrize(
    "logprobs",
    [{"tokens": ["a"], "token_logprobs": [-1]}, {"content": None}, {"content": 7}, {}],
    ids=repr,
)
def test_log_probabilities_of_another_form_are_as_they_came(logprobs: Any) -> None:
    body = whole(TextCompletion("gemma"), Delta("a", logprobs=logprobs))
    assert body["choices"][0]["logprobs"] == (logprobs or None)


@pytest.mark.parametrize("token", [7, None, {"token": 7}, {"token": "a", "top_logprobs": "b"}])
def test_any_list_of_tokens_is_written(token: Any) -> None:
    whole(TextCompletion("gemma"), Delta("a", logprobs={"content": [token]}))
