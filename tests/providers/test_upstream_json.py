"""``json_value``: a JSON text has the same value with orjson and without it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.providers.upstream.json_values import json_value, standard_json_value
from flask_llmstream.providers.upstream.part import parse_part
from tests.providers.any_json import json_values


def outcome(read, text):
    try:
        return repr(read(text))  # 1, 1.0 and True are equal, and NaN is not
    except ValueError as error:
        return type(error), str(error)


ODD = [
    "NaN", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "-0.0", "01", "1.", ".5", "1.0e5",
    "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809",
    "1234567890123456789012345678901234567890", "1" * 5000, "0.1234567890123456789012345",
    "1.7976931348623159e308", "5e-324", '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"',
    '"\ud800"', '"\\u0000"', '"\x00"', '"\x1f"', '"\x7f\u2028"', '"\\x"', '"\\u12"', "\ufeff1",
    "\x0b1", "\u00a01", " \t\r\n1 ", "1 2", '{"a": 1, "a": 2}', "[1,]", '{"a": 1,}', "{1: 2}", "",
    "nul", "tru", "[", '{"a', "[" * 200 + "]" * 200, "'a'", "/**/1",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("around", ["%s", '{"a": [%s]}'])
def test_an_odd_value_is_the_same(text, around):
    text = around % text
    assert outcome(json_value, text) == outcome(standard_json_value, text)


@pytest.mark.parametrize("levels", [299, 300, 301, 400, 1023, 1025, 100_000])
@pytest.mark.parametrize("ends", ["[]", ('{"a":', "}")])
def test_a_part_has_300_levels_at_most(levels, ends):
    text = ends[0] * levels + ('""' if len(ends[0]) > 1 else "") + ends[1] * levels
    if levels <= 300:
        assert json.dumps(parse_part(text), separators=(",", ":")) == text
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_part(text)


values = json_values | st.integers(-(2**70), 2**70) | st.floats()


@given(st.lists(values), st.booleans())
def test_any_value_is_the_same(value, ensure_ascii):
    text = json.dumps(value, ensure_ascii=ensure_ascii)
    assert outcome(json_value, text) == outcome(standard_json_value, text)


pieces = ['"', "\\", "u", "d8", "00", "{", "}", "[", "]", ":", ",", " ", "1", "e", "-", ".", "9999"]
pieces += ["true", "null", "NaN", "\ud800", "é", "\x00", "\n", "0" * 18]


@given(st.lists(st.sampled_from(pieces), max_size=12).map("".join) | st.text())
def test_any_text_has_the_same_value_or_error(text):
    assert outcome(json_value, text) == outcome(standard_json_value, text)


@given(st.binary())
def test_and_so_have_any_bytes(data):
    text = data.decode("utf-8", "replace")
    assert outcome(json_value, text) == outcome(standard_json_value, text)
