"""``Delta``: a piece of an answer that says more than text."""

from __future__ import annotations

from collections import OrderedDict

import pytest

from flask_llmstream import Delta, ToolCallDelta
from flask_llmstream.deltas import DeltaSum


def test_the_openai_form_has_the_members_that_say_something():
    delta = Delta(reasoning="hm", extra={"audio": {"id": "a"}})
    assert delta.as_json() == {"audio": {"id": "a"}, "reasoning_content": "hm"}


def test_log_probabilities_are_no_part_of_it():
    assert Delta("Hi", logprobs={"content": []}).as_json() == {"content": "Hi"}


def test_reasoning_goes_out_under_the_servers_own_name():
    assert Delta(reasoning="hm", reasoning_name="reasoning").as_json() == {"reasoning": "hm"}


def test_the_first_fragment_of_a_call_says_that_it_is_a_function():
    call = ToolCallDelta(id="call_1", name="add", arguments="")
    function = {"name": "add", "arguments": ""}
    assert call.as_json() == {"index": 0, "id": "call_1", "type": "function", "function": function}


def test_a_later_fragment_has_only_arguments():
    call = ToolCallDelta(1, arguments='{"a":')
    assert call.as_json() == {"index": 1, "function": {"arguments": '{"a":'}}


def test_a_tool_that_is_no_function_goes_through():
    call = ToolCallDelta(id="c", type="custom", extra={"custom": {"name": "sql", "input": ""}})
    assert call.as_json() == {
        "index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": ""}
    }  # fmt: skip


def test_other_members_of_the_function_stay_beside_its_own():
    call = ToolCallDelta(name="add", extra={"function": {"strict": True}, "extra_content": {}})
    assert call.as_json() == {
        "index": 0, "extra_content": {}, "function": {"name": "add", "strict": True}
    }  # fmt: skip


def test_kinds_are_the_fields_that_say_something():
    delta = Delta("Hi", refusal="no", tool_calls=[ToolCallDelta()], choice_extra={"x": 1})
    assert list(delta.kinds()) == ["text", "refusal", "tool_calls", "extra"]
    assert list(Delta().kinds()) == []


def test_lists_become_tuples_so_that_a_delta_stays_as_it_is():
    calls = [ToolCallDelta()]
    delta = Delta(tool_calls=calls)
    calls.clear()
    assert delta.tool_calls == (ToolCallDelta(),)
    assert hash(delta) == hash(Delta(tool_calls=[ToolCallDelta()]))


@pytest.mark.parametrize(
    "name, value",
    [
        ("text", None), ("reasoning", ["hm"]), ("refusal", 7), ("reasoning_name", None),
        ("reasoning_name", "content"),
        ("tool_calls", "call"), ("tool_calls", [{"index": 0}]), ("tool_calls", None),
        ("tool_calls", ToolCallDelta(0)), ("annotations", {"a": 1}), ("annotations", ["a"]),
        ("annotations", 7), ("logprobs", []), ("extra", None), ("choice_extra", []),
        ("chunk_extra", "x"),
    ],
)  # fmt: skip
def test_what_a_field_can_not_hold_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=f"^{name}: "):
        Delta(**{name: value})


@pytest.mark.parametrize(
    "name, value",
    [("index", -1), ("index", True), ("index", "0"), ("id", 7), ("name", b"f"),
     ("arguments", {"a": 1}), ("type", 1), ("extra", None), ("extra", {"function": "f"})],
)  # fmt: skip
def test_so_is_what_a_fragment_of_a_call_can_not_hold(name, value):
    with pytest.raises(ValueError, match=f"^{name}"):
        ToolCallDelta(**{name: value})


def test_any_mapping_may_hold_other_members():
    assert Delta(extra=OrderedDict(audio=1)).as_json() == {"audio": 1}


# Sums.


def test_two_pieces_of_an_answer_make_one():
    assert Delta("a", reasoning="x") + Delta("b", refusal="c", reasoning="y") == Delta(
        "ab", reasoning="xy", refusal="c"
    )
    assert "a" + Delta("b") + "c" == Delta("abc")


def test_calls_are_joined_by_their_index():
    first = Delta(tool_calls=[ToolCallDelta(1, "b", "sub", "{"), ToolCallDelta(0, "a", "add", "[")])
    later = Delta(tool_calls=[ToolCallDelta(0, arguments="]"), ToolCallDelta(1, arguments="}")])
    assert (first + later).tool_calls == (
        ToolCallDelta(0, "a", "add", "[]"),
        ToolCallDelta(1, "b", "sub", "{}"),
    )


def test_lists_are_joined_and_facts_about_the_answer_are_said_once():
    first = Delta(
        logprobs={"content": [1], "refusal": None},
        annotations=[{"a": 1}],
        extra={"audio": {"id": "x", "data": "ab"}},
        choice_extra={"stop_reason": None, "token_ids": [1]},
        chunk_extra={"system_fingerprint": "fp", "citations": ["u"]},
    )
    later = Delta(
        logprobs={"content": [2], "refusal": None},
        annotations=[{"b": 2}],
        extra={"audio": {"id": "x", "data": "cd"}},
        choice_extra={"stop_reason": "eos", "token_ids": [2]},
        chunk_extra={"system_fingerprint": "fp", "citations": ["u", "v"]},
    )
    assert first + later == Delta(
        logprobs={"content": [1, 2], "refusal": None},
        annotations=[{"a": 1}, {"b": 2}],
        extra={"audio": {"id": "x", "data": "abcd"}},
        choice_extra={"stop_reason": "eos", "token_ids": [1, 2]},
        chunk_extra={"system_fingerprint": "fp", "citations": ["u", "v"]},
    )


def test_reasoning_keeps_its_server_s_name_in_a_sum():
    total = Delta(reasoning="x", reasoning_name="reasoning") + Delta("a")
    assert total.as_json() == {"content": "a", "reasoning": "x"}


def test_a_call_without_arguments_stays_one_in_a_sum():
    call = ToolCallDelta(0, "a", "now", "")
    assert (Delta(tool_calls=[call]) + "!").tool_calls == (call,)


def test_a_value_that_is_nested_too_deeply_is_refused_by_a_sum():
    value: list = []
    value.append(value)
    with pytest.raises(ValueError, match="nested too deeply"):
        Delta("a") + Delta(logprobs={"content": [value]})


def test_nothing_else_can_be_added():
    for other in (None, 1, {"a": 1}):
        with pytest.raises(TypeError):
            Delta("a") + other
        with pytest.raises(TypeError):
            other + Delta("a")


def test_a_sum_knows_how_much_it_keeps():
    total = DeltaSum()
    for _ in range(3):
        total.add(Delta("abc", reasoning="de", chunk_extra={"mark": "fp"}))
    total.add("fg")
    assert 17 <= total.size <= 50
