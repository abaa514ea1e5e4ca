"""A server that can't be reached, fails or is busy is asked again, while nothing has gone on."""

from __future__ import annotations

import json
import logging
import socket
import threading

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.providers.openai.call import OpenAICall
from flask_llmstream.providers.upstream.attempts import Attempts
from flask_llmstream.providers.upstream.request import UpstreamRequest
from flask_llmstream.providers.upstream.retrying import RetryPolicy
from flask_llmstream.providers.upstream.upstream import Upstream as Server
from tests.providers.asking import CHAT, ask, failure
from tests.providers.waiting import Reading
from tests.support.upstream import (
    HANG_GUARD,
    HEAD,
    Upstream,
    answer,
    completion,
    events,
    nobody_listens,
    open_descriptors,
    silence,
    tokens,
)

BUSY = answer(503, json.dumps({"error": {"message": "busy", "type": "overloaded_error"}}))
BONJOUR = tokens("Bonjour")
REQUEST = UpstreamRequest("/completions", {"prompt": "Hi", "stream_options": {}})


def in_turn(*scripts):
    """A server that answers so, one request after another, and then always as the last one."""
    waiting = list(scripts)

    def script(exchange):
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(exchange)

    return script


def attempts_at(url, retries=2, **options):
    """The calls for one answer, without any wait between them."""
    policy = RetryPolicy(retries, 1000.0, draw=lambda: 0.0)
    server = Server(url, own_path="/completions", retries=policy, **options)
    return Attempts(server, REQUEST, read, ("stream_options",))


def read(call, errors):
    return OpenAICall(call, errors).deltas()


def text(url, **options):
    pieces = attempts_at(url, **options).pieces()
    return "".join(piece for piece in pieces if isinstance(piece, str))


def error_of(url, **options):
    with pytest.raises(ProviderError) as caught:
        text(url, **options)
    return caught.value


def reset(exchange):
    exchange.reset()


def no_http(exchange):
    exchange.send("SSH-2.0-OpenSSH_9.6\r\n\r\n")


@pytest.mark.parametrize(
    "failing",
    [
        BUSY,
        answer(429, json.dumps({"error": {"code": "rate_limit_exceeded"}})),
        answer(500),
        answer(502, "<html>Bad Gateway</html>"),
        answer(408),
        answer(503, retry_after="0"),
        events({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
        events({"error": {"code": 502, "message": "the upstream's upstream"}}),
        reset,
        no_http,
    ],
)
def test_it_is_asked_again(failing):
    with Upstream(in_turn(failing, failing, BONJOUR)) as upstream:
        assert text(upstream.url) == "Bonjour"
        assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    "failing",
    [
        answer(400, "no"),
        answer(401),
        answer(402),
        answer(403),
        answer(404),
        answer(413),
        answer(422, "no"),
        answer(429, json.dumps({"error": {"code": "insufficient_quota"}})),
        answer(429, retry_after="1001"),
        answer(500, json.dumps({"error": {"code": "invalid_api_key"}})),
        answer(504),
        answer(200, "no model's answer"),
        answer(302, location="http://127.0.0.1:9/"),
        events({"error": {"code": 400, "message": "no"}}),
        events(),
        events(completion("")),
    ],
)
def test_another_failure_is_final(failing):
    with Upstream(in_turn(failing, BONJOUR)) as upstream:
        error_of(upstream.url)
        assert len(upstream.requests) == 1


def test_a_silence_is_final_since_the_model_may_be_working():
    with Upstream(in_turn(silence, BONJOUR)) as upstream:
        assert error_of(upstream.url, read_timeout=0.2).code == "provider_timeout"
        assert len(upstream.requests) == 1


def test_a_certificate_that_is_not_trusted_is_final(foreign_certificate):
    connections = []

    def count(*arguments):
        connections.append(arguments)
        return connect(*arguments)

    connect = socket.socket.connect_ex
    with Upstream(BONJOUR, foreign_certificate.context) as upstream:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket.socket, "connect_ex", count)
            error = error_of(upstream.url, ca_bundle=foreign_certificate.path)
    assert error.code == "provider_unreachable"
    assert "ertificate" in str(error.__cause__)
    assert len(connections) == 1


