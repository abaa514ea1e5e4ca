"""``FrameLines``: the lines of a stream as they came, each with its time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.tail.frames import FrameLines


def shown(*pieces):
    """What is shown of pieces, which come a second apart, from the request at 100 s on."""
    lines = FrameLines(asked_at=100.0)
    found = [line for at, piece in enumerate(pieces, 100) for line in lines.feed(piece, float(at))]
    return found + list(lines.rest(100.0 + len(pieces)))


def test_each_frame_has_the_time_since_the_request_and_since_the_one_before():
    assert shown(b": \n\n", b"event: message\ndata: one\n\n", b"data: two\n\n") == [
        "    0.000    +0.000  : ",
        "",
        "    1.000    +1.000  event: message",
        "                     data: one",
        "",
        "    2.000    +1.000  data: two",
        "",
    ]


def test_frames_that_came_together_have_the_same_time():
    assert shown(b"data: 1\n\ndata: 2\n\n") == [
        "    0.000    +0.000  data: 1",
        "",
        "    0.000    +0.000  data: 2",
        "",
    ]


def test_a_line_that_came_later_than_the_one_above_says_so():
    assert shown(b"data: 1\n", b"data: 2\n\n")[1] == "    1.000    +1.000  data: 2"


def test_a_line_has_the_time_at_which_it_was_whole():
    assert shown(b"da", b"ta: 1\n") == ["    1.000    +1.000  data: 1"]


def test_comments_and_unknown_fields_are_shown():
    assert [line[21:] for line in shown(b": heartbeat\nfoo: 1\nid\n")] == [
        ": heartbeat", "foo: 1", "id",
    ]  # fmt: skip


def test_a_carriage_return_at_the_end_of_a_line_is_shown():
    assert [line.strip() for line in shown(b"data: 1\r\n\r\ndata: 2\r\r")] == [
        "0.000    +0.000  data: 1\\r", "\\r", "0.000    +0.000  data: 2\\r", "\\r",
    ]  # fmt: skip


def test_an_empty_line_by_carriage_return_ends_a_frame():
    assert shown(b"data: 1\r\n\r\ndata: 2\r\n")[2].startswith("    0.000")


def test_bytes_that_are_no_utf_8_are_shown_as_bytes():
    assert shown(b"data: \xff caf\xc3\xa9\n")[0].endswith("data: \\xff café")


def test_control_characters_are_shown_and_not_obeyed():
    assert shown(b"data: \x1b[2J\x07\x9b\xc2\x9b\x00\n")[0].endswith(
        "data: \\x1b[2J\\x07\\x9b\\x9b\\x00"
    )


def test_other_line_ends_are_none():
    assert len(shown("data: a\u2028b\x0bc\x85\n".encode())) == 1


def test_a_line_that_was_cut_off_is_shown_as_that():
    assert shown(b"data: {") == ["    1.000    +1.000  data: {  (the connection ended here)"]


def test_behind_a_cut_the_next_connection_begins_a_line():
    lines = FrameLines(asked_at=0.0)
    assert list(lines.feed(b"data: o", 1.0)) == []
    list(lines.rest(1.0))
    assert list(lines.feed(b"data: one\n", 2.0)) == ["    2.000    +1.000  data: one"]


def test_a_line_without_an_end_costs_no_more_than_its_bytes():
    """With a search from each byte this test would take hours."""
    pieces = [b"x" * 16_384] * 64 + [b"\n"]
    (line,) = shown(*pieces)
    assert line.endswith("  " + "x" * 2**20)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_line_feed_behind_a_carriage_return_belongs_to_it(end):
    whole = b"data: 1" + end + end
    pieces = [whole[place : place + 1] for place in range(len(whole))]
    lines = FrameLines(asked_at=0.0)
    assert len([line for piece in pieces for line in lines.feed(piece, 0.0)]) == 2


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"", b"data: \xe2\x82", b"\xac"])))
def test_the_lines_do_not_depend_on_the_pieces(pieces):
    def words(lines):
        """Without times; whether a CR is the last one of its line only the next byte can tell."""
        return [line[21:] for line in lines]

    def read(pieces):
        lines = FrameLines(asked_at=0.0)
        return [line for piece in pieces for line in lines.feed(piece, 0.0)]

    whole = b"".join(pieces)
    single = [whole[place : place + 1] for place in range(len(whole))]
    assert words(read(pieces)) == words(read(single)) == words(read([whole]))
