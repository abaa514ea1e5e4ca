"""The bytes of an answer decide how it is read, and not its labels."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import ProviderError
from flask_llmstream.http.call import MOST_START_BYTES
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.records import Usage
from tests.providers.asking import CHAT, ask, failure
from tests.support.upstream import Upstream, answer, chat_delta

EVENTS = f"data: {json.dumps(chat_delta('Hello', 'stop'))}\n\ndata: [DONE]\n\n"
WHOLE = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
LABELS = [
    "text/event-stream",
    "Text/Event-Stream; charset=latin-1",
    "text/event-stream, text/event-stream",
    "text/plain; charset=utf-8",
    "application/json",
    "application/octet-stream",
    "text/html",
    "",
]


def unlabelled(body):
    def script(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\n\r\n" + body.encode())
        exchange.end()

    return script


def said(script):
    with Upstream(script) as upstream:
        return ask(OpenAICompatible(upstream.url), CHAT)


def error_of(script):
    with Upstream(script) as upstream:
        return failure(OpenAICompatible(upstream.url, retries=0), CHAT)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    "start", ["", ": OK\n\n", "\n\n", "\ufeff", "event: message\n", "id: 1\r\n", "retry: 5\n"]
)
def test_an_event_stream_is_one_under_each_label(label, start):
    script = answer(200, start + EVENTS, content_type=label)
    assert said(script) == ["Hello", Usage()]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("start", ["", "\n\n\n", "\ufeff", "  \r\n"])
def test_json_is_json_under_each_label(label, start):
    assert said(answer(200, start + WHOLE, content_type=label)) == ["Hello", Usage()]


@pytest.mark.parametrize("body", [EVENTS, WHOLE])
def test_no_label_is_needed(body):
    assert said(unlabelled(body)) == ["Hello", Usage()]


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_json_may_have_another_charset_than_its_label(charset):
    script = answer(200, WHOLE.encode(charset), content_type="application/json; charset=ascii")
    assert said(script) == ["Hello", Usage()]


@pytest.mark.parametrize("status", [201, 203])
def test_each_status_of_success_has_an_answer(status):
    assert said(answer(status, WHOLE)) == ["Hello", Usage()]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    "body, words",
    [
        ("<!DOCTYPE html><html><title>Sign in</title><script>x</script></html>", "Sign in"),
        ("Service is warming up, try later", "Service is warming up, try later"),
        ('"a text"', '"a text"'),
        ("null", "null"),
    ],
)
def test_what_is_neither_is_told_by_its_label_and_its_first_words(label, body, words):
    error = error_of(answer(200, body, content_type=label))
    assert (error.status, error.code) == (502, "provider_answer")
    detail = str(error.__cause__)
    assert f"Content-Type {label}" in detail and detail.endswith(f": {words}")


@pytest.mark.parametrize("body", ["", "\n\n"])
def test_an_empty_body_is_told_so(body):
    assert str(error_of(answer(200, body)).__cause__).endswith(": an empty body")


def test_a_coding_that_nobody_reads_is_named():
    body = b"\x1b\x1b\x00\xf8\xa5\x5b"
    error = error_of(answer(200, body, content_type="text/event-stream", content_encoding="br"))
    assert error.code == "provider_answer"
    assert "Content-Encoding br" in str(error.__cause__)


def test_a_packed_error_has_its_words():
    body = gzip.compress(b'{"error": {"message": "max_tokens is too large"}}')
    error = error_of(answer(400, body, content_encoding="gzip"))
    assert str(error) == "The model's server rejected the request: max_tokens is too large"


def test_blank_lines_are_not_read_for_ever():
    def blanks(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not exchange.hangs_up_within(0):
            exchange.send("\n" * MOST_START_BYTES)

    assert error_of(blanks).code == "provider_answer"


class Sending:
    """A server that answers each request with these bytes."""

    def __init__(self):
        self.whole = b""

    def __call__(self, exchange):
        exchange.send(self.whole)
        exchange.end()


@pytest.fixture(scope="module")
def sending():
    script = Sending()
    with Upstream(script) as upstream:
        yield script, OpenAICompatible(upstream.url, retries=0)


PARTS = [EVENTS.encode(), WHOLE.encode(), b"data: ", b"error: x\n", b"{", b"[", b"<html>", b"\n\n",
         b"\x1f\x8b", b"\xff\xfe", b"data: [DONE]\n\n", b'{"error": {"message": 1}}', b"x", b" ",
         gzip.compress(EVENTS.encode()), WHOLE.encode("utf-16")]  # fmt: skip


@given(
    status=st.sampled_from([200, 200, 201, 204, 400, 500]),
    label=st.sampled_from(LABELS),
    coding=st.sampled_from(["", "gzip", "deflate", "br", "identity", "none"]),
    body=st.lists(st.sampled_from(PARTS) | st.binary(max_size=20), max_size=5).map(b"".join),
)
def test_any_bytes_are_an_answer_or_an_error_in_words(sending, status, label, coding, body):
    script, provider = sending
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {label}\r\nContent-Encoding: {coding}\r\n\r\n"
    script.whole = head.encode() + body
    try:
        *_, last = provider.stream(CHAT)
        assert isinstance(last, Usage)
    except ProviderError as error:
        assert str(error) and str(error.__cause__)
