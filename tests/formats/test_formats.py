"""The bytes of deltas, endings and failures in each format. No text is lost on its way."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import re
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Optional

import pytest
from flask import Response
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import ToolCallDelta
from flask_llmstream.errors import ConfigurationError
from flask_llmstream.formats import FORMATS, Ending, EventStreamFormat, Format, Gap, make_format
from flask_llmstream.formats.ag_ui import AGUIFormat
from flask_llmstream.formats.message import MessageFormat
from flask_llmstream.formats.ndjson import NDJSONFormat
from flask_llmstream.formats.negotiated import PlainText
from flask_llmstream.formats.openai import ChatCompletion, ChatCompletionChunks
from flask_llmstream.formats.text import TextFormat
from flask_llmstream.formats.ui_message.format import UIMessageFormat
from flask_llmstream.records import ErrorInfo, Usage
from flask_llmstream.sse.decoder import EventStreamDecoder, MessageEvent
from flask_llmstream.sse.event import ServerSentEvent

COMPLETE = Ending("complete")
COUNTED = Ending("complete", Usage(prompt_tokens=5, completion_tokens=7, finish_reason="length"))
FAILED = ErrorInfo("provider_error", "The model's server can't be reached.", "id-7", 502)
FAILED_AS_JSON = {
    "message": "The model's server can't be reached.",
    "type": "server_error",
    "param": None,
    "code": "provider_error",
    "id": "id-7",
}

ALL: Dict[str, Callable[[], Format]] = {
    "message": MessageFormat,
    "text": TextFormat,
    "ndjson": NDJSONFormat,
    "plain": PlainText,
    "ag-ui": AGUIFormat,
    "ui-message": UIMessageFormat,
    "chunks": lambda: ChatCompletionChunks("gemma"),
    "chunks for an EventSource": lambda: ChatCompletionChunks("gemma", has_ids=True),
    "whole": lambda: ChatCompletion("gemma"),
}
NAMED = ["message", "text", "ndjson", "plain", "ag-ui", "ui-message"]
AS_IT_IS = ["message", "text", "ndjson", "plain"]
EVENT_STREAMS = ["message", "text", "ag-ui", "ui-message", "chunks"]


def in_formats(*names: str) -> Any:
    """Run a test with a new format of each of these kinds."""
    makers = [ALL[name] for name in names]
    return pytest.mark.parametrize("make", makers, ids=names)


def received(*frames: bytes) -> List[MessageEvent]:
    return EventStreamDecoder().feed(b"".join(frames))


def objects(*frames: bytes) -> List[Any]:
    """The JSON of each event."""
    return [json.loads(event.data) for event in received(*frames)]


def lines(*frames: bytes) -> List[Any]:
    """The JSON of each line."""
    return [json.loads(line) for line in b"".join(frames).decode().split("\n")[:-1]]


@dataclasses.dataclass
class Step:
    number: int
    done: bool = False


class Shouted(str):
    def __str__(self) -> str:
        return self.upper()


class Word(str, enum.Enum):
    YES = "yes"


Pair = collections.namedtuple("Pair", "first second")


# The choice of a format.


@pytest.mark.parametrize("name", NAMED)
def test_a_format_has_its_name(name: str) -> None:
    assert type(make_format(name, None)) is ALL[name]


def test_the_names_are_these() -> None:
    assert list(FORMATS) == NAMED


@pytest.mark.parametrize("name", NAMED)
def test_each_stream_has_a_format_of_its_own(name: str) -> None:
    assert make_format(name, None) is not make_format(name, None)


def test_a_format_is_itself() -> None:
    format = ChatCompletionChunks("gemma")
    assert make_format(format, "token") is format


def test_what_makes_formats_is_told_the_event() -> None:
    for maker in (TextFormat, lambda event: TextFormat(event)):
        assert make_format(maker, "token").item("a") == b"event: token\ndata: a\n\n"


def test_what_makes_formats_may_choose_one_by_its_name() -> None:
    assert make_format(lambda event: "text", "token").item("a") == b"event: token\ndata: a\n\n"


@pytest.mark.parametrize("wrong", ["mesage", "Message", "", None, 7, ["message"], lambda event: 7])
def test_what_is_no_format_is_told_the_ones_there_are(wrong: Any) -> None:
    match = f"^format: .* is none of {', '.join(NAMED)}, accept$"
    with pytest.raises(ConfigurationError, match=match):
        make_format(wrong, None)


@pytest.mark.parametrize("name", ["message", "text"])
def test_an_event_type_that_can_t_be_sent_is_refused_before_the_first_item(name: str) -> None:
    with pytest.raises(ValueError, match="^event: can't hold a line break"):
        make_format(name, "a\ndata: forged")


# All formats.


@in_formats(*ALL)
@pytest.mark.parametrize("item", [None, 7, 1.5, True, b"bytes", object(), Step, {1}], ids=repr)
def test_an_item_without_a_form_names_its_type(make: Callable[[], Format], item: Any) -> None:
    with pytest.raises(TypeError, match=f"^{type(item).__name__} can't be streamed; give text"):
        make().item(item)


class Chunk:
    """Has the attributes of a chunk of OpenAI's client."""

    choices = ()

    def model_dump(self) -> Any:
        return {}


