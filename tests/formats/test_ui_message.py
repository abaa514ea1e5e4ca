"""``format="ui-message"``: the chunks that the AI SDK's ``useChat`` reads."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, List, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import Delta, ServerSentEvent, StreamError, ToolCallDelta, Usage
from flask_llmstream.formats.ui_message import tool_inputs
from flask_llmstream.formats.ui_message.format import UIMessageFormat
from flask_llmstream.records import Ending, ErrorInfo, Gap
from flask_llmstream.sse.decoder import EventStreamDecoder

Item = Union[str, Delta, ServerSentEvent, Dict[str, Any]]
Chunks = List[Dict[str, Any]]
DONE = "[DONE]"
FAILURE = ErrorInfo("server_busy", "Come back later.", "1f", retry=3000)


def read(sent: bytes) -> Chunks:
    data = [event.data for event in EventStreamDecoder().feed(sent)]
    return [json.loads(each) for each in data if each != DONE]


def of(*items: Item, **options: Any) -> Chunks:
    """The chunks of the items alone."""
    format = UIMessageFormat(**options)
    return read(b"".join(map(format.item, items)) + format.rest())


def ended(*items: Item, ending: Ending = Ending("complete")) -> Chunks:
    """The chunks of a whole answer, without its opening."""
    format = UIMessageFormat()
    frames = b"".join(map(format.item, items)) + format.rest()
    return read(frames + format.ending(ending, None))


def types(chunks: Chunks) -> List[str]:
    return [chunk["type"] for chunk in chunks]


def call(index: int = 0, id: Any = None, name: Any = None, arguments: Any = None) -> Delta:
    return Delta(tool_calls=[ToolCallDelta(index, id, name, arguments)])


# The frame.


def test_an_answer_begins_with_the_message_and_its_first_step() -> None:
    opening = UIMessageFormat().opening("", "7:0")
    assert read(opening) == [{"type": "start"}, {"type": "start-step"}]
    assert [event.id for event in EventStreamDecoder().feed(opening)] == ["7:0", "7:0"]


def test_the_message_may_have_the_id_of_the_stream() -> None:
    format = UIMessageFormat(names_message=True)
    format.stream_id = "1f"
    assert read(format.opening(None, None))[0] == {"type": "start", "messageId": "1f"}


def test_a_good_end_says_why_the_model_stopped_and_what_it_cost() -> None:
    counts = Usage(5, 7, "max_tokens", cached_tokens=2, reasoning_tokens=3)
    assert ended("Hi", ending=Ending("complete", counts))[3:] == [
        {"type": "finish-step"},
        {
            "type": "finish",
            "finishReason": "length",
            "messageMetadata": {
                "usage": {
                    "inputTokens": 5,
                    "outputTokens": 7,
                    "totalTokens": 12,
                    "cachedInputTokens": 2,
                    "reasoningTokens": 3,
                }
            },
        },
    ]


def test_without_counts_there_is_no_usage() -> None:
    assert ended()[-1] == {"type": "finish", "finishReason": "stop"}
    assert ended(ending=Ending("complete", Usage()))[-1] == ended()[-1]


@pytest.mark.parametrize(
    "word, reason",
    [("stop", "stop"), ("safety", "content-filter"), ("tool_use", "tool-calls"), ("new", "stop")],
)
def test_the_reason_is_a_word_of_the_sdk(word: str, reason: str) -> None:
    assert ended(ending=Ending("complete", Usage(finish_reason=word)))[-1]["finishReason"] == reason


def test_the_last_bytes_are_done() -> None:
    format = UIMessageFormat()
    assert format.ending(Ending("complete"), None).endswith(b"\n\ndata: [DONE]\n\n")
    assert format.failure(FAILURE, None).endswith(b"\n\ndata: [DONE]\n\n")


def test_the_last_chunk_has_the_id_of_the_end() -> None:
    ending = UIMessageFormat().ending(Ending("complete"), "7:ended")
    events = EventStreamDecoder().feed(ending)
    assert [event.id for event in events] == ["", "7:ended", "7:ended"]


def test_an_answer_that_was_cancelled_is_aborted() -> None:
    chunks = ended("Hi", call(0, "c", "add", "{}"), ending=Ending("cancelled"))
    assert types(chunks)[-2:] == ["tool-input-delta", "abort"]
    assert types(ended("Hi", ending=Ending("cancelled")))[-2:] == ["text-end", "abort"]


def test_a_failure_shows_its_message_behind_whole_blocks() -> None:
    format = UIMessageFormat()
    format.item("Hi")
    error = {"type": "error", "errorText": "Come back later."}
    assert read(format.failure(FAILURE, None)) == [{"type": "text-end", "id": "text-1"}, error]


def test_a_page_does_not_come_back_so_a_drain_is_a_failure() -> None:
    assert types(read(UIMessageFormat().reconnect_notice(FAILURE))) == ["error"]


def test_lost_items_are_a_part_of_their_own() -> None:
    assert read(UIMessageFormat().gap(Gap(3))) == [{"type": "data-gap", "data": {"lost": 3}}]


# Blocks.


def test_text_and_reasoning_are_blocks_one_behind_the_other() -> None:
    assert of(Delta(reasoning="Hm"), Delta(reasoning="m"), "Hel", "lo", Delta(reasoning="Oh")) == [
        {"type": "reasoning-start", "id": "reasoning-1"},
        {"type": "reasoning-delta", "id": "reasoning-1", "delta": "Hm"},
        {"type": "reasoning-delta", "id": "reasoning-1", "delta": "m"},
        {"type": "reasoning-end", "id": "reasoning-1"},
        {"type": "text-start", "id": "text-2"},
        {"type": "text-delta", "id": "text-2", "delta": "Hel"},
        {"type": "text-delta", "id": "text-2", "delta": "lo"},
        {"type": "text-end", "id": "text-2"},
        {"type": "reasoning-start", "id": "reasoning-3"},
        {"type": "reasoning-delta", "id": "reasoning-3", "delta": "Oh"},
    ]


def test_a_refusal_is_text() -> None:
    assert of(Delta(refusal="No."))[-1] == {"type": "text-delta", "id": "text-1", "delta": "No."}


def test_no_block_is_opened_for_an_empty_text() -> None:
    assert of("", Delta()) == []


def test_halves_of_a_character_wait_for_each_other_across_a_block() -> None:
    chunks = of("a\ud83d", Delta(reasoning="Hm"), "\ude00b")
    assert [chunk["delta"] for chunk in chunks if "delta" in chunk] == ["a", "Hm", "😀b"]


# Calls of tools.


def test_a_call_comes_in_fragments_and_whole_at_the_end() -> None:
    chunks = ended("Hi", call(0, "c1", "add", '{"a":'), call(0, arguments="1}"))
    assert chunks[2:] == [
        {"type": "text-end", "id": "text-1"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "add"},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"a":'},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "1}"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "add", "input": {"a": 1}},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "tool-calls"},
    ]


def test_calls_that_come_side_by_side_are_whole_in_their_order() -> None:
    fragments = (call(1, "b", "two", '{"b"'), call(0, "a", "one", "{"), call(1, arguments=":2}"))
    chunks = ended(*fragments, call(0, arguments="}"))
    whole = [(chunk["toolCallId"], chunk["input"]) for chunk in chunks if "input" in chunk]
    assert whole == [("a", {}), ("b", {"b": 2})]


@pytest.mark.parametrize("arguments", [None, "", " \n"])
def test_a_call_without_arguments_has_an_empty_object(arguments: Any) -> None:
    assert ended(call(0, "c", "now", arguments))[-3]["input"] == {}


@pytest.mark.parametrize("word", ["length", "content_filter"])
def test_a_call_that_was_cut_before_its_arguments_is_not_run(word: str) -> None:
    cut = Ending("complete", Usage(finish_reason=word))
    chunks = ended(call(0, "c", "wipe"), call(1, "d", "add", "{}"), ending=cut)
    whole = [(chunk["toolCallId"], chunk["type"]) for chunk in chunks if "input" in chunk]
    assert whole == [("c", "tool-input-error"), ("d", "tool-input-available")]


@pytest.mark.parametrize("arguments", ['{"a":', "{} {}", "add", "NaN", "[1e999]", "9" * 1001])
def test_arguments_that_are_no_json_are_an_error_of_the_call(arguments: str) -> None:
    chunk = ended(call(0, "c", "add", arguments))[-3]
    assert chunk["errorText"].startswith("The call can't be read: ")
    assert {**chunk, "errorText": ""} == {
        "type": "tool-input-error",
        "toolCallId": "c",
        "toolName": "add",
        "input": arguments,
        "errorText": "",
    }


def test_arguments_that_are_nested_too_deeply_are_one_too() -> None:
    assert ended(call(0, "c", "add", "[" * 100_000))[-3]["type"] == "tool-input-error"


def test_a_call_begins_with_its_name() -> None:
    chunks = of(call(0, "c", None, '{"a"'), call(0, None, "add", ":1}"))
    assert types(chunks) == ["tool-input-start", "tool-input-delta"]
    assert chunks[1]["inputTextDelta"] == '{"a":1}'


def test_a_call_that_names_no_tool_is_an_error() -> None:
    chunk = ended(call(0, "c", None, "{}"))[0]
    assert (chunk["type"], chunk["toolName"]) == ("tool-input-error", "")
    assert chunk["errorText"] == "The call can't be read: the call names no tool"


def test_each_call_of_a_message_has_an_id_of_its_own() -> None:
    """A page finds a call by its ID, and models give an ID again."""
    chunks = of(call(0, "c", "a"), call(1, "c", "b"), call(2, None, "d"), taken_ids=["c"])
    ids = [chunk["toolCallId"] for chunk in chunks]
    assert ids[:2] == ["c-2", "c-3"]
    assert len(set(ids)) == 3


def test_a_tool_that_is_no_function_is_left_out_and_counted() -> None:
    format = UIMessageFormat()
    custom = ToolCallDelta(0, "c", type="custom", extra={"custom": {"name": "sql"}})
    more = ToolCallDelta(0, extra={"custom": {"input": "SELECT"}})
    assert format.item(Delta(tool_calls=[custom])) + format.item(Delta(tool_calls=[more])) == b""
    assert format.left_out == {"tool_calls": 2}


def test_arguments_are_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_inputs, "MAX_WHOLE_CHARS", 10)
    with pytest.raises(StreamError, match="The arguments of a tool are too long"):
        of(call(0, "c", "add", "123456"), call(1, "d", "add", "78901"))


# Sources.


@pytest.mark.parametrize("nested", [True, False])
def test_an_annotation_with_a_url_is_a_source_within_the_text(nested: bool) -> None:
    cited = {"url": "https://example.org", "title": "Example"}
    annotation = {"type": "url_citation", **({"url_citation": cited} if nested else cited)}
    chunks = of("Hi", Delta(annotations=[annotation]), "!")
    assert types(chunks) == ["text-start", "text-delta", "source-url", "text-delta"]
    assert {**chunks[2], "sourceId": ""} == {"type": "source-url", "sourceId": "", **cited}


def test_sources_have_ids_of_their_own() -> None:
    cited = [{"url": "https://example.org"}, {"url": "https://example.com", "title": None}]
    first, second = of(Delta(annotations=cited))
    assert first["sourceId"] != second["sourceId"]
    assert "title" not in second


def test_another_annotation_is_left_out_and_counted() -> None:
    format = UIMessageFormat()
    assert format.item(Delta(annotations=[{"type": "file_citation", "url_citation": 7}])) == b""
    assert format.left_out == {"annotations": 1}


# Parts of the application's own.


def test_a_mapping_with_a_type_is_a_part_at_its_place() -> None:
    weather = {"type": "data-weather", "id": "paris", "data": {"degrees": 21}}
    chunks = of("Hi", weather, "!")
    assert types(chunks) == [
        *("text-start", "text-delta", "text-end"),
        "data-weather",
        *("text-start", "text-delta"),
    ]
    assert chunks[3] == weather


def test_a_part_that_replaces_an_earlier_one_ends_no_text() -> None:
    weather = {"type": "data-weather", "id": "paris", "data": 21}
    chunks = of(weather, "Hi", {**weather, "data": 22}, "!")
    assert types(chunks)[1:] == ["text-start", "text-delta", "data-weather", "text-delta"]


def test_nor_does_a_part_that_is_not_kept() -> None:
    chunks = of("Hi", {"type": "data-progress", "data": 0.5, "transient": True}, "!")
    assert types(chunks) == ["text-start", "text-delta", "data-progress", "text-delta"]


def test_an_event_is_a_data_part_with_its_type() -> None:
    assert of(ServerSentEvent({"at": 1}, event="progress"), ServerSentEvent("Hi")) == [
        {"type": "data-progress", "data": {"at": 1}},
        {"type": "data-message", "data": "Hi"},
    ]


@pytest.mark.parametrize("item", [{"a": 1}, {"type": "finish"}, {"type": 7}, {}, [1]], ids=repr)
def test_all_else_that_is_json_is_the_data_of_a_part(item: Any) -> None:
    chunks = of("Hi", item)
    assert chunks[2:] == [{"type": "text-end", "id": "text-1"}, {"type": "data-item", "data": item}]


def test_an_event_keeps_its_id_and_an_event_without_data_is_no_part() -> None:
    format = UIMessageFormat()
    frame = format.item(ServerSentEvent(1, event="tick", id="9", comment="hi"))
    assert frame == b': hi\ndata: {"type":"data-tick","data":1}\nid: 9\n\n'
    assert format.has_own_ids
    assert format.item(ServerSentEvent(event="tick", comment="hi")) == b": hi\n"


def test_a_tool_that_the_server_runs_is_answered_behind_the_whole_call() -> None:
    output = {"type": "tool-output-available", "toolCallId": "c", "output": 3}
    step = {"type": "start-step"}
    fragments = (call(0, "c", "add", '{"a":"\ud83d'), call(0, None, None, '\ude00"}'))
    chunks = ended(*fragments, output, step, "3")
    assert types(chunks) == [
        *("tool-input-start", "tool-input-delta", "tool-input-delta", "tool-input-available"),
        *("tool-output-available", "finish-step", "start-step"),
        *("text-start", "text-delta", "text-end", "finish-step", "finish"),
    ]
    assert chunks[3]["input"] == {"a": "😀"}
    assert chunks[-1]["finishReason"] == "stop"


def test_a_call_of_the_next_step_is_another_one() -> None:
    chunks = ended(call(0, "c", "add", "{}"), {"type": "start-step"}, call(0, "c", "add", "{}"))
    whole = [chunk["toolCallId"] for chunk in chunks if chunk["type"] == "tool-input-available"]
    assert whole == ["c", "c-2"]


def test_a_result_belongs_to_the_newest_call_with_its_id() -> None:
    """A page knows the call by the ID that it got."""
    output = {"type": "tool-output-available", "toolCallId": "c", "output": 1}
    step = {"type": "start-step"}
    chunks = of(call(0, "c", "add", "{}"), output, step, call(0, "c", "add", "{}"), output)
    outputs = [chunk["toolCallId"] for chunk in chunks if "output" in chunk]
    assert outputs == ["c", "c-2"]
    assert of(output, taken_ids=["c"]) == [output]
    assert output["toolCallId"] == "c"


def test_an_optional_member_that_is_none_is_left_out() -> None:
    """A page refuses null for it, and the whole answer with it."""
    source = {"type": "source-url", "sourceId": "1", "url": "https://example.org"}
    assert of({**source, "title": None, "id": None, "providerMetadata": None}) == [source]
    assert of({"type": "data-a", "data": None, "transient": None}) == [
        {"type": "data-a", "data": None}
    ]


@pytest.mark.parametrize(
    "part, told",
    [
        (
            {"type": "source-url", "sourceId": "1", "url": "https://example.org", "title": 7},
            "source-url: title has to be text, not int",
        ),
        (
            {"type": "data-a", "data": 1, "transient": 1},
            "data-a: transient has to be True or False, not int",
        ),
        (
            {"type": "file", "url": "data:,", "mediaType": "text/plain", "providerMetadata": "a"},
            "file: providerMetadata has to be a mapping, not str",
        ),
        (
            {"type": "source-document", "sourceId": "1", "mediaType": "text/plain", "title": None},
            "source-document: needs the member title",
        ),
        ({"type": "text-delta", "id": "1", "delta": "Hi"}, "text-delta can't be streamed; give"),
        (
            {"type": "tool-input-available", "toolCallId": "c", "toolName": "add", "input": {}},
            "tool-input-available can't be streamed; give text or a Delta, or raise an error",
        ),
        ({"type": "data-weather"}, "data-weather: needs the member data"),
        ({"type": "data-weather", "data": 1, "id": 7}, "data-weather: id has to be text, not int"),
        ({"type": "file", "url": "data:,"}, "file: needs the member mediaType"),
        ({"type": "source-url", "sourceId": "1", "url": None}, "source-url: url has to be text"),
        (7, "int can't be streamed; give text"),
    ],
)
def test_a_part_that_no_page_could_read_is_refused(part: Any, told: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        UIMessageFormat().item(part)
    assert str(error.value).startswith(told)


NAN = float("nan")


@pytest.mark.parametrize(
    "item",
    [
        {"type": "data-a", "data": NAN},
        {"type": "start-step", "at": NAN},
        ServerSentEvent({"at": NAN}, event="a"),
        [NAN],
        Delta("Ho", "Hm", tool_calls=[ToolCallDelta(0, "c", "add", "123")]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("before", ["", "Hi"])
def test_behind_an_item_that_can_t_be_sent_the_failure_ends_the_text(
    before: str, item: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_inputs, "MAX_WHOLE_CHARS", 2)
    format = UIMessageFormat()
    sent = format.item(before)
    with pytest.raises((ValueError, StreamError)):
        format.item(item)
    chunks = read(sent + format.failure(FAILURE, None))
    text = ["text-start", "text-delta", "text-end"] if before else []
    assert types(chunks) == [*text, "error"]


# A view of one's own.


def test_a_failure_before_the_first_byte_is_its_words_alone(serve: Any, client: Any) -> None:
    def failing() -> Iterator[str]:
        raise StreamError("Closed for the night.", status=503, retry_after=60)
        yield

    serve(failing, format="ui-message", hold=5)
    answer = client.get("/")
    assert (answer.status_code, answer.data) == (503, b"Closed for the night.")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Retry-After"] == "60"
    assert "x-vercel-ai-ui-message-stream" not in answer.headers


def test_half_a_character_in_its_words_is_replaced() -> None:
    body = UIMessageFormat.early_failure(ErrorInfo("server_error", "\ud83d!", "1f"))
    assert body == ("text/plain; charset=utf-8", "\ufffd!".encode())


def test_its_answer_has_the_header_of_the_stream(serve: Any, client: Any) -> None:
    serve(lambda: ["Hi"], format="ui-message")
    with client.get("/") as answer:
        assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert types(read(answer.data))[2:5] == ["text-start", "text-delta", "text-end"]


# Whatever is said, in whatever order.

TEXTS = st.sampled_from(["", "a", "\ud83d", "\ude00", "\u2028", '"', "{}"])
CALLS = st.builds(
    ToolCallDelta,
    index=st.integers(0, 2),
    id=st.sampled_from([None, "c", "d"]),
    name=st.sampled_from([None, "add", ""]),
    arguments=st.none() | TEXTS,
    type=st.sampled_from([None, "function", "custom"]),
)
DELTAS = st.builds(Delta, TEXTS, TEXTS, TEXTS, st.lists(CALLS, max_size=2))
PARTS = st.sampled_from(
    [
        {"type": "data-a", "id": "1", "data": None},
        {"type": "data-b", "data": 1, "transient": True},
        {"type": "source-url", "sourceId": "1", "url": "https://example.org"},
        {"type": "start-step"},
    ]
)
ANSWERS = st.lists(TEXTS | DELTAS | PARTS, max_size=12)


@given(ANSWERS, st.sampled_from(["complete", "cancelled", "error"]))
def test_a_block_is_opened_filled_and_closed_and_no_other_is_open(items: Any, reason: str) -> None:
    chunks = whole_answer(items, reason)
    opened: List[str] = []
    for chunk in chunks:
        kind, _, what = chunk["type"].partition("-")
        if kind not in ("text", "reasoning"):
            continue
        if what == "start":
            assert opened in ([], [""])
            opened = [chunk["id"]]
        assert opened == [chunk["id"]]
        if what == "end":
            opened = [""]
    assert opened in ([], [""])
    starts = [chunk["id"] for chunk in chunks if chunk["type"] in ("text-start", "reasoning-start")]
    assert len(starts) == len(set(starts))


@given(ANSWERS, st.sampled_from(["complete", "cancelled", "error"]))
def test_a_call_is_begun_once_and_is_whole_only_at_a_good_end(items: Any, reason: str) -> None:
    begun: List[str] = []
    whole: List[str] = []
    for chunk in whole_answer(items, reason):
        if chunk["type"] == "tool-input-start":
            begun.append(chunk["toolCallId"])
        elif chunk["type"] == "tool-input-delta":
            assert chunk["toolCallId"] in set(begun) - set(whole)
        elif "input" in chunk:
            whole.append(chunk["toolCallId"])
    assert len(whole) == len(set(whole)) and len(begun) == len(set(begun))
    assert set(begun) <= set(whole) or reason != "complete"


def whole_answer(items: Any, reason: str) -> Chunks:
    return read(framed(items, reason))


def framed(items: Any, reason: str) -> bytes:
    """The bytes of a whole answer, with a heartbeat behind each item."""
    format = UIMessageFormat()
    frames = [format.item(item) + format.heartbeat() for item in items]
    said = format.opening("", "7:0") + b"".join(frames) + format.rest()
    if reason == "error":
        return said + format.failure(FAILURE, None)
    return said + format.ending(Ending(reason), "7:ended")


@given(st.lists(TEXTS | st.builds(Delta, TEXTS, TEXTS), max_size=12))
def test_no_text_is_lost(items: Any) -> None:
    said = "".join([item.words if isinstance(item, Delta) else item for item in items])
    thought = "".join([item.reasoning for item in items if isinstance(item, Delta)])
    chunks = ended(*items)
    for kind, text in (("text", said), ("reasoning", thought)):
        got = "".join(chunk["delta"] for chunk in chunks if chunk["type"] == f"{kind}-delta")
        assert got == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
