"""``Merged``: the pieces of a JSON value become one value."""

from __future__ import annotations

from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.merging import Merged


def merged(*pieces: Any, joined: Any = (str, list)) -> Any:
    value = Merged(joined)
    for piece in pieces:
        value.add(piece)
    return value.value


@pytest.mark.parametrize(
    "pieces, value",
    [
        ([], None),
        ([None, None], None),
        (["a", "b", "", None, "c"], "abc"),
        ([1, 2], 2),
        ([True, None], True),
        ([""], ""),
        ([1, ""], 1),
        (["", 1], 1),
        ([{"type": ""}, {"type": "x"}, {"type": ""}], {"type": "x"}),
        ([[1], [2], (3,)], [1, 2, 3]),
        ([{"a": "x"}, {"a": "y", "b": 1}, {}], {"a": "xy", "b": 1}),
        ([{"a": {"b": [1]}}, {"a": {"b": [2]}}], {"a": {"b": [1, 2]}}),
        (["a", 1], 1),
        ([{"a": 1}, "b", "c"], "bc"),
        (["a", ["b"]], ["b"]),
    ],
)
def test_pieces_become_one_value(pieces: List[Any], value: Any) -> None:
    assert merged(*pieces) == value


def test_a_label_is_a_whole_in_each_piece() -> None:
    call = {"id": "call_1", "name": "add", "arguments": "{"}
    later = {"id": "call_1", "name": "", "arguments": "}"}
    assert merged(call, later) == {"id": "call_1", "name": "add", "arguments": "{}"}


def test_objects_in_lists_are_merged_by_their_index() -> None:
    first = [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}, {"text": "alone"}]
    second = [{"index": 1, "text": "c"}, {"index": True, "text": "no index"}]
    assert merged(first, second) == [
        {"index": 0, "text": "a"},
        {"index": 1, "text": "bc"},
        {"text": "alone"},
        {"index": True, "text": "no index"},
    ]


def test_where_nothing_comes_in_pieces_the_last_counts() -> None:
    facts = [{"mark": "fp", "list": [1]}, {"mark": "fp", "list": [1, 2], "more": {"a": "b"}}]
    assert merged(*facts, joined=()) == {"mark": "fp", "list": [1, 2], "more": {"a": "b"}}


def test_a_fact_that_is_repeated_is_kept_once() -> None:
    value = Merged(())
    assert value.add("fp_1") > 0
    assert value.add("fp_1") == 0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "id", "index"]), inside, max_size=3),
    max_leaves=8,
)


@given(pieces=st.lists(values, max_size=5))
def test_any_pieces_become_a_value_whose_size_is_known(pieces: List[Any]) -> None:
    value = Merged()
    sizes = [value.add(piece) for piece in pieces]
    assert all(size >= 0 for size in sizes)
    assert sum(sizes) >= longest_text(value.value)


def longest_text(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(map(longest_text, inside), default=0)


@given(pieces=st.lists(st.text(max_size=4)))
def test_texts_are_joined(pieces: List[str]) -> None:
    assert merged(*pieces, "") == "".join(pieces)