class Model:
    """Has the attributes of a model of pydantic."""

    model_dump = Chunk.model_dump


async def asked() -> str:
    return "one"


@in_formats("message", "text", "ndjson", "ag-ui", "chunks", "whole")
@pytest.mark.parametrize(
    "item, cure",
    [
        (None, "where a piece has no text, give text or ''"),
        (b"one", "decode it, or have ready frames sent as they are, with format=RawFormat"),
        (7, "give str() of it"),
        (iter(["one"]), "give its items one by one, as yield from does"),
        (Response(), "give what the response was made of"),
        (
            Chunk(),
            "give its text, choices[0].delta.content or '', and a Delta for what else it says: "
            "reasoning, refusal, tool_calls …",
        ),
        (ToolCallDelta(), "give a Delta(tool_calls=[…]) with it"),
        (Model(), "give its model_dump()"),
        (asked, "call it first"),
        (ValueError("no"), "raise it"),
        (Step, "Step is a class, so make one of it"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_an_item_that_is_often_met_is_told_what_to_give(
    make: Callable[[], Format], item: Any, cure: str
) -> None:
    with pytest.raises(TypeError) as refused:
        make().item(item)
    assert str(refused.value).endswith(f"; {cure}")


@in_formats("message")
def test_an_item_that_was_not_awaited_is_told_so(make: Callable[[], Format]) -> None:
    coroutine = asked()
    with pytest.raises(TypeError, match="; await it first$"):
        make().item(coroutine)
    coroutine.close()


@in_formats("chunks", "whole")
@pytest.mark.parametrize("item", [{"message": "a"}, ["a"], Step(1)], ids=repr)
def test_openai_has_no_form_for_json_and_does_not_ask_for_it(
    make: Callable[[], Format], item: Any
) -> None:
    with pytest.raises(TypeError, match=f"^{type(item).__name__} can't be streamed") as refused:
        make().item(item)
    advice = str(refused.value).partition(";")[2]
    assert "text" in advice
    assert not re.search("mapping|list|dataclass", advice)


@in_formats(*NAMED)
def test_an_item_json_can_t_hold_names_what_and_where(make: Callable[[], Format]) -> None:
    with pytest.raises(TypeError, match="bytes"):
        make().item({"a": b"bytes"})
    with pytest.raises(ValueError, match=re.escape("$.a[0] is one")):
        make().item({"a": [float("nan")]})


@in_formats(*AS_IT_IS)
@pytest.mark.parametrize(
    "item, written",
    [
        ({"message": "你好"}, '{"message":"你好"}'),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ({}, "{}"),
        (["a", None], '["a",null]'),
        (("a", 1), '["a",1]'),
        (Pair(1, 2), "[1,2]"),
        (Step(1), '{"number":1,"done":false}'),
    ],
    ids=repr,
)
def test_what_is_json_goes_out_as_it_is(
    make: Callable[[], Format], item: Any, written: str
) -> None:
    frame = make().item(item)
    text = received(frame)[0].data if make().is_event_stream else frame.decode().rstrip("\n")
    assert text == written


@in_formats(*ALL)
@pytest.mark.parametrize("item", [Shouted("yes"), Word.YES], ids=repr)
def test_text_of_one_s_own_class_is_text(make: Callable[[], Format], item: str) -> None:
    """It is sent by its characters: its ``str()`` may be another text."""
    own, plain = make(), make()
    for format, text in ((own, item), (plain, "yes")):
        frames = format.item(text) + format.ending(COMPLETE, None)
        assert b"yes" in frames
        assert b"YES" not in frames


@in_formats(*EVENT_STREAMS)
def test_event_streams_say_so(make: Callable[[], Format]) -> None:
    format = make()
    assert isinstance(format, EventStreamFormat)
    assert format.is_event_stream and not format.is_whole
    assert format.content_type == "text/event-stream; charset=utf-8"


def test_the_others_say_what_they_are() -> None:
    ndjson, whole = NDJSONFormat(), ChatCompletion("gemma")
    assert (ndjson.content_type, whole.content_type) == ("application/x-ndjson", "application/json")
    assert not ndjson.is_event_stream and not whole.is_event_stream
    assert (ndjson.is_whole, whole.is_whole) == (False, True)


@in_formats("message", "text", "ag-ui", "chunks for an EventSource")
@pytest.mark.parametrize("comment", ["", None], ids=["with a comment", "without"])
def test_the_id_of_the_opening_comes_in_an_event_with_data(
    make: Callable[[], Format], comment: Optional[str]
) -> None:
    opening = make().opening(comment, "s:0")
    assert opening.startswith(b": \n") == (comment is not None)
    (event,) = received(opening)
    assert event.id == "s:0"


@in_formats("message", "text")
def test_a_page_s_onmessage_is_not_told_of_the_opening(make: Callable[[], Format]) -> None:
    (event,) = received(make().opening("", "s:0"))
    assert event.event == "opened"


def test_the_opening_is_a_delta_without_text() -> None:
    assert objects(MessageFormat("token").opening("", "s:0")) == objects(MessageFormat().item(""))
    assert [event.data for event in received(TextFormat("token").opening("", "s:0"))] == [""]


def test_without_an_id_the_opening_is_a_comment() -> None:
    assert MessageFormat().opening("hi", None) == b": hi\n"


def test_a_comment_among_bare_text_is_a_block_by_itself() -> None:
    format = TextFormat()
    assert format.opening("hi", None) == b": hi\n\n"
    assert format.heartbeat() == b": \n\n"
    assert format.item(ServerSentEvent(comment="note")) == b": note\n\n"
    assert format.item(ServerSentEvent("Hello", comment="note")) == b": note\ndata: Hello\n\n"


@in_formats("message", "text", "ndjson", "whole")
def test_nothing_to_open_with_is_nothing(make: Callable[[], Format]) -> None:
    assert make().opening(None, None) == b""


@in_formats("ndjson", "whole")
def test_what_is_no_event_stream_has_no_opening(make: Callable[[], Format]) -> None:
    assert make().opening("", "s:0") == b""


@in_formats("message", "text")
def test_an_event_of_the_source_s_own_keeps_its_fields(make: Callable[[], Format]) -> None:
    event = ServerSentEvent({"a": 1}, event="add", id="7", retry=10, comment="note")
    assert make().item(event) == event.encode()


@in_formats("message", "text")
def test_ids_of_the_source_s_own_are_noticed(make: Callable[[], Format]) -> None:
    format = make()
    for item in ("a", {"a": 1}, ServerSentEvent("a")):
        format.item(item)
    assert not format.has_own_ids
    format.item(ServerSentEvent(id=""))
    assert format.has_own_ids
    assert not make().has_own_ids


# Gaps.

SOME_GAP = Gap(3, "b", "d")
GAP_AS_JSON = {"lost": 3, "first_id": "b", "last_id": "d"}


@in_formats("message", "text")
def test_a_gap_is_an_event_of_its_own(make: Callable[[], Format]) -> None:
    (event,) = received(make().gap(SOME_GAP))
    assert (event.event, json.loads(event.data)) == ("gap", GAP_AS_JSON)


@in_formats(*EVENT_STREAMS)
def test_a_gap_leaves_the_last_event_id_alone(make: Callable[[], Format]) -> None:
    assert b"\nid:" not in make().gap(SOME_GAP)


def test_a_gap_in_a_line_has_its_type_and_its_data() -> None:
    assert lines(NDJSONFormat().gap(SOME_GAP)) == [{"event": "gap", "data": GAP_AS_JSON}]


def test_a_gap_among_chunks_is_a_comment() -> None:
    frame = ChatCompletionChunks("gemma").gap(SOME_GAP)
    assert frame == b': gap {"lost":3,"first_id":"b","last_id":"d"}\n'


def test_a_gap_in_a_whole_answer_has_no_place() -> None:
    assert ChatCompletion("gemma").gap(SOME_GAP) == b""


def test_a_gap_of_items_without_ids_says_only_how_many() -> None:
    (event,) = received(MessageFormat().gap(Gap(7)))
    assert json.loads(event.data) == {"lost": 7}


# No text is lost.

pieces = st.sampled_from(["\r", "\n", "\r\n", "\u2028", "data: x", ":", " ", "\0", "\\", '"'])
characters = st.characters(exclude_categories=["Cs"])
texts = st.lists(pieces | st.text(characters, max_size=5), max_size=6).map("".join)
deltas = st.lists(texts, max_size=5)


def sent(format: Format, items: List[str], ending: Ending = COMPLETE) -> bytes:
    """A whole stream."""
    opening, frames = format.opening("", "s:0"), [format.item(item) for item in items]
    return opening + b"".join(frames) + format.ending(ending, "s:end")


@given(deltas)
def test_every_text_survives_as_a_message(items: List[str]) -> None:
    opened, *got, last = objects(sent(MessageFormat(), items))
    assert got == [{"ended": False, "message": item} for item in items]
    assert last == {"ended": True, "message": "", "reason": "complete"}


@given(deltas)
def test_every_text_survives_as_text_but_for_its_line_ends(items: List[str]) -> None:
    opened, *got, ended = [event.data for event in received(sent(TextFormat(), items))]
    assert got == [re.sub("\r\n|\r", "\n", item) for item in items]


@given(deltas)
def test_every_text_survives_as_a_line(items: List[str]) -> None:
    *got, last = lines(sent(NDJSONFormat(), items))
    assert got == [{"ended": False, "message": item} for item in items]
    assert last == {"ended": True, "message": "", "reason": "complete"}


@given(deltas)
def test_every_text_survives_as_a_chunk(items: List[str]) -> None:
    first, *got, last, done = received(sent(ChatCompletionChunks("gemma"), items))
    contents = [json.loads(event.data)["choices"][0]["delta"]["content"] for event in got]
    assert contents == items
    assert done.data == "[DONE]"


@given(deltas)
def test_every_text_survives_as_a_whole(items: List[str]) -> None:
    body = json.loads(sent(ChatCompletion("gemma"), items))
    assert body["choices"][0]["message"]["content"] == "".join(items)


# The message format.


def test_a_delta_is_a_message_that_is_not_ended() -> None:
    frame = b'event: message\ndata: {"ended":false,"message":"Hello"}\n\n'
    assert MessageFormat().item("Hello") == frame


def test_messages_can_have_another_type() -> None:
    format = MessageFormat("token")
    frames = [format.item("a"), format.item({"a": 1}), format.ending(COMPLETE, None)]
    assert [event.event for event in received(*frames)] == ["token"] * 3


def test_the_end_is_a_message_with_its_reason_and_its_cost() -> None:
    (event,) = received(MessageFormat().ending(COUNTED, "s:end"))
    assert (event.event, event.id) == ("message", "s:end")
    assert json.loads(event.data) == {
        "ended": True,
        "message": "",
        "reason": "complete",
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "finish_reason": "length"},
    }


def test_what_nobody_counted_is_not_told() -> None:
    (last,) = objects(MessageFormat().ending(Ending("complete", Usage(completion_tokens=7)), None))
    assert last["usage"] == {"completion_tokens": 7, "finish_reason": "stop"}


def test_a_failure_is_an_error_event() -> None:
    for format in (MessageFormat("token"), TextFormat("token"), TextFormat()):
        (event,) = received(format.failure(FAILED, "s:end"))
        assert (event.event, event.id) == ("error", "s:end")
        assert json.loads(event.data) == {"ended": True, "error": FAILED_AS_JSON}


# The text format.


def test_text_is_bare_data() -> None:
    assert TextFormat().item(" Hello\nyou") == b"data:  Hello\ndata: you\n\n"


def test_text_can_have_a_type() -> None:
    format = TextFormat("token")
    assert format.item("a") == b"event: token\ndata: a\n\n"
    assert format.item({"a": 1}) == b'event: token\ndata: {"a":1}\n\n'


def test_the_end_of_text_is_an_event_of_its_own_without_text() -> None:
    assert received(TextFormat("token").ending(COUNTED, "s:end")) == [
        MessageEvent("ended", "", "s:end")
    ]
    assert TextFormat("token").ending(COUNTED, None) == b""


# Newline-delimited JSON.


def test_a_line_is_the_message_s_object() -> None:
    format = NDJSONFormat("has no place here")
    assert format.item("Hello") == b'{"ended":false,"message":"Hello"}\n'
    assert lines(format.ending(COUNTED, "s:end"), format.failure(FAILED, "s:end")) == [
        *objects(MessageFormat().ending(COUNTED, None)),
        {"ended": True, "error": FAILED_AS_JSON},
    ]


def test_an_event_in_a_line_has_its_type_and_its_data() -> None:
    format = NDJSONFormat()
    assert lines(
        format.item(ServerSentEvent("Hello", id="7")),
        format.item(ServerSentEvent({"a": 1}, event="add")),
        format.item(ServerSentEvent("")),
    ) == [
        {"event": "message", "data": "Hello"},
        {"event": "add", "data": {"a": 1}},
        {"event": "message", "data": ""},
    ]


def test_an_event_without_data_is_no_line() -> None:
    assert NDJSONFormat().item(ServerSentEvent(comment="note", id="7", retry=10)) == b""


# OpenAI's chunks.


def choices(*frames: bytes) -> List[Any]:
    return [body["choices"] for body in objects(*frames)]


def test_chunks_open_with_the_role() -> None:
    opening = ChatCompletionChunks("gemma").opening("", "s:0")
    delta = {"role": "assistant", "content": "", "refusal": None}
    assert choices(opening) == [[{"index": 0, "delta": delta, "finish_reason": None}]]


def test_a_chunk_carries_a_delta() -> None:
    (body,) = objects(ChatCompletionChunks("gemma").item("Hello"))
    assert (body["object"], body["model"]) == ("chat.completion.chunk", "gemma")
    assert isinstance(body["created"], int)
    delta = {"content": "Hello"}
    assert body["choices"] == [{"index": 0, "delta": delta, "finish_reason": None}]
    assert "usage" not in body


def test_all_chunks_of_an_answer_have_the_stream_s_id() -> None:
    format = ChatCompletionChunks("gemma")
    format.stream_id = "7"
    *bodies, done = received(sent(format, ["a", "b"]))
    assert {json.loads(event.data)["id"] for event in bodies} == {"chatcmpl-7"}


@pytest.mark.parametrize("model", ["", '""', "a\\", "你好", "\u2028", '"content":""'])
def test_a_model_may_have_any_name(model: str) -> None:
    (body,) = objects(ChatCompletionChunks(model).item("Hello"))
    assert body["model"] == model
    assert body["choices"][0]["delta"] == {"content": "Hello"}


def test_the_end_of_chunks_says_why_and_is_done() -> None:
    for ending, finish_reason in ((COMPLETE, "stop"), (COUNTED, "length")):
        last, done = received(ChatCompletionChunks("gemma").ending(ending, "s:end"))
        choice = {"index": 0, "delta": {}, "finish_reason": finish_reason}
        assert json.loads(last.data)["choices"] == [choice]
        assert done.data == "[DONE]"


def test_counts_come_before_the_end_when_they_are_asked_for() -> None:
    format = ChatCompletionChunks("gemma", include_usage=True)
    last, counts, done = received(format.ending(COUNTED, None))
    body = json.loads(counts.data)
    assert body["choices"] == []
    assert body["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert done.data == "[DONE]"


@pytest.mark.parametrize("usage", [None, Usage(), Usage(5), Usage(completion_tokens=7)])
def test_what_nobody_counted_is_not_told_to_openai_s_clients(usage: Optional[Usage]) -> None:
    ending = Ending("complete", usage)
    format = ChatCompletionChunks("gemma", include_usage=True)
    last, done = received(format.ending(ending, None))
    assert "usage" not in json.loads(last.data)
    assert "usage" not in json.loads(ChatCompletion("gemma").ending(ending, None))


def usages(usage: Usage) -> List[Any]:
    """A usage, as chunks have it, and as a whole answer has it."""
    ending = Ending("complete", usage)
    format = ChatCompletionChunks("gemma", include_usage=True)
    whole = json.loads(ChatCompletion("gemma").ending(ending, None))
    return [json.loads(received(format.ending(ending, None))[1].data)["usage"], whole["usage"]]


def test_a_usage_has_openai_s_details() -> None:
    for usage in usages(Usage(5, 7, "stop", cached_tokens=3, reasoning_tokens=0)):
        assert usage["prompt_tokens_details"] == {"cached_tokens": 3}
        assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}


def test_a_usage_keeps_what_else_its_server_counted() -> None:
    extra = {
        "total_tokens": 99,
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 2},
        "completion_tokens_details": None,
        "cost": 0.5,
        "prompt_tokens": 1000,
    }
    for usage in usages(Usage(5, 7, "stop", cached_tokens=3, extra=extra)):
        assert usage == {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 99,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 2},
            "completion_tokens_details": None,
            "cost": 0.5,
        }


