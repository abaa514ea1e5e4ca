"""Frames become events, and each event gets an ID."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.replay.numbering import Numbering, split_events
from flask_llmstream.sse.decoder import EventStreamDecoder

STREAM = "stream_0123456789abcdefghijklmno"


def numbered(lines, first=1, run=1):
    joined = b"".join(b"data: %b\n\n" % line for line in lines)
    return Numbering(STREAM, run).number(joined, first)


def test_an_id_is_the_last_line_of_its_event():
    assert numbered([b"one"])[0] == b"data: one\nid: %b:1\n\n" % STREAM.encode()


def test_a_later_run_is_named_in_the_id():
    assert numbered([b"one"], first=7, run=3)[0].endswith(b":3.7\n\n")


def test_nothing_is_numbered_as_nothing():
    assert Numbering(STREAM).number(b"", 5) == (b"", 5)


@given(st.integers(1, 10**7), st.integers(0, 2500))
def test_the_numbers_of_events_follow_each_other(first, count):
    events, following = numbered([b"x"] * count, first)
    ids = [line for line in events.split(b"\n") if line.startswith(b"id: ")]
    assert ids == [b"id: %b:%d" % (STREAM.encode(), first + n) for n in range(count)]
    assert following == first + count


@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40), st.integers(0, 40))
def test_events_are_numbered_the_same_in_any_pieces(lines, cut):
    whole, _ = numbered(lines)
    before, following = numbered(lines[:cut])
    assert before + numbered(lines[cut:], following)[0] == whole


@given(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40), st.integers(1, 10**7))
def test_events_are_numbered_each_as_they_are_together(lines, first):
    each = Numbering(STREAM).number_each([b"data: %b\n\n" % line for line in lines], first)
    assert b"".join(each) == numbered(lines, first)[0]


def test_a_frame_of_one_event_is_that_event():
    assert split_events(b"data: one\n\n") == [b"data: one\n\n"]


def test_a_frame_of_several_events_is_split():
    assert split_events(b"data: one\n\ndata: two\n\n") == [b"data: one\n\n", b"data: two\n\n"]


def test_lines_that_act_without_a_blank_line_get_one():
    assert split_events(b": comment\n") == [b": comment\n\n"]


@pytest.mark.parametrize("frame", [b"", b"\n", b"\n\n\n"])
def test_a_frame_without_lines_has_no_event(frame):
    assert split_events(frame) == []


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_the_lines_of_an_event_may_end_as_every_event_stream_may(end):
    frame = b"data: one" + end + end + b"data: two" + end + end
    assert split_events(frame) == [b"data: one\n\n", b"data: two\n\n"]


pieces = st.sampled_from([b"data: a", b": c", b"\n", b"\r", b"\r\n", b"\n\n"])
frames = st.lists(pieces).map(b"".join)


@given(frames)
def test_each_event_of_any_frame_ends_with_its_only_blank_line(frame):
    for event in split_events(frame):
        assert event.find(b"\n\n") == len(event) - 2


@given(frames)
def test_a_reader_takes_the_events_of_a_frame_as_they_were(frame):
    ended = frame + b"\n\n"
    data = [event.data for event in EventStreamDecoder().feed(b"".join(split_events(ended)))]
    assert data == [event.data for event in EventStreamDecoder().feed(ended)]
