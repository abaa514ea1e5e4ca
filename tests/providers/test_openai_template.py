"""``Template``: a text that fits says the same as all others that do, but for the holes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.providers.openai.template import Template
from flask_llmstream.providers.upstream.part import parse_part
from tests.providers.any_json import json_values

NAMES = ["content", "id", "text"]


TEXTS = ["a", "", 'say "a"', "\\", "\n\t", "漢字", "🚀", "\x7f", "</a>\u2028"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_it_finds_the_value_of_a_member(text, ensure_ascii):
    written = json.dumps({"id": 1, "content": text}, ensure_ascii=ensure_ascii)
    assert Template('{"id": 1, "content": "x"}', ["content"]).values_in(written) == [text]


def test_of_several_members_in_the_order_of_the_text():
    template = Template('{"id": 1, "delta": {"content": "x"}, "text": null}', NAMES)
    assert template.names == ["id", "content", "text"]
    read = template.values_in('{"id": -2.5e3, "delta": {"content": "y"}, "text": "z"}')
    assert read == [-2500.0, "y", "z"]


@pytest.mark.parametrize(
    "other",
    [
        '{"id": 2, "content": "y"}', '{"id": 1,  "content": "y"}', '{"id": 1, "content": 7}',
        '{"id": 1, "content": "y"} ', '{"id": 1, "content": "y"', '{"id": 1, "content": "y',
        '{"id": 1, "content": "\n"}', r'{"id": 1, "content": "\x"}', '{"id": 1, "content": "y" }',
        r'{"id": 1, "content": "y\"}', '{"id": 1, "content": ', "", "[DONE]",
    ],
)  # fmt: skip
def test_a_text_that_differs_elsewhere_does_not_fit(other):
    assert Template('{"id": 1, "content": "x"}', ["content"]).values_in(other) is None


@pytest.mark.parametrize("value", ["[1]", "{}", "012", "1.", "-", "nul", "[" * 100_000, ""])
def test_nor_does_a_list_or_what_is_no_value(value):
    assert Template('{"id": 1}', ["id"]).values_in(f'{{"id": {value}}}') is None


@pytest.mark.parametrize(
    "text", ['{"id": 1, "id": 2}', '{"id": [1]}', '{"id": {"id": 1}}', '{"\\u0069d": 1}', "{}"]
)
def test_a_member_twice_or_with_more_than_one_value_has_no_hole(text):
    assert Template(text, ["id"]).names == []


def test_a_name_in_a_string_is_no_member():
    text = json.dumps({"a": 'the "id": 1', "b": "id", "id": 2})
    template = Template(text, ["id"])
    assert template.values_in(text.replace("2", "3")) == [3]


members = st.dictionaries(st.sampled_from([*NAMES, 'an "id', "x"]), json_values, min_size=1)
values = json_values | st.sampled_from(['"', "\\", "\ud800", "id", "1"])


@given(members, st.lists(values, min_size=3, max_size=3))
def test_a_text_that_fits_says_the_rest_of_the_template(said, others):
    template = Template(json.dumps(said), NAMES)
    text = template.filled(map(json.dumps, others))
    read = template.values_in(text)
    if read is not None:
        assert_same(parse_part(template.filled(map(json.dumps, read))), parse_part(text))


@given(members, st.data())
def test_and_so_does_any_other_text_that_fits(said, data):
    written = json.dumps(said)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(written))] * 2)))
    new = data.draw(st.text(st.sampled_from('"\\ :,{}[]id1nul\n'), max_size=5))
    text = written[:start] + new + written[end:]
    template = Template(written, NAMES)
    read = template.values_in(text)
    if read is not None:
        assert_same(parse_part(template.filled(map(json.dumps, read))), parse_part(text))


def assert_same(value: Any, other: Any) -> None:
    assert repr(value) == repr(other)  # 1, 1.0 and True are equal
