"""A body ends where RFC 9112 says, in whatever pieces its bytes arrive."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_llmstream.http.framing import (
    MAX_LINE_BYTES,
    MAX_TRAILER_BYTES,
    ChunkedBody,
    OpenBody,
    SizedBody,
    body_of,
    keeps_connection,
)

CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
EXTENSIONS = st.sampled_from([b"", b";x", b' ; x="y;z"', b"\t;a=b;c"])
TRAILERS = st.lists(st.sampled_from([b"X-Count: 1\r\n", b"Y:\r\n"]), max_size=2).map(b"".join)
SIZES = st.sampled_from([b"%x", b"%X", b"%016x"])


@st.composite
def coded(draw):
    """A body in chunks: its bytes on the wire, and its content."""
    chunks = draw(CHUNKS)
    wire = b""
    for chunk in chunks:
        wire += draw(SIZES) % len(chunk) + draw(EXTENSIONS) + b"\r\n" + chunk + b"\r\n"
    return wire + b"0" + draw(EXTENSIONS) + b"\r\n" + draw(TRAILERS) + b"\r\n", b"".join(chunks)


def pieces(data, cuts):
    """The data, cut at these places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in zip(places, places[1:])]


def taken(body, arriving):
    """What the body takes of these pieces. It is given no more once it is over."""
    content = b""
    for piece in arriving:
        if body.is_over:
            break
        content += body.take(piece)
    return content


class Wire(io.BytesIO):
    def makefile(self, mode):
        return self


def as_http_client_reads(wire):
    """The content until the body ends or breaks, by Python's own reader."""
    response = HTTPResponse(Wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire))
    response.begin()
    content = b""
    try:
        while True:
            block = response.read1(7)
            if not block:
                return content
            content += block
    except (HTTPException, ValueError):
        return content


@given(coded(), st.lists(st.integers(0, 400)), st.binary(max_size=5))
@example((b"0\r\n\r\n", b""), [1, 2, 3, 4], b"")
def test_chunks_are_read_in_all_cuts(body, cuts, behind):
    wire, content = body
    chunked = ChunkedBody()
    arriving = pieces(wire + behind, cuts)
    assert taken(chunked, arriving) == content
    assert chunked.is_whole and (behind + b"\n").startswith(chunked.behind)


@given(coded())
def test_a_body_that_is_cut_is_not_whole_and_reads_as_http_client_reads_it(body):
    wire, _ = body
    for cut in range(len(wire)):
        chunked = ChunkedBody()
        content = taken(chunked, [wire[:cut]])
        assert content == as_http_client_reads(wire[:cut])
        assert not chunked.is_whole


@given(coded(), st.data())
def test_a_byte_that_is_wrong_changes_nothing_before_it(body, data):
    wire, content = body
    place = data.draw(st.integers(0, len(wire) - 1))
    wrong = bytes([data.draw(st.integers(0, 255))])
    before = taken(ChunkedBody(), [wire[:place]])
    changed = wire[:place] + wrong + wire[place + 1 :]
    whole = ChunkedBody()
    assert taken(whole, [changed]).startswith(before)
    bytewise = ChunkedBody()
    assert taken(bytewise, pieces(changed, range(len(changed)))) == taken(ChunkedBody(), [changed])
    assert bytewise.is_whole == whole.is_whole


@pytest.mark.parametrize("size", ["+5", "-5", "0x5", "5_0", " 5", "", "5 5", "g", "5\0", "1" * 17])
def test_a_size_that_the_standard_does_not_allow_ends_the_body(size):
    body = ChunkedBody()
    assert body.take(f"{size}\r\nwhole\r\n0\r\n\r\n".encode()) == b""
    assert body.is_over and not body.is_whole


@pytest.mark.parametrize("wire", ["5\nwhole\r\n", "5\r\nwhole\n0\r\n", "5\r\nwhole, more\r\n0\r\n"])
def test_a_line_has_to_end_as_the_standard_says(wire):
    body = ChunkedBody()
    body.take(wire.encode())
    assert body.is_over and not body.is_whole


@pytest.mark.parametrize("trailers", ["no colon\r\n", " : x\r\n", "X: 1\n", "X\0: 1\r\n"])
def test_a_trailer_has_to_be_a_header(trailers):
    body = ChunkedBody()
    body.take(f"0\r\n{trailers}\r\n".encode())
    assert not body.is_whole


def test_lines_and_trailers_have_a_bound():
    body = ChunkedBody()
    body.take(b"5;" + b"x" * MAX_LINE_BYTES)
    assert body.is_over and not body.is_whole
    body = ChunkedBody()
    body.take(b"0\r\n" + b"X: y\r\n" * MAX_TRAILER_BYTES)
    assert body.is_over and not body.is_whole


@given(st.binary(max_size=30), st.integers(0, 30), st.lists(st.integers(0, 30)))
def test_a_length_counts_bytes(data, length, cuts):
    body = SizedBody(length)
    content = taken(body, pieces(data, cuts))
    assert content == data[:length]
    assert body.is_whole == (len(data) >= length)
    assert data.startswith(content + body.behind)


def test_a_body_without_a_length_is_never_whole():
    body = OpenBody()
    assert (body.take(b"a"), body.is_over, body.is_whole) == (b"a", False, False)


@pytest.mark.parametrize(
    "status, headers, kind, keeps",
    [
        (200, {"Content-Length": "5"}, SizedBody, True),
        (200, {"Content-Length": "5, 5"}, SizedBody, False),
        (200, {"Content-Length": "5, 6"}, SizedBody, False),
        (200, {"Content-Length": "+5"}, OpenBody, False),
        (200, {"Content-Length": "-5"}, OpenBody, False),
        (200, {"Content-Length": "5_0"}, OpenBody, False),
        (200, {"Content-Length": "٣"}, OpenBody, False),
        (200, {}, OpenBody, False),
        (200, {"Transfer-Encoding": "Chunked"}, ChunkedBody, True),
        (200, {"Transfer-Encoding": "gzip, chunked"}, ChunkedBody, False),
        (200, {"Transfer-Encoding": "chunked, gzip"}, OpenBody, False),
        (200, {"Transfer-Encoding": "\xa0chunked"}, OpenBody, False),
        (200, {"Transfer-Encoding": "\r\n chunked"}, ChunkedBody, True),
        (200, {"Transfer-Encoding": ""}, OpenBody, False),
        (200, {"Transfer-Encoding": "", "Content-Length": "5"}, SizedBody, False),
        (200, {"Transfer-Encoding": "Identity", "Content-Length": "5"}, SizedBody, False),
        (200, {"Transfer-Encoding": "unknown", "Content-Length": "5"}, OpenBody, False),
        (200, {"Content-Length": "\xa05"}, OpenBody, False),
        (200, {"Transfer-Encoding": "chunked", "Content-Length": "5"}, ChunkedBody, False),
        (204, {}, SizedBody, True),
        (204, {"Content-Length": "0"}, SizedBody, True),
        (204, {"Content-Length": "5"}, SizedBody, False),
        (304, {"Transfer-Encoding": "chunked"}, SizedBody, False),
        (101, {}, SizedBody, False),
        (200, {"Content-Length": "5", "Connection": "x, CLOSE"}, SizedBody, False),
        (429, {"Content-Length": "5", "Connection": "keep-alive"}, SizedBody, True),
    ],
)
def test_the_head_says_where_the_body_ends_and_whether_more_may_follow(
    status, headers, kind, keeps
):
    assert type(body_of("GET", status, headers)) is kind
    assert keeps_connection("GET", status, 1, headers) is keeps
    assert not keeps_connection("GET", status, 0, headers)
