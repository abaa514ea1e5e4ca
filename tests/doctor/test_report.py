"""The findings as text for a person."""

from __future__ import annotations

import click
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.doctor.finding import ERROR, Finding, Fix
from flask_llmstream.doctor.report import as_text

nasty = st.sampled_from("\n\r\x1b\x9b\x85\u2028\u202e\ud83d")
texts = st.text(st.characters() | nasty)


@given(texts, texts, texts, texts)
def test_nothing_that_a_server_said_is_obeyed_by_a_terminal(seen, why, line, where):
    text = click.unstyle(as_text([Finding("server", ERROR, seen, why, Fix(line, where))]))
    assert all(map(str.isprintable, text.split("\n")))


@given(texts)
def test_nothing_that_a_server_said_begins_a_finding(seen):
    lines = click.unstyle(as_text([Finding("server", ERROR, seen)])).split("\n")
    begun = [line for line in lines if line and line[0] != " "]
    assert begun == [lines[0], "1 error, 0 warnings, 0 ok"]
