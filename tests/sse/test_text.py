"""Text in UTF-8 has no half of a character."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.sse.text import utf8, whole, without_half


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_utf_8(text: str) -> None:
    assert utf8(text) == text.encode()
    assert whole(text) is text


@pytest.mark.parametrize("text", ["\ud83d", "\ude80", "\ud83da", "a\ude80b", "\ude80\ud83d"])
def test_each_half_of_a_character_becomes_a_replacement_character(text: str) -> None:
    replaced = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert utf8(text).decode() == whole(text) == replaced


def test_the_two_halves_of_a_character_become_the_character() -> None:
    assert utf8("\ud83d\ude80").decode() == whole("\ud83d\ude80") == "\U0001f680"


@pytest.mark.parametrize(
    "text, now, later",
    [
        ("a", "a", ""),
        ("", "", ""),
        ("a\ud83d", "a", "\ud83d"),
        ("\ud83d\ude80", "\U0001f680", ""),
        ("\ud83d\ud83d", "\ufffd", "\ud83d"),
        ("a\ude80", "a\ufffd", ""),
    ],
)
def test_a_first_half_at_the_end_is_left_to_wait(text: str, now: str, later: str) -> None:
    assert without_half(text) == (now, later)