@pytest.mark.parametrize("total", [None, "12", 12.0, True, [12]])
def test_a_total_that_is_no_number_is_added_up(total: Any) -> None:
    for usage in usages(Usage(5, 7, extra={"total_tokens": total})):
        assert usage["total_tokens"] == 12 and type(usage["total_tokens"]) is int


def test_a_failure_among_chunks_is_an_error_object_and_done() -> None:
    failed, done = received(ChatCompletionChunks("gemma").failure(FAILED, "s:end"))
    assert failed.event == "message"
    assert json.loads(failed.data) == {"error": FAILED_AS_JSON}
    assert done.data == "[DONE]"


@pytest.mark.parametrize("how", [COMPLETE, FAILED], ids=["well", "badly"])
def test_done_carries_the_id_of_the_end_for_an_event_source(how: Any) -> None:
    format = ChatCompletionChunks("gemma", has_ids=True)
    end = format.failure(how, "s:end") if how is FAILED else format.ending(how, "s:end")
    *_, done = received(end)
    assert done == MessageEvent("message", "[DONE]", "s:end")


def test_done_is_all_that_comes_in_its_block_for_other_readers() -> None:
    format = ChatCompletionChunks("gemma")
    for end in (format.ending(COMPLETE, "s:end"), format.failure(FAILED, "s:end")):
        assert end.endswith(b"\n\ndata: [DONE]\n\n")


