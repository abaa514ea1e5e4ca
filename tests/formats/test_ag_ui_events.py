"""AG-UI's events: each is one of the protocol's, and none is in a place where readers refuse it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import Delta, ToolCallDelta
from flask_llmstream.formats.ag_ui import AGUIFormat
from flask_llmstream.records import Ending, ErrorInfo, Gap, Usage
from flask_llmstream.sse.decoder import EventStreamDecoder
from flask_llmstream.sse.event import ServerSentEvent
from tests.conftest import needs

COMPLETE = Ending("complete")
FAILED = ErrorInfo("busy", "Too many questions.", "id-7", 429, retry_after=7, field="messages")


def made() -> AGUIFormat:
    format = AGUIFormat(thread_id="thread", run_id="run")
    format.stream_id = "s"
    return format


def read(*frames: bytes) -> List[Dict[str, Any]]:
    return [json.loads(event.data) for event in EventStreamDecoder().feed(b"".join(frames))]


def run(*items: Any, ending: Ending = COMPLETE) -> List[Dict[str, Any]]:
    """The events of a run, without the one that starts it."""
    format = made()
    frames = [format.item(item) for item in items]
    return read(*frames, format.rest(), format.ending(ending, None))


def kinds(events: List[Dict[str, Any]]) -> List[str]:
    return [event["type"] for event in events]


def call(index: int, id: Any = None, name: Any = None, arguments: Any = None, **more: Any) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(index, id, name, arguments, **more),))


# The run.


def test_a_run_begins_and_ends_with_the_ids_of_its_request() -> None:
    format = made()
    started, finished = read(format.opening("", None), format.ending(COMPLETE, None))
    assert started == {
        "type": "RUN_STARTED",
        "threadId": "thread",
        "runId": "run",
        "protocolVersion": "1.0",
    }
    assert finished == {"type": "RUN_FINISHED", "threadId": "thread", "runId": "run"}


def test_without_ids_it_has_the_stream_s() -> None:
    format = AGUIFormat()
    format.stream_id = "s"
    (started,) = read(format.opening(None, None))
    assert (started["threadId"], started["runId"]) == ("s", "s")


def test_its_end_tells_what_was_counted_and_no_count_that_was_not() -> None:
    format = AGUIFormat(model="gemma")
    usage = Usage(prompt_tokens=5, cached_tokens=3, finish_reason="length")
    (finished,) = read(format.ending(Ending("complete", usage), None))
    assert finished["usage"] == [{"model": "gemma", "inputTokens": 5, "cachedInputTokens": 3}]
    assert finished["metadata"] == {"finishReason": "length"}


def test_an_answer_that_was_cancelled_does_not_look_whole() -> None:
    outcome = {"type": "RUN_FINISHED", "outcome": {"type": "success"}}
    for items in ((), (outcome,)):
        *_, finished = run("Hello", *items, ending=Ending("cancelled"))
        assert finished["outcome"] == {"type": "cancelled"}


def test_a_failure_names_the_field_and_leaves_open_what_is_not_whole() -> None:
    format = made()
    *_, error = events = read(format.item("Hel"), format.failure(FAILED, None))
    assert kinds(events) == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "RUN_ERROR"]
    assert (error["message"], error["code"]) == ("Too many questions.", "busy")
    assert error["metadata"] == {"id": "id-7", "field": "messages", "retryAfter": 7}


def test_lost_items_are_told_as_an_event_of_the_stream_s_own() -> None:
    (gap,) = read(made().gap(Gap(3)))
    assert gap == {"type": "CUSTOM", "name": "gap", "value": {"lost": 3}}


# Messages.


def test_a_message_begins_with_its_first_text_and_ends_before_anything_else_begins() -> None:
    events = run(Delta(reasoning="Hm"), Delta(reasoning="."), "Hi", " you", Delta(refusal="No."))
    assert kinds(events) == [
        "REASONING_START",
        "REASONING_MESSAGE_START",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END",
        "REASONING_END",
        "TEXT_MESSAGE_START",
        *["TEXT_MESSAGE_CONTENT"] * 3,
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    assert {event.get("messageId") for event in events} == {"s-1", "s-2", None}


def test_no_delta_is_empty_since_older_readers_refuse_one() -> None:
    assert kinds(run("", Delta(""), call(0, "a", "add", ""))) == [
        "TOOL_CALL_START",
        "TOOL_CALL_END",
        "RUN_FINISHED",
    ]


def test_calls_belong_to_the_message_before_them_and_stay_open_to_the_end() -> None:
    fragments = [call(0, "a", "add", "{"), call(1, "b", "add", "["), call(0, arguments="}")]
    events = run("Hi", *fragments, call(1, arguments="]"))
    assert kinds(events)[2:] == [
        "TEXT_MESSAGE_END",
        *["TOOL_CALL_START", "TOOL_CALL_ARGS"] * 2,
        *["TOOL_CALL_ARGS"] * 2,
        *["TOOL_CALL_END"] * 2,
        "RUN_FINISHED",
    ]
    parents = [each["parentMessageId"] for each in events if "parentMessageId" in each]
    assert parents == [events[0]["messageId"]] * 2


def test_calls_without_text_make_a_message_of_their_own() -> None:
    events = run(Delta(reasoning="Hm"), call(0, "a", "add"))
    (start,) = [event for event in events if event["type"] == "TOOL_CALL_START"]
    assert start["parentMessageId"] not in {each.get("messageId") for each in events}


@pytest.mark.parametrize("first", [None, "", "a"])
def test_every_call_has_an_id_of_its_own(first: Any) -> None:
    events = run(call(0, first, "add"), call(1, first, "add"), call(2, first, "add"))
    ids = [event["toolCallId"] for event in events if event["type"] == "TOOL_CALL_START"]
    assert len(set(ids)) == 3 and all(ids)


def test_a_call_begins_with_its_name_and_keeps_what_came_before_it() -> None:
    events = run(call(0, None, None, '{"a"'), call(0, "a", "add", ":1}"))
    assert kinds(events)[:2] == ["TOOL_CALL_START", "TOOL_CALL_ARGS"]
    assert (events[0]["toolCallName"], events[1]["delta"]) == ("add", '{"a":1}')


@pytest.mark.parametrize("named", [[call(0, None, "add")], []], ids=["a name", "no name"])
def test_a_call_keeps_an_id_that_came_before_its_name(named: List[Delta]) -> None:
    (start,) = (each for each in run(call(0, "a"), *named) if each["type"] == "TOOL_CALL_START")
    assert start["toolCallId"] == "a"


def test_a_call_of_another_kind_is_left_out_and_counted() -> None:
    format = made()
    assert format.item(call(0, "a", type="custom", extra={"custom": {"name": "x"}})) == b""
    assert format.left_out == {"tool_calls": 1}


# What a source gives itself.


def test_a_mapping_of_the_protocol_s_is_sent_as_it_is() -> None:
    for item in (
        {"type": "STATE_SNAPSHOT", "snapshot": {"a": 1}},
        {"type": "STATE_DELTA", "delta": []},
        {"type": "CUSTOM", "name": "a", "value": None},
        {"type": "RAW", "event": [1]},
    ):
        assert run(item)[0] == item
        members = {name: value for name, value in item.items() if name != "type"}
        assert run(ServerSentEvent(members, event=str(item["type"])))[0] == item


@pytest.mark.parametrize("item", [{"type": "other"}, {"type": ["RAW"]}, {"type": None}, {}, [1]])
def test_any_other_is_the_value_of_an_event(item: Any) -> None:
    assert run(item)[0] == {"type": "CUSTOM", "name": "data", "value": item}
    assert read(AGUIFormat("step").item(item))[0]["name"] == "step"


def test_an_event_of_the_stream_keeps_its_fields() -> None:
    frame = made().item(ServerSentEvent("a", event="note", id="7", retry=9, comment="c"))
    (event,) = EventStreamDecoder().feed(frame)
    assert json.loads(event.data) == {"type": "CUSTOM", "name": "note", "value": "a"}
    assert (event.id, event.event) == ("7", "message")
    assert b": c\n" in frame and b"retry: 9\n" in frame


@pytest.mark.parametrize("kind", ["RUN_STARTED", "TEXT_MESSAGE_CONTENT", "TOOL_CALL_START"])
def test_an_event_that_the_format_makes_is_refused_by_its_name(kind: str) -> None:
    with pytest.raises(ValueError, match=f"^{kind} can't be streamed; give text or a Delta"):
        made().item({"type": kind, "messageId": "1", "delta": "a"})


def test_a_result_ends_the_calls_and_text_behind_it_is_a_new_message() -> None:
    result = {"type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "a", "content": "1"}
    events = run("Hi", call(0, "a", "add", "{}"), result, "So", call(0, "b", "add", "{}"))
    kept = [each for each in kinds(events) if each.endswith(("START", "END", "RESULT"))]
    assert kept == [
        *["TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "TOOL_CALL_START", "TOOL_CALL_END"],
        "TOOL_CALL_RESULT",
        *["TEXT_MESSAGE_START", "TEXT_MESSAGE_END", "TOOL_CALL_START", "TOOL_CALL_END"],
    ]
    starts = [each["messageId"] for each in events if each["type"] == "TEXT_MESSAGE_START"]
    assert len(set(starts)) == 2


def test_what_a_step_began_ends_with_the_run() -> None:
    names = ("a", "b", "c")
    steps = [{"type": "STEP_STARTED", "stepName": name} for name in names]
    events = run(*steps, {"type": "STEP_FINISHED", "stepName": "b"})
    assert [each["stepName"] for each in events if each["type"] == "STEP_FINISHED"] == [*"bca"]


# Anything.

texts = st.text("a\ud83d\ude00\u2028é", max_size=3)
calls = st.builds(
    ToolCallDelta,
    st.integers(0, 2),
    st.sampled_from([None, "", "a", "b"]),
    st.sampled_from([None, "", "add"]),
    st.none() | texts,
    st.sampled_from([None, "function", "custom"]),
)
deltas = st.builds(
    Delta, text=texts, reasoning=texts, refusal=texts, tool_calls=st.lists(calls, max_size=2)
)
own = st.sampled_from(
    [
        {"type": "STEP_STARTED", "stepName": "a"},
        {"type": "STEP_FINISHED", "stepName": "a"},
        {"type": "STATE_SNAPSHOT", "snapshot": None},
        {"type": "TOOL_CALL_RESULT", "messageId": "r", "toolCallId": "a", "content": "1"},
        {"type": "RUN_FINISHED", "result": 1},
        {"a": "\ud83d"},
        ServerSentEvent([1], event="e"),
    ]
)
OPENS = {"TEXT_MESSAGE": "messageId", "REASONING_MESSAGE": "messageId", "TOOL_CALL": "toolCallId"}


def check_order(events: List[Dict[str, Any]]) -> None:
    """What is continued or ended is open, and nothing is open at the end."""
    is_open: Counter[Any] = Counter()
    for event in events:
        kind, _, part = event["type"].rpartition("_")
        if kind not in OPENS or part == "RESULT":
            continue
        key = kind, event[OPENS[kind]]
        assert is_open[key] == (part != "START"), event
        is_open[key] += {"START": 1, "END": -1}.get(part, 0)
    assert +is_open == Counter()


@given(st.lists(texts | deltas | own, max_size=8))
def test_any_items_make_events_in_the_order_that_readers_verify(items: List[Any]) -> None:
    events = run(*items)
    check_order(events)
    assert [each.get("delta", "a") for each in events if each.get("delta") == ""] == []


def core() -> Any:
    """The types of the protocol's own package."""
    if sys.version_info < (3, 10):
        pytest.skip("ag-ui-protocol is installed from Python 3.10 on")
    needs("ag-ui-protocol", find_spec("ag_ui"))
    return import_module("ag_ui.core")


