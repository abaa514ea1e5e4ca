"""What a failed connection is called, in words for a person."""

from __future__ import annotations

import ssl
from threading import Event

import pytest

from flask_llmstream import ConnectionFailed, StreamStalled, StreamTruncated
from flask_llmstream.client.breaks import why
from flask_llmstream.client.event_source import EventSource
from tests.client.kept_server import AT_ONCE, KeptAnswer, frames_of
from tests.support.upstream import HANG_GUARD, HEAD, Upstream, nobody_accepts, silence_after

EVENT = b'data: {"ended":false,"message":"one"}\n\n'
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
LENGTH = HEAD.replace("Transfer-Encoding: chunked", "Content-Length: 100")
RESET = "the server, or a proxy before it, reset the connection"


def sends(*parts):
    def script(exchange):
        for part in parts:
            exchange.send(part)
        exchange.end()

    return script


def failure(script, **options):
    """The error of a reader that does not come back."""
    with Upstream(script) as upstream:
        with EventSource(upstream.url, json={}, max_tries=0, **options) as source:
            with pytest.raises((ConnectionFailed, StreamTruncated, StreamStalled)) as caught:
                list(source)
    return caught.value


@pytest.mark.parametrize("rest", ["", CHUNK[:10], "1", "not hexadecimal\r\n"])
def test_a_chunked_body_that_stops(rest):
    error = failure(sends(HEAD, CHUNK, rest))
    assert str(error) == "The connection broke: the body was cut off."
    assert error.__cause__ is not None


def test_a_body_that_lacks_bytes():
    error = failure(sends(LENGTH, EVENT))
    assert str(error) == f"The connection broke: the body lacks {100 - len(EVENT)} bytes."


def test_a_reset_in_the_body():
    read = Event()

    def script(exchange):
        exchange.send(HEAD.encode() + CHUNK)
        assert read.wait(HANG_GUARD)
        exchange.reset()

    error = failure(script, on_bytes=lambda piece: read.set() if piece else None)
    assert str(error) == f"The connection broke: {RESET}."


def test_a_reset_before_the_answer():
    error = failure(lambda exchange: exchange.reset())
    assert str(error) == f"The server can't be reached: {RESET}."
    assert error.__cause__ is not None


def test_a_silence_is_told_with_its_seconds():
    error = failure(silence_after(HEAD), alive_timeout=0.05)
    assert str(error) == "The server sent nothing for 0.05 s."
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    "answer, words",
    [
        ("", "the server closed the connection without an answer"),
        ("Hello\r\n\r\n", "its answer is not HTTP"),
    ],
)
def test_an_answer_that_is_none(answer, words):
    assert str(failure(sends(answer))) == f"The server can't be reached: {words}."


def test_a_connection_that_nobody_accepts():
    with nobody_accepts() as url, pytest.raises(ConnectionFailed) as caught:
        list(EventSource(url, connect_timeout=0.05))
    assert str(caught.value) == "The server can't be reached: no connection came in time."


def test_what_is_told_of_a_break_that_is_resumed():
    told = []
    with Upstream(KeptAnswer(frames_of(["one"]), [40])) as upstream:
        options = {"backoff": AT_ONCE, "on_reconnect": lambda error, _: told.append(str(error))}
        with EventSource(upstream.url, json={}, **options) as source:
            assert "".join(source.text()) == "one"
    assert told == ["The connection broke: the body was cut off."]


def wrapped(error):
    """The error, as a library raises it on: in one of its own, behind another."""
    try:
        try:
            try:
                raise TypeError("buffering")
            except TypeError:
                raise error
        except type(error) as inner:
            raise ValueError("HTTPConnectionPool(…): Max retries exceeded") from inner
    except ValueError as outer:
        return outer


def untrusted():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] …")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    "error, words",
    [
        (ConnectionResetError(104, "Connection reset by peer"), RESET),
        (BrokenPipeError(32, "Broken pipe"), RESET),
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "it was cut off"),
    ],
)
def test_the_true_error_is_found_between_those_of_the_libraries(error, words):
    assert why(wrapped(error)) == words


@pytest.mark.parametrize(
    "error, words",
    [
        (untrusted(), "its certificate is not trusted: certificate has expired"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError("Tunnel connection failed: 407."), "Tunnel connection failed: 407"),
        (OSError(), "OSError"),
    ],
)
def test_another_error_has_its_own_words(error, words):
    assert why(error) == words
