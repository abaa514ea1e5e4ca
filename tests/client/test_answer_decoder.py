"""``AnswerDecoder``: what it reads beside the standard."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import EventTooLarge, MessageEvent
from flask_llmstream.client.decoder import AnswerDecoder, begins_answer


def events_of(*pieces, most=1000):
    decoder = AnswerDecoder(most)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def test_a_field_for_errors():
    assert events_of(b"error: Broken.\n") == [MessageEvent("error", "Broken.", "")]


def test_an_object_without_a_field():
    assert events_of(b'data: 1\n\n{"error":1}\n')[1] == MessageEvent("message", '{"error":1}', "")


def test_a_gap_in_a_comment():
    assert events_of(b': gap {"lost":2}\n') == [MessageEvent("gap", '{"lost":2}', "")]


def test_the_id_stays_with_them():
    assert events_of(b"id: a\ndata: 1\n\nerror: Broken.\n")[1].id == "a"


VALUE = {"choices": [{"message": {"content": 'one "}"\n'}}], "usage": {}}


@pytest.mark.parametrize("text", [json.dumps(VALUE), json.dumps(VALUE, indent=2)])
@pytest.mark.parametrize("end", ["", "\n"])
@given(cuts=st.lists(st.integers(0, 150), max_size=8))
def test_one_object_over_any_lines_and_pieces(text, end, cuts):
    body = (text + end).encode()
    places = sorted({0, *cuts, len(body)})
    (event,) = events_of(*(body[start:stop] for start, stop in zip(places, places[1:])))
    assert json.loads(event.data) == VALUE


@pytest.mark.parametrize("line", [b"{junk}\n", b'{"a": "\\"}"} }\n'])
def test_a_line_that_only_looks_like_an_object_is_ignored(line):
    assert [event.data for event in events_of(line, b'{"b":1}\n')] == ['{"b":1}']


def test_comments_are_no_part_of_an_object():
    """A feed may have one such line, and heartbeats for days."""
    events = events_of(b"{ junk\n\n", *[b": ping\n\n"] * 200, b"data: 1\n\n", most=50)
    assert [event.data for event in events] == ["1"]


@given(st.dictionaries(st.text('{}"\\a'), st.text('{}"\\a')), st.sampled_from([None, 1]))
def test_braces_and_quotes_in_strings_do_not_count(value, indent):
    text = json.dumps(value, indent=indent)
    first, second = events_of(f"{text}\n{text}\n".encode(), most=len(text) + 1)
    assert json.loads(first.data) == json.loads(second.data) == value


def test_an_object_that_is_too_large():
    with pytest.raises(EventTooLarge):
        events_of(b'{\n "a":\n' + b" 1,\n" * 50, most=50)


@pytest.mark.parametrize("start", [b"data:", b"id\n", b":", b' \n{"', b"\xef\xbb\xbfevent:"])
def test_a_start_that_can_be_read(start):
    assert begins_answer(start) is True


@pytest.mark.parametrize("start", [b"", b"da", b"event", b"\xef\xbb", b"  \n"])
def test_a_start_of_which_more_must_be_seen(start):
    assert begins_answer(start) is None


@pytest.mark.parametrize("start", [b"<!doctype", b"hello there", b"dataset"])
def test_a_start_that_can_t_be_read(start):
    assert begins_answer(start) is False