def test_a_server_that_is_away_is_asked_again(caplog):
    with nobody_listens() as url:
        assert error_of(url).code == "provider_unreachable"
    assert [record.getMessage()[-17:] for record in caplog.records] == [
        "retry 1 in 0.00 s",
        "retry 2 in 0.00 s",
    ]


def test_it_is_asked_so_often_and_no_more():
    with Upstream(BUSY) as upstream:
        error_of(upstream.url, retries=4)
        assert len(upstream.requests) == 5


def test_the_client_gets_the_last_error():
    last = answer(429, "the last one", retry_after="2000")
    with Upstream(in_turn(BUSY, answer(500), last)) as upstream:
        error = error_of(upstream.url)
    assert (error.status, error.code, error.retry_after) == (429, "provider_limit", 2000)
    assert str(error.__cause__).endswith("status 429: the last one")


def test_a_final_error_ends_the_retries():
    with Upstream(in_turn(BUSY, answer(400, "no"), BONJOUR)) as upstream:
        assert error_of(upstream.url).status == 400
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("end", [reset, lambda exchange: exchange.send_event({"error": "busy"})])
def test_what_a_reader_has_got_is_not_asked_for_again(end):
    def half(exchange):
        exchange.send(HEAD)
        exchange.send_event(completion("Half"))
        end(exchange)

    with Upstream(in_turn(half, BONJOUR)) as upstream:
        pieces = attempts_at(upstream.url).pieces()
        assert next(pieces) == "Half"
        with pytest.raises(ProviderError):
            next(pieces)
        assert len(upstream.requests) == 1


def test_each_attempt_sends_the_same():
    with Upstream(in_turn(BUSY, BONJOUR)) as upstream:
        ask(OpenAICompatible(upstream.url), CHAT)
        first, second = (exchange.body for exchange in upstream.requests)
    assert first == second


def test_a_member_that_is_refused_costs_no_retry_and_stays_left_out():
    def script(exchange):
        strict = "stream_options" in exchange.json
        (answer(400, "stream_options: unknown") if strict else busy_then_fine)(exchange)

    busy_then_fine = in_turn(BUSY, BUSY, BONJOUR)
    with Upstream(in_turn(BUSY, script)) as upstream:
        assert text(upstream.url, retries=3) == "Bonjour"
        members = ["stream_options" in exchange.json for exchange in upstream.requests]
    assert members == [True, True, False, False, False]


def test_each_attempt_asks_for_its_key():
    keys = iter(["sk-first-key", "sk-second-key", "sk-third-key"])
    with Upstream(in_turn(BUSY, answer(429), BONJOUR)) as upstream:
        assert text(upstream.url, api_key=lambda: next(keys)) == "Bonjour"
        sent = [exchange.headers["Authorization"] for exchange in upstream.requests]
    assert sent == ["Bearer sk-first-key", "Bearer sk-second-key", "Bearer sk-third-key"]


def test_a_key_that_is_replaced_costs_no_retry():
    keys = iter(["sk-first-key", "sk-second-key", "sk-third-key"])
    with Upstream(in_turn(answer(401), BUSY, BONJOUR)) as upstream:
        assert text(upstream.url, retries=1, api_key=lambda: next(keys)) == "Bonjour"
        sent = [exchange.headers["Authorization"] for exchange in upstream.requests]
    assert sent == ["Bearer sk-first-key", "Bearer sk-second-key", "Bearer sk-third-key"]


def test_the_log_tells_each_retry_without_a_secret(caplog):
    told = answer(503, json.dumps({"error": {"message": "no room for sk-very-secret"}}))
    with Upstream(in_turn(told, told, BONJOUR)) as upstream:
        text(upstream.url, api_key="sk-very-secret")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"{upstream.url}: status 503: no room for ***")
        assert line.endswith(f"; retry {number} in 0.00 s")


