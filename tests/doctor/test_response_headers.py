"""The headers of an answer, changed by proxies and caches on its way."""

from __future__ import annotations

import zlib

import pytest

from tests.support.upstream import Upstream

EVENTS = b'data: {"ended":false,"message":"0"}\n\ndata: {"ended":true,"message":""}\n\n'
UNCHANGED = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}


def stream(body=EVENTS, protocol="HTTP/1.1", **changes):
    """A whole count in one chunk. A header that is ``None`` is left out."""
    fields = {**UNCHANGED, **{name.replace("_", "-"): value for name, value in changes.items()}}
    head = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]

    def script(exchange):
        exchange.send(f"{protocol} 200 OK\r\n{''.join(head)}")
        if protocol == "HTTP/1.0" or "Content-Length" in fields:
            exchange.send(b"\r\n" + body)
            exchange.end()
        else:
            exchange.send("Transfer-Encoding: chunked\r\n\r\n")
            exchange.send_chunk(body)
            exchange.send("0\r\n\r\n")

    return script


@pytest.fixture
def through(examine):
    """The doctor's findings about an answer."""

    def through(script):
        with Upstream(script) as upstream:
            examined = examine(upstream.url)
        assert examined["spacing"]["figures"]["tokens"] == 1
        return examined

    return through


def test_an_answer_that_nobody_touched_is_fine(through):
    found = through(stream())
    assert found["headers"]["level"] == "ok"
    assert "HTTP/1.1 (chunked), an event stream" in found["headers"]["seen"]


def test_identity_is_no_compression(through):
    assert through(stream(Content_Encoding="identity"))["headers"]["level"] == "ok"


def test_compression_is_a_warning_and_read_all_the_same(through):
    gzip = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    body = gzip.compress(EVENTS) + gzip.flush()
    found = through(stream(body, Content_Encoding="gzip", Server="nginx"))
    assert found["compression"]["level"] == "warning"
    assert found["compression"]["mend"]["line"] == "gzip off;"


def test_a_compression_that_is_none_is_no_count(examine):
    with Upstream(stream(Content_Encoding="gzip")) as upstream:
        found = examine(upstream.url)
    assert found["spacing"]["level"] == "error" and found.exit_status == 1


def test_a_type_that_was_lost_is_an_error(through):
    assert through(stream(Content_Type=None))["headers"]["level"] == "error"


def test_a_length_that_somebody_counted_is_an_error(through):
    found = through(stream(Content_Length=len(EVENTS)))
    assert found["headers"]["level"] == "error"
    assert f"Content-Length of {len(EVENTS)}" in found["headers"]["seen"]


def test_an_answer_out_of_a_cache_is_an_error(through):
    assert "(Age: 7)" in through(stream(Age=7))["cache"]["seen"]


@pytest.mark.parametrize("said", [None, "no-cache", "public, max-age=60"])
def test_caches_that_are_not_told_to_keep_away_are_a_warning(through, said):
    assert through(stream(Cache_Control=said))["cache"]["level"] == "warning"


@pytest.mark.parametrize("said", ["no-store, no-transform", "private, max-age=60", "No-Store"])
def test_those_that_are_told_in_other_words_are_fine(through, said):
    assert through(stream(Cache_Control=said))["headers"]["level"] == "ok"


def test_http_1_0_is_a_warning(through):
    assert through(stream(protocol="HTTP/1.0"))["protocol"]["level"] == "warning"


def test_an_answer_that_is_cut_off_is_told_by_its_tokens(examine):
    def script(exchange):
        head = "".join(f"{name}: {value}\r\n" for name, value in UNCHANGED.items())
        exchange.send(f"HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n")
        exchange.send_event({"ended": False, "message": "0"})
        exchange.reset()

    with Upstream(script) as upstream:
        found = examine(upstream.url)
    assert found["spacing"]["level"] == "error" and found.exit_status == 1


def test_without_a_token_it_says_what_was_not_looked_at(through):
    found = through(stream())
    assert found["server"]["level"] == "warning"
    assert "LLMSTREAM_DOCTOR_TOKEN" in found["server"]["mend"]["line"]


def test_with_another_token_than_the_server_s_it_says_so(examine):
    def script(exchange):
        if exchange.method == "POST":
            stream()(exchange)
        else:
            exchange.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with Upstream(script) as upstream:
        found = examine(upstream.url, "--token", "another token than that")
    assert "or another token than this one" in found["server"]["seen"]