def test_the_opening_of_chunks_has_the_id_before_its_data_for_every_reader() -> None:
    opening = ChatCompletionChunks("gemma").opening("", "s:0")
    assert opening.startswith(b": \nid: s:0\ndata: ")
    assert [event.id for event in received(opening)] == ["s:0"]


def test_an_event_of_the_source_s_own_is_a_comment_among_chunks() -> None:
    format = ChatCompletionChunks("gemma")
    frame = format.item(ServerSentEvent({"done": 0.5}, event="loading", id="7"))
    assert frame == b": loading\n"
    assert format.item(ServerSentEvent("Hello")) == b": \n"
    assert not format.has_own_ids


# OpenAI's one object.


def test_a_whole_answer_comes_at_its_end() -> None:
    format = ChatCompletion("gemma")
    format.stream_id = "7"
    assert [format.item(item) for item in ("Hel", "lo", ServerSentEvent("x"))] == [b"", b"", b""]
    body = json.loads(format.ending(COUNTED, None))
    assert isinstance(body.pop("created"), int)
    message = {"role": "assistant", "content": "Hello", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "length"}
    assert body == {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "model": "gemma",
        "choices": [choice],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    }


def test_an_answer_of_nothing_is_whole_too() -> None:
    body = json.loads(ChatCompletion("gemma").ending(COMPLETE, None))
    choice = body["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")


def test_a_failed_answer_is_its_error() -> None:
    format = ChatCompletion("gemma")
    format.item("Hello")
    assert json.loads(format.failure(FAILED, None)) == {"error": FAILED_AS_JSON}


# Truncation never looks like success.


@in_formats("message", "ndjson")
def test_a_cancelled_answer_says_so(make: Callable[[], Format]) -> None:
    frame = make().ending(Ending("cancelled"), None)
    (last,) = objects(frame) if make().is_event_stream else lines(frame)
    assert (last["ended"], last["reason"]) == (True, "cancelled")


@pytest.mark.parametrize("usage", [None, Usage()])
def test_a_cancelled_answer_has_not_stopped_by_itself(usage: Optional[Usage]) -> None:
    ending = Ending("cancelled", usage)
    chunk, *_ = received(ChatCompletionChunks("gemma").ending(ending, None))
    assert json.loads(chunk.data)["choices"][0]["finish_reason"] == "length"
    whole = json.loads(ChatCompletion("gemma").ending(ending, None))
    assert whole["choices"][0]["finish_reason"] == "length"
