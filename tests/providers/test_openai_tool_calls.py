"""``ToolCalls``: whatever way a server sends its calls, a client puts the same calls together."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.deltas import ToolCallDelta
from flask_llmstream.providers.openai.tool_calls import ToolCalls

CALLS = [("a", "weather", {"city": "Wien"}), ("b", "clock", {})]


def fragment(index=None, id=None, name=None, arguments=None, **more) -> Dict[str, Any]:
    said = {"index": index, "id": id, "type": id and "function", **more}
    function = {"name": name, "arguments": arguments}
    return dict(said, function={key: value for key, value in function.items() if value is not None})


def put_together(*deltas: Any) -> List[List[Any]]:
    """The calls as a client of OpenAI's form adds them up: texts by index, in order."""
    calls: Dict[int, Dict[str, str]] = {}
    reader = ToolCalls()
    for fragments in deltas:
        for each in reader.read(fragments):
            call = calls.setdefault(each.index, dict.fromkeys(("id", "name", "arguments"), ""))
            for name in call:
                call[name] += getattr(each, name) or ""
    return [
        [call["id"], call["name"], json.loads(call["arguments"] or "null")]
        for _, call in sorted(calls.items())
    ]


def whole_calls(**more: Any) -> List[Dict[str, Any]]:
    return [
        fragment(None, id, name, json.dumps(arguments), **more) for id, name, arguments in CALLS
    ]


def test_fragments_in_openais_form_stay_as_they_are():
    reader = ToolCalls()
    read = [
        reader.read([fragment(0, "a", "f", "")]),
        reader.read([{"index": 0, "function": {"arguments": '{"x"'}}]),
    ]
    assert read == [
        (ToolCallDelta(0, "a", "f", "", "function"),),
        (ToolCallDelta(0, arguments='{"x"'),),
    ]


@pytest.mark.parametrize("index", [{}, {"index": 0}, {"index": None}, {"index": "0"}])
def test_whole_calls_without_an_index_of_their_own_are_numbered(index):
    """Gemini and Ollama."""
    together = [dict(call, **index) for call in whole_calls()]
    assert put_together(together) == [list(call) for call in CALLS]
    assert put_together(*([call] for call in together)) == [list(call) for call in CALLS]


def test_arguments_may_be_an_object():
    calls = [fragment(0, id, name, arguments) for id, name, arguments in CALLS]
    assert put_together(calls) == [list(call) for call in CALLS]


def test_a_call_without_an_id_is_given_one():
    (first,) = ToolCalls().read([{"function": {"name": "f", "arguments": {}}}])
    (other,) = ToolCalls().read([{"id": "", "function": {"name": "f", "arguments": {}}}])
    assert first.id and other.id and first.id != other.id


def test_two_calls_without_ids_are_two():
    reader = ToolCalls()
    one = {"function": {"name": "f", "arguments": {}}}
    assert [call.index for each in ([one], [one, one]) for call in reader.read(each)] == [0, 1, 2]


def test_fragments_without_an_index_go_by_their_place():
    begun = [fragment(None, "a", "f"), fragment(None, "b", "g")]
    texts = [{"function": {"arguments": "1"}}, {"function": {"arguments": "2"}}]
    assert put_together(begun, texts) == [["a", "f", 1], ["b", "g", 2]]


def test_or_by_their_id():
    begun = [fragment(None, "a", "f"), fragment(None, "b", "g")]
    more = [{"id": "a", "function": {"arguments": "1"}}]
    last = [{"function": {"arguments": "2"}}]
    assert put_together(begun, more, last) == [["a", "f", 1], ["b", "g", 2]]


def test_id_and_name_are_said_once_though_the_server_repeats_them():
    parts = [[fragment(0, "a", "f", text)] for text in ("[", "1", "]")]
    assert put_together(*parts) == [["a", "f", [1]]]


def test_an_id_of_each_fragment_changes_nothing():
    parts = [fragment(0, "a", "f", "["), fragment(0, "z", None, "]")]
    assert put_together(*([each] for each in parts)) == [["a", "f", []]]


def test_a_last_part_that_repeats_the_calls_adds_nothing():
    calls = [fragment(place, *call[:2], json.dumps(call[2])) for place, call in enumerate(CALLS)]
    assert put_together(calls, calls, whole_calls()) == [list(call) for call in CALLS]


def test_one_id_for_two_calls_is_two_calls():
    calls = [fragment(None, "f", "f", {"x": number}) for number in (1, 2)]
    assert put_together(calls) == [["f", "f", {"x": 1}], ["f", "f", {"x": 2}]]


def test_a_call_may_have_its_members_flat_and_no_list():
    assert put_together({"id": 7, "name": "f", "arguments": "{}"}) == [["7", "f", {}]]


def test_other_members_are_kept():
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    (call,) = ToolCalls().read([fragment(0, "a", "f", "{}", **extra)])
    assert call.as_json()["extra_content"] == extra["extra_content"]


def test_a_custom_tool_is_given_back_as_it_came():
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}
    (call,) = ToolCalls().read([custom])
    assert call.as_json() == custom


@pytest.mark.parametrize("nothing", [None, [], {}, [None], [{}], [{"index": 0}], [{"id": ""}]])
def test_empty_fragments_say_nothing(nothing):
    assert ToolCalls().read(nothing) == ()


@pytest.mark.parametrize(
    "broken, name",
    [
        ("f()", "tool_calls"),
        (7, "tool_calls"),
        ([7], "tool_calls"),
        ([{"function": "f"}], "function"),
        ([{"function": {"name": 7.5}}], "name"),
        ([{"function": {"name": "f", "arguments": 7}}], "arguments"),
        ([{"id": ["a"]}], "id"),
    ],
)
def test_an_unreadable_call_is_named(broken, name):
    with pytest.raises(ValueError, match=name):
        ToolCalls().read(broken)


json_objects = st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.text()))


@st.composite
def dialects(draw):
    """Calls, and the deltas by which a server sends them, one after another."""
    names = draw(st.lists(st.sampled_from(["f", "g", "h"]), min_size=1, max_size=4))
    calls = [[f"id{place}", name, draw(json_objects)] for place, name in enumerate(names)]
    has_index, repeats = draw(st.booleans()), draw(st.booleans())
    deltas = []
    for place, (id, name, arguments) in enumerate(calls):
        text = json.dumps(arguments)
        cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=3)) | {0})
        for begin, end in zip(cuts, [*cuts[1:], len(text)]):
            said = {"id": id, "name": name} if not begin or repeats else {}
            said["index"] = place if has_index else None
            deltas.append([fragment(**said, arguments=text[begin:end])])
    return calls, deltas


@given(dialects())
def test_any_dialect_gives_the_same_calls(dialect):
    calls, deltas = dialect
    assert put_together(*deltas) == calls