@given(st.lists(texts | deltas | own, max_size=8), st.sampled_from(["complete", "cancelled"]))
def test_any_items_make_events_that_the_protocol_s_own_package_knows(
    items: List[Any], reason: str
) -> None:
    from pydantic import TypeAdapter

    adapter: Any = TypeAdapter(core().Event)
    format = made()
    frames = [format.opening("", "s:0"), *map(format.item, items), format.rest()]
    usage = Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=0)
    ends = format.ending(Ending(reason, usage), "s:1"), format.failure(FAILED, None)
    for event in read(*frames, *ends):
        known = adapter.validate_python(event)
        assert not unknown_members(known), event


def unknown_members(model: Any) -> List[str]:
    """The members that no model has, at any depth."""
    found = list(model.model_extra or ())
    for name in model.model_fields_set:
        inner = getattr(model, name, None)
        for each in inner if isinstance(inner, list) else [inner]:
            found += unknown_members(each) if hasattr(each, "model_extra") else []
    return found


def test_an_event_of_the_protocol_s_own_package_is_sent_as_that_event() -> None:
    event = core().StateSnapshotEvent(snapshot={"a": 1}, metadata={"b": 2})
    assert run(event)[0] == {
        "type": "STATE_SNAPSHOT",
        "snapshot": {"a": 1},
        "metadata": {"b": 2},
    }


@pytest.mark.parametrize(
    "kind, members",
    [("CustomEvent", {"name": "n", "value": None}), ("StateSnapshotEvent", {"snapshot": None})],
)
def test_null_stays_where_a_member_has_to_be(kind: str, members: Dict[str, Any]) -> None:
    event = getattr(core(), kind)(**members)
    assert run(event)[0] == {"type": event.type.value, **members}