def test_attempts_leave_nothing_open():
    before = open_descriptors()
    with Upstream(in_turn(BUSY, reset, BONJOUR)) as upstream:
        text(upstream.url)
    assert open_descriptors() <= before


def test_an_answer_that_is_asked_for_with_the_defaults_is_retried():
    with Upstream(in_turn(BUSY, BUSY, tokens("Bonjour"))) as upstream:
        assert ask(OpenAICompatible(upstream.url), CHAT)[0] == "Bonjour"
        assert len(upstream.requests) == 3


@pytest.mark.parametrize("switched_off", [{"retries": 0}, {"retry_within": 0}])
def test_retries_are_switched_off(switched_off):
    with Upstream(BUSY) as upstream:
        failure(OpenAICompatible(upstream.url, **switched_off), CHAT)
        assert len(upstream.requests) == 1


class Interrupting(logging.Handler):
    """Calls a function when the log tells a retry: on the reader, just before its wait begins."""

    def __init__(self, interrupt):
        super().__init__()
        self.interrupt = interrupt

    def __enter__(self):
        logging.getLogger("flask_llmstream").addHandler(self)

    def __exit__(self, *_):
        logging.getLogger("flask_llmstream").removeHandler(self)

    def emit(self, record):
        self.interrupt()


def test_an_abort_just_before_the_wait_is_not_lost():
    with Upstream(answer(503, retry_after="1000")) as upstream:
        reading = Reading(upstream.url, retry_within=5000)
        with Interrupting(reading.answer.abort):
            reading.start()
            assert reading.ended()
    assert reading.error.code == "aborted"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("attempt", range(30))
def test_an_abort_that_races_with_the_wait_is_not_lost(attempt):
    with Upstream(answer(503, retry_after="1000")) as upstream:
        reading, begins = Reading(upstream.url, retry_within=5000), threading.Event()
        with Interrupting(begins.set):
            reading.start()
            assert begins.wait(HANG_GUARD)
            reading.answer.abort()
            assert reading.ended()
    assert reading.error.code == "aborted"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("number", range(8))
def test_wherever_an_abort_comes_nothing_is_asked_behind_it(number):
    """The reader asks for a key, the server is asked, the log tells a retry; three times."""
    reached = []

    def reach(place):
        if len(reached) == number:
            reading.answer.abort()
        reached.append(place)

    def key():
        reach("key")
        return "sk-some-key"

    def script(exchange):
        reach("request")
        busy_then_fine(exchange)

    busy_then_fine = in_turn(BUSY, BUSY, BONJOUR)
    with Upstream(script) as upstream, Interrupting(lambda: reach("retry")):
        reading = Reading(upstream.url, api_key=key)
        reading.start()
        assert reading.ended()
    assert reading.error.code == "aborted"
    assert reached == (["key", "request", "retry"] * 3)[: number + 1]


def test_an_abort_ends_a_retry_where_it_waits():
    asked_again = threading.Event()
    with Upstream(in_turn(BUSY, lambda exchange: asked_again.set())) as upstream:
        reading = Reading(upstream.url)
        reading.start()
        assert asked_again.wait(HANG_GUARD)
        reading.answer.abort()
        assert reading.ended()
    assert reading.error.code == "aborted"


@pytest.mark.parametrize("attempt", range(30))
def test_an_abort_that_races_with_the_next_call_is_not_lost(attempt):
    with Upstream(in_turn(BUSY, silence)) as upstream:
        attempts = attempts_at(upstream.url, read_timeout=0)
        reading = threading.Thread(target=lambda: errors.append(error_in(attempts)), daemon=True)
        errors = []
        with Interrupting(lambda: aborting.start()):
            aborting = threading.Thread(target=attempts.abort)
            reading.start()
            reading.join(HANG_GUARD)
        aborting.join(HANG_GUARD)
    assert [error.code for error in errors] == ["aborted"]


def error_in(attempts):
    try:
        list(attempts.pieces())
    except ProviderError as error:
        return error
