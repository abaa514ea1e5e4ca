"""JSON from outside: RFC 8259 alone, and numbers that don't take long to read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.sse.strict_json import MAX_DIGITS, read_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_json_is_read_as_the_standard_library_reads_it(value):
    assert read_json(json.dumps(value)) == value


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_constant_that_json_does_not_have_is_named(constant):
    with pytest.raises(ValueError, match=f"there is no {constant} in JSON"):
        read_json(f"[{constant}]")


def test_the_longest_whole_number():
    digits = "9" * MAX_DIGITS
    assert read_json(digits) == int(digits)
    with pytest.raises(ValueError, match="more than 1000 digits"):
        read_json(digits + "9")
