"""A body is decoded by its bytes; its ``Content-Encoding`` is a hint. Each piece comes when it has
arrived."""

from __future__ import annotations

import gzip
import threading
import zlib
from contextlib import closing

import pytest

from flask_llmstream.http.charset import text_of
from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.content_coding import decoded
from flask_llmstream.http.incoming import BLOCK_BYTES
from tests.support.upstream import HANG_GUARD, Upstream

TEXT = b'data: {"choices": []}\n\n'
GZIP, ZLIB, RAW = 31, 15, -15


def packed(window_bits, *texts):
    """Each text in a piece that can be read when it has arrived."""
    packing = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    for text in texts:
        yield packing.compress(text) + packing.flush(zlib.Z_SYNC_FLUSH)
    yield packing.flush()


def whole(body, coding):
    return b"".join(decoded(iter([body]), coding, BLOCK_BYTES))


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "", "identity", "gzip, gzip", "br"])
def test_gzip_is_known_by_its_bytes(coding):
    assert whole(gzip.compress(TEXT), coding) == TEXT


@pytest.mark.parametrize("window_bits", [ZLIB, RAW])
def test_deflate_is_read_in_both_of_its_forms(window_bits):
    assert whole(b"".join(packed(window_bits, TEXT)), "Deflate") == TEXT


@pytest.mark.parametrize("coding", ["", "none", "Identity", "gzip", "deflate", "br", "utf-8"])
@pytest.mark.parametrize("body", [TEXT, b'{"error": "no"}', b"<html>", b"x", b""])
def test_plain_bytes_are_plain_whatever_the_label_says(body, coding):
    assert whole(body, coding) == body


def test_members_of_gzip_follow_each_other():
    assert whole(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == b"one two"


def test_a_body_may_be_cut_anywhere():
    body = gzip.compress(TEXT) + gzip.compress(TEXT)
    bytewise = (bytes([byte]) for byte in body)
    assert b"".join(decoded(bytewise, "gzip", BLOCK_BYTES)) == TEXT * 2


def test_a_body_that_breaks_off_ends_there():
    first, second, _ = packed(GZIP, b"one", b"two")
    assert whole(first, "gzip") == b"one"
    blocks = decoded(iter([first, b"\xff" * 9 + second]), "gzip", BLOCK_BYTES)
    assert list(blocks) == [b"one"]


def test_however_much_it_grows_a_block_has_its_bound():
    bomb = gzip.compress(bytes(50 * BLOCK_BYTES))
    blocks = list(decoded(iter([bomb]), "gzip", BLOCK_BYTES))
    assert sum(map(len, blocks)) == 50 * BLOCK_BYTES
    assert max(map(len, blocks)) == BLOCK_BYTES


@pytest.mark.parametrize(
    "window_bits, coding", [(GZIP, "gzip"), (ZLIB, "deflate"), (RAW, "deflate")]
)
def test_each_piece_comes_when_the_server_has_sent_it(window_bits, coding):
    go_on = threading.Semaphore(0)

    def script(exchange):
        exchange.send(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n")
        exchange.send("Transfer-Encoding: chunked\r\n\r\n")
        for piece in packed(window_bits, b"first", b"second"):
            assert go_on.acquire(timeout=HANG_GUARD)
            exchange.send_chunk(piece)
        exchange.send_chunk(b"")

    with Upstream(script) as upstream:
        call = HTTPClient().call("GET", upstream.url, headers={})
        with closing(call):
            go_on.release()
            blocks = call.open().blocks()
            assert next(blocks) == b"first"
            go_on.release()
            assert next(blocks) == b"second"
            go_on.release()
            assert list(blocks) == []


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_a_text_is_read_in_each_charset_of_unicode(charset):
    assert text_of('{"é": "語"}'.encode(charset)) == '{"é": "語"}'


def test_bytes_that_are_no_text_are_replaced():
    assert text_of(b"a\xff\xc3") == "a\ufffd\ufffd"
