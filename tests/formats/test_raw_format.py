"""Ready frames are sent as they are, and nothing is sent in the middle of one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import EventStreamDecoder, StreamError, StreamShutdown
from flask_llmstream.exceptions.error_info import error_info_of
from flask_llmstream.formats import Ending, RawFormat
from tests.support.answers import Answer

COMMENT = b": \n\n"
FAILURE = error_info_of(StreamError("It broke."), "an-id")


def after(*blocks):
    """A format after these blocks were sent."""
    format, waiting = RawFormat(), list(blocks)
    receive = format.observe_receive(lambda timeout: waiting.pop(0))
    for _ in blocks:
        receive(None)
    return format


def read(data):
    """The type and data of each event that a reader gets."""
    return [(event.event, event.data) for event in EventStreamDecoder().feed(data)]


def test_bytes_are_sent_as_they_are():
    assert RawFormat().item(b"data: one\r\nid: 7\r\n\r\n") == b"data: one\r\nid: 7\r\n\r\n"


def test_a_byte_order_mark_is_left_out_for_it_would_come_behind_the_opening():
    format = RawFormat()
    sent = format.item(b"\xef\xbb\xbfdata: one\n\n") + format.item(b"data: \xef\xbb\xbf\n\n")
    assert read(format.opening("", None) + sent) == [("message", "one"), ("message", "\ufeff")]


@pytest.mark.parametrize("item", ["text", None, {"a": "mapping"}, 1])
def test_nothing_else_is_sent(item):
    with pytest.raises(TypeError, match=f"{type(item).__name__} can't be streamed; give bytes"):
        RawFormat().item(item)


def test_the_ids_are_the_source_s_own():
    assert RawFormat().opening("", "our-id") == COMMENT
    assert b"id:" not in RawFormat().failure(FAILURE, "our-id").split(b"data:")[0]
    assert RawFormat().ending(Ending("complete"), "our-id") == b""


# Heartbeats.


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [b"data: one\n\n"],
        [b"data: one\r\n\r\n"],
        [b"data: one\r\r"],
        [b"data: one\n", b"\n"],
        [b"data: one\r\n", b"\r\n"],
        [b"data: one\r\n\r", b"\n"],
        [b"data: one", b"\n", b"\n"],
        [b"data", b": one\n", b"", b"\n"],
        [b": \n\n"],
        [b"\n"],
    ],
)
def test_between_two_blocks_there_is_one(blocks):
    assert after(*blocks).heartbeat() == COMMENT


@pytest.mark.parametrize(
    "blocks",
    [
        [b"data: one"],
        [b"data: one\n"],
        [b"data: one\r\n"],
        [b"data: one\r"],
        [b"data: one\r", b"\n"],
        [b"data: one\n\n", b"data: two\n"],
        [b"data: one\n\nid: 2"],
        [b"d"],
    ],
)
def test_in_the_middle_of_a_block_there_is_none(blocks):
    assert after(*blocks).heartbeat() == b""


events = st.lists(
    st.tuples(
        st.sampled_from(["data: ", "event: ", "id: ", ": ", ""]), st.text("ab:é ", max_size=3)
    ).map("".join),
    max_size=3,
).map(lambda lines: [*lines, ""])


@given(st.lists(events), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_wherever_a_stream_is_cut_heartbeats_change_nothing(blocks, line_end, data):
    whole = "".join(line + line_end for block in blocks for line in block).encode()
    format, sent, rest = RawFormat(), b"", whole
    receive = format.observe_receive(lambda timeout: piece)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        piece, rest = rest[:size], rest[size:]
        sent += receive(None) + format.heartbeat()
    assert read(sent) == read(whole)


# Endings.


def test_a_failure_is_an_error_event():
    ((event, data),) = read(after(b"data: one\n\n").failure(FAILURE, None))
    assert event == "error"
    assert json.loads(data)["error"]["message"] == "It broke."


@pytest.mark.parametrize("cut", [b"data: on", b"data: one\n", b"data: one\r\n", b"data: one\r"])
def test_a_block_that_was_cut_short_is_taken_for_no_event_of_its_own(cut):
    before, after_it = b"data: zero\n\n", after(cut)
    told = read(before + cut + after_it.failure(FAILURE, None))
    assert told[0] == ("message", "zero")
    assert [event for event, _ in told[1:]] == ["error", "error"]
    assert json.loads(told[-1][1])["ended"] is True


def test_an_end_of_its_own_is_the_end():
    assert after(b"data: one\n").ending(Ending("complete"), None) == b""


def test_a_stream_that_was_stopped_does_not_look_whole():
    ((event, data),) = read(after(b"data: one\n\n").ending(Ending("cancelled"), None))
    assert (event, json.loads(data)["reason"]) == ("error", "cancelled")


def test_a_reconnect_notice_is_a_reconnection_time():
    failure = error_info_of(StreamShutdown("The server goes.", retry=2000), "an-id")
    assert after(b"data: one\n\n").reconnect_notice(failure) == b"retry: 2000\n\n"
    assert after(b"data: on").reconnect_notice(failure) == b"\nevent: error\n\nretry: 2000\n\n"


# In a response.


def test_a_view_may_ask_for_it(place, app, streams):
    frames = [b"id: 1\ndata: one\n\n", b"data: two\n\n"]
    app.add_url_rule("/", "view", lambda: streams.response(frames, format=RawFormat))
    with Answer(app, "/") as answer:
        assert answer.rest() == COMMENT + b"".join(frames)


def test_text_among_the_frames_ends_the_stream_with_an_error(place, app, streams):
    app.add_url_rule("/", "view", lambda: streams.response([b"data: 1\n\n", "2"], format=RawFormat))
    with Answer(app, "/") as answer:
        assert [event.event for event in answer.all_events()] == ["message", "error"]
