"""Text that is safe on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.tail.printing import cut, safe


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\x7f\x08\x0b\x0c\r", "\\x7f\\x08\\x0b\\x0c\\r"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_what_a_terminal_may_obey_is_shown(text, shown):
    assert safe(text) == shown


@pytest.mark.parametrize(
    "text",
    ["a\tb\n", "l\u2019\u00e9t\u00e9\u00a0!", "\u3000\u4e2d\u6587", "\U0001f468\u200d\U0001f469",
     "\u0645\u06cc\u200c\u062e", "e\u0301"],
)  # fmt: skip
def test_the_spaces_and_joiners_of_all_languages_stay(text):
    assert safe(text) == text


@given(st.text(st.characters()))
def test_no_control_character_is_left(text):
    kinds = {unicodedata.category(character) for character in safe(text) if character not in "\t\n"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    "text, columns, shown",
    [
        ("waiting", 4, "wait"), ("waiting", 7, "waiting"), ("waiting", 0, ""),
        ("中文字", 5, "中文"), ("中文字", 6, "中文字"), ("e\u0301e\u0301", 1, "e\u0301"),
        ("\u0915\u0941\u0915", 1, "\u0915\u0941"), ("a\u200db", 1, "a\u200d"),
        ("a\xadb", 2, "a\xad"),
    ],
)  # fmt: skip
def test_a_line_is_cut_at_the_width_of_the_terminal(text, columns, shown):
    assert cut(text, columns) == shown
