"""``HTTPCall``: a request and its answer as it arrives. How an abort ends each wait is tested in
``tests/providers/test_openai_abort.py``."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from flask_llmstream.http.client import HTTPClient
from flask_llmstream.http.errors import CallAborted, CallFailed, CallTimedOut
from tests.support.upstream import (
    HANG_GUARD,
    HEAD,
    Upstream,
    answer,
    nobody_accepts,
    nobody_listens,
    open_descriptors,
    silence,
)


def call_to(url, method="GET", headers=None, body=None, **options):
    client = HTTPClient(**options)
    return closing(client.call(method, url, headers=headers or {}, body=body))


def test_the_request_is_sent_as_it_was_given():
    with Upstream(answer(204)) as upstream:
        with call_to(upstream.url, "POST", {"X-Title": "A title"}, body=b"hello") as call:
            assert call.open().status == 204
    (exchange,) = upstream.requests
    assert (exchange.method, exchange.path, exchange.body) == ("POST", "/v1", b"hello")
    assert exchange.headers["X-Title"] == "A title"


def test_a_header_is_asked_for_in_any_case():
    with Upstream(answer(200, x_own="value")) as upstream, call_to(upstream.url) as call:
        assert call.open().headers["X-OWN"] == "value"


def test_a_block_comes_when_the_server_sends_it():
    go_on = threading.Semaphore(0)

    def script(exchange):
        exchange.send(HEAD)
        for part in (b"one", b"two"):
            assert go_on.acquire(timeout=HANG_GUARD)
            exchange.send_chunk(part)
        exchange.send_chunk(b"")

    with Upstream(script) as upstream, call_to(upstream.url) as call:
        blocks = call.open().blocks()
        for part in (b"one", b"two"):
            go_on.release()
            assert next(blocks) == part
        assert list(blocks) == []


def break_off(exchange):
    exchange.send(HEAD)
    exchange.send_chunk(b"one")
    exchange.end()


def test_a_body_that_breaks_off_ends():
    with Upstream(break_off) as upstream, call_to(upstream.url) as call:
        assert list(call.open().blocks()) == [b"one"]


def one_and_silence(exchange):
    exchange.send(HEAD)
    exchange.send_chunk(b"one")


def test_a_silence_in_the_body_is_an_error():
    with Upstream(one_and_silence) as upstream:
        with call_to(upstream.url, read_timeout=0.05) as call:
            blocks = call.open().blocks()
            assert next(blocks) == b"one"
            with pytest.raises(CallTimedOut):
                next(blocks)


def test_the_beginning_of_a_body_ends_at_any_of_its_ends():
    with Upstream(answer(200, b"\xff" + b"a" * 100)) as upstream, call_to(upstream.url) as call:
        assert call.open().beginning(3) == "\ufffdaa"
    for script in (one_and_silence, break_off):
        with Upstream(script) as upstream, call_to(upstream.url, read_timeout=0.05) as call:
            assert call.open().beginning(100) == "one"


def test_an_abort_ends_the_body():
    with Upstream(one_and_silence) as upstream, call_to(upstream.url) as call:
        blocks = call.open().blocks()
        assert next(blocks) == b"one"
        aborting = threading.Thread(target=call.abort)
        aborting.start()
        assert list(blocks) == [] and call.aborted
        aborting.join()


def test_an_aborted_call_is_not_made():
    with Upstream(silence) as upstream, call_to(upstream.url) as call:
        call.abort()
        with pytest.raises(CallAborted):
            call.open()
    assert upstream.requests == []


def test_each_failure_before_the_answer_has_its_class_and_names_its_cause():
    with nobody_listens() as url, call_to(url) as call:
        with pytest.raises(CallFailed, match="refused"):
            call.open()
    with nobody_accepts() as url, call_to(url, connect_timeout=0.05) as call:
        with pytest.raises(CallTimedOut):
            call.open()
    with Upstream(silence) as upstream, call_to(upstream.url, read_timeout=0.05) as call:
        with pytest.raises(CallTimedOut):
            call.open()


whole = answer(200, "whole", connection="close")


@pytest.mark.parametrize("script", [whole, one_and_silence, break_off])
def test_a_closed_call_leaves_nothing_open(script):
    with Upstream(script) as upstream:
        before = open_descriptors()
        with call_to(upstream.url) as call:
            next(call.open().blocks())
        assert upstream.hung_up.wait(HANG_GUARD)
        call.close()
        assert open_descriptors() <= before
