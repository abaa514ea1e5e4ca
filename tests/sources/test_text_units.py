"""Where ``smooth()`` may cut a text."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import ConfigurationError
from flask_llmstream.sources.text_units import SPLITS, split_by


@pytest.mark.parametrize(
    "text, units, rest",
    [
        ("", [], ""),
        ("Hello", [], "Hello"),
        ("Hello wor", ["Hello "], "wor"),
        ("one  two\n\nthree ", ["one  ", "two\n\n", "three "], ""),
        ("  indented", ["  "], "indented"),
        ("你好,world", ["你", "好"], ",world"),
        ("これはペンです。", ["こ", "れ", "は", "ペ", "ン", "で", "す", "。"], ""),
        ("か\u3099き", ["か\u3099", "き"], ""),
        ("ภาษา ที่", ["ภ", "า", "ษ", "า ", "ที่"], ""),
        ("한국어 말", ["한국어 "], "말"),
        ("see 東京 now", ["see ", "東", "京 "], "now"),
    ],
)
def test_words_keep_the_white_space_behind_them(text, units, rest):
    assert split_by("word")(text) == (units, rest)


@pytest.mark.parametrize(
    "text, units, rest",
    [
        ("one\ntwo", ["one\n"], "two"),
        ("one\r\ntwo\rthree\n", ["one\r\n", "two\r", "three\n"], ""),
        ("one\r", [], "one\r"),
        ("\n\n", ["\n", "\n"], ""),
        ("one\u2028two", [], "one\u2028two"),
    ],
)
def test_lines_end_with_lf_crlf_or_cr(text, units, rest):
    assert split_by("line")(text) == (units, rest)


@pytest.mark.parametrize("cluster", ["é", "e\u0301", "👩‍👩‍👧", "🇩🇪", "👍🏽", "한", "नी", "\r\n"])
def test_a_grapheme_stays_whole(cluster):
    assert split_by("grapheme")(f"{cluster}{cluster}x") == ([cluster, cluster], "x")


def test_the_last_grapheme_may_go_on_with_the_next_text():
    assert split_by("grapheme")("ae") == (["a"], "e")


def test_graphemes_without_their_package_name_the_extra(monkeypatch):
    from flask_llmstream.sources import text_units

    monkeypatch.setitem(sys.modules, "regex", None)
    text_units.regex_module.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"flask-llmstream\[graphemes\]"):
            split_by("grapheme")
    finally:
        text_units.regex_module.cache_clear()


@pytest.mark.parametrize("by", ["words", "", None, ["word"], str])
def test_another_way_is_refused_by_its_name(by):
    with pytest.raises(ConfigurationError, match="^by: "):
        split_by(by)


@pytest.mark.parametrize("by", sorted(SPLITS))
@given(text=st.text())
def test_nothing_of_any_text_is_lost(by, text):
    units, rest = split_by(by)(text)
    assert "".join(units) + rest == text


@pytest.mark.parametrize("by", ["line", "grapheme"])
@given(text=st.text(alphabet="ab 你か\u3099\r\né\u0301👍🏽"), at=st.integers(0, 20))
def test_a_text_that_comes_in_two_pieces_is_cut_as_if_it_came_whole(by, text, at):
    assert cuts_of_two(by, text, at) <= cuts_of_one(by, text)


@given(text=st.text(alphabet="ab 你か\n👍"), at=st.integers(0, 20))
def test_a_word_that_comes_in_two_pieces_is_not_cut(text, at):
    inside = {cut for cut in cuts_of_two("word", text, at) if not text[cut : cut + 1].isspace()}
    assert inside <= cuts_of_one("word", text)


def cuts_of_one(by, text):
    units, rest = split_by(by)(text)
    return cuts([*units, rest])


def cuts_of_two(by, text, at):
    first, rest = split_by(by)(text[:at])
    second, _ = split_by(by)(rest + text[at:])
    return cuts(first + second)


def cuts(units):
    return {sum(map(len, units[: count + 1])) for count in range(len(units))}
