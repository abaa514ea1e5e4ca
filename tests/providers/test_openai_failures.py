"""Each failure of the model's server is a ``ProviderError`` with a fitting status and code."""

from __future__ import annotations

import json
import traceback
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.providers.upstream.errors import UpstreamErrors
from tests.providers.asking import PROMPT, failure
from tests.support.upstream import (
    HEAD,
    Upstream,
    answer,
    completion,
    events,
    nobody_accepts,
    nobody_listens,
    open_descriptors,
    silence,
    silence_after,
    tokens,
)

KEY = "sk-very-secret-key"


def failure_with(script, **options):
    """The error of a provider whose server follows this script, and is asked once."""
    with Upstream(script) as upstream:
        return failure(OpenAICompatible(upstream.url, KEY, retries=0, **options))


def logged(error):
    """All that a log with traceback shows of an error."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


@pytest.mark.parametrize(
    "upstream_status, status, code",
    [
        (301, 502, "provider_moved"),
        (400, 400, "provider_rejected"),
        (401, 502, "provider_key"),
        (402, 429, "provider_limit"),
        (403, 502, "provider_key"),
        (404, 502, "provider_not_found"),
        (405, 502, "provider_not_found"),
        (408, 504, "provider_timeout"),
        (409, 503, "provider_busy"),
        (413, 413, "provider_rejected"),
        (415, 400, "provider_rejected"),
        (418, 502, "provider_error"),
        (422, 400, "provider_rejected"),
        (424, 502, "provider_error"),
        (429, 429, "provider_limit"),
        (451, 400, "provider_rejected"),
        (500, 502, "provider_error"),
        (501, 502, "provider_error"),
        (502, 502, "provider_error"),
        (503, 503, "provider_busy"),
        (504, 504, "provider_timeout"),
        (520, 502, "provider_error"),
        (521, 502, "provider_unreachable"),
        (522, 504, "provider_timeout"),
        (523, 502, "provider_unreachable"),
        (524, 504, "provider_timeout"),
        (525, 502, "provider_error"),
        (529, 503, "provider_busy"),
    ],
)
def test_a_status_is_passed_on_with_its_meaning(upstream_status, status, code):
    error = failure_with(answer(upstream_status, "{}"))
    assert (error.status, error.code, error.upstream_status) == (status, code, upstream_status)


def test_a_refused_key_is_named_and_not_shown():
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})
    error = failure_with(answer(401, body))
    assert str(error) == "The model's server refused the key it was called with."
    assert KEY not in logged(error)


def test_a_missing_model_is_named():
    assert "no such model or path" in str(failure_with(answer(404, "Not Found")))


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "max_tokens is too large", "type": "invalid_request_error"}}',
        '{"error": "max_tokens is too large"}',
        '{"message": "max_tokens is too large"}',
        '{"detail": "max_tokens is too large"}',
        "max_tokens  is\r\ntoo large",
    ],
)
def test_a_rejected_request_comes_with_the_servers_own_words(body):
    error = failure_with(answer(400, body))
    assert str(error) == "The model's server rejected the request: max_tokens is too large"


def test_the_servers_words_are_bounded():
    assert len(str(failure_with(answer(400, "x" * 100_000)))) < 600


def test_the_servers_words_never_show_a_secret():
    body = f"bad request: Bearer {KEY}, X-Token another-secret"
    error = failure_with(answer(400, body), headers={"X-Token": "another-secret"})
    assert str(error).endswith("bad request: Bearer ***, X-Token ***")


def test_other_failures_keep_the_servers_words_for_the_log():
    error = failure_with(answer(500, '{"error": {"message": "CUDA out of memory"}}'))
    assert str(error) == "The model's server failed."
    assert "CUDA out of memory" in logged(error)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header, seconds", [("17", 17), ("0", 0), ("soon", None), ("-1", None)])
def test_retry_after_is_kept_in_seconds(status, header, seconds):
    assert failure_with(answer(status, retry_after=header)).retry_after == seconds


def test_retry_after_may_be_a_date():
    soon = datetime.now(timezone.utc) + timedelta(seconds=90)
    date = format_datetime(soon, usegmt=True)
    assert 0 < failure_with(answer(503, retry_after=date)).retry_after <= 90


def test_a_date_in_the_past_means_now():
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert failure_with(answer(429, retry_after=date)).retry_after == 0


def test_redirects_are_not_followed():
    with Upstream(tokens("x")) as elsewhere:
        failure_with(answer(302, location=f"{elsewhere.url}/completions"))
        assert elsewhere.requests == []


def test_a_refused_connection_is_502():
    with nobody_listens() as url:
        error = failure(OpenAICompatible(url, KEY, retries=0))
    assert (error.status, error.code) == (502, "provider_unreachable")
    assert url not in str(error)
    assert url in logged(error) and "refused" in logged(error)


def test_an_unknown_host_is_502():
    error = failure(OpenAICompatible("http://no-such-host.invalid/v1", retries=0))
    assert (error.status, error.code) == (502, "provider_unreachable")


def test_an_authority_nobody_trusts_is_502(certificate):
    with Upstream(tokens("x"), certificate.context) as upstream:
        error = failure(OpenAICompatible(upstream.url, KEY, retries=0))
    assert error.code == "provider_unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in logged(error)
    assert upstream.requests == []


def test_the_certificate_of_another_host_is_502(foreign_certificate):
    with Upstream(tokens("x"), foreign_certificate.context) as upstream:
        provider = OpenAICompatible(upstream.url, KEY, ca_bundle=foreign_certificate.path)
        assert failure(provider).code == "provider_unreachable"
    assert upstream.requests == []


def test_a_connection_that_is_never_made_is_504():
    with nobody_accepts() as url:
        error = failure(OpenAICompatible(url, connect_timeout=0.05))
    assert (error.status, error.code) == (504, "provider_timeout")


@pytest.mark.parametrize("script", [silence, silence_after(), silence_after("a")])
def test_a_silence_is_504(script):
    error = failure_with(script, read_timeout=0.05)
    assert (error.status, error.code) == (504, "provider_timeout")


@pytest.mark.parametrize(
    "script",
    [
        answer(200, "<html>Welcome</html>", content_type="text/html"),
        answer(200, "whatever", content_type="text/event-stream", content_encoding="gzip"),
        answer(200, "no JSON"),
        answer(200, '{"object": "list", "data": []}'),
        answer(200, "[" * 10_000 + "]" * 10_000),
        events("no JSON"),
        events("[]"),
        events('"text"'),
        events('{"choices": [{"text": 7}]}'),
        events('{"choices": [7]}'),
        events("x" * 2_000_000, "x"),
    ],
)
def test_an_answer_that_is_none_is_502(script):
    error = failure_with(script)
    assert (error.status, error.code) == (502, "provider_answer")


def cut_in_a_chunk(exchange):
    exchange.send(HEAD)
    exchange.send_event(completion("a"))
    exchange.send("ff\r\ndata: ")
    exchange.end()


def cut_between_chunks(exchange):
    exchange.send(HEAD)
    exchange.send_event(completion("a"))
    exchange.end()


def reset(exchange):
    exchange.send(HEAD)
    exchange.reset()


@pytest.mark.parametrize(
    "script", [cut_in_a_chunk, cut_between_chunks, events(completion("a")), events(), reset]
)
def test_an_answer_cut_short_is_an_error(script):
    error = failure_with(script)
    assert (error.status, error.code) == (502, "truncated")


def test_what_came_before_the_cut_is_given_on():
    with Upstream(cut_in_a_chunk) as upstream:
        deltas = iter(OpenAICompatible(upstream.url).stream(PROMPT))
        assert next(deltas) == "a"
        with pytest.raises(ProviderError, match="before its end"):
            next(deltas)


def test_a_server_that_hangs_up_without_an_answer_is_502():
    error = failure_with(lambda exchange: exchange.end())
    assert (error.status, error.code) == (502, "provider_unreachable")


@pytest.mark.parametrize(
    "error, status, code",
    [
        ({"message": "the model crashed", "type": "server_error"}, 502, "provider_error"),
        ({"message": "no more room", "code": 503}, 503, "provider_busy"),
        ("the model crashed", 502, "provider_error"),
        ({"message": "no more room", "code": [503]}, 502, "provider_error"),
        ({"message": "no more room", "code": {}}, 502, "provider_error"),
        ({"message": [[]], "code": 1e400}, 502, "provider_error"),
    ],
)
def test_an_error_inside_the_answer_ends_it(error, status, code):
    caught = failure_with(events(completion("a"), {"error": error}))
    assert (caught.status, caught.code) == (status, code)


def test_an_error_of_any_depth_is_the_servers():
    told = []
    for _ in range(100_000):
        told = [told]
    with pytest.raises(ProviderError) as error:
        UpstreamErrors("http://here", []).refuse_in_band(told)
    assert error.value.code == "provider_error"


def test_a_server_that_dawdles_over_its_refusal_is_not_waited_for():
    left = []

    def dawdle(exchange):
        exchange.send("HTTP/1.1 500 Whatever\r\n\r\n")
        for _ in range(1000):
            if exchange.hangs_up_within(0.005):
                left.append(True)
                return
            exchange.send("x")

    assert failure_with(dawdle, read_timeout=0.05).code == "provider_error"
    assert left == [True]


def test_an_error_in_a_whole_answer_is_one():
    body = json.dumps({"error": {"message": "no"}, "choices": []})
    assert failure_with(answer(200, body)).code == "provider_error"


def test_no_failure_shows_the_key():
    for script in (answer(400, KEY), events(KEY), answer(200, KEY), events({"error": KEY})):
        assert KEY not in logged(failure_with(script))


def test_failures_leave_nothing_open():
    scripts = [answer(500), answer(200, "no JSON"), events("no JSON"), cut_in_a_chunk]
    failure_with(answer(500))
    before = open_descriptors()
    for script in scripts:
        failure_with(script)
    with nobody_listens() as url:
        failure(OpenAICompatible(url, retries=0))
    with nobody_accepts() as url:
        failure(OpenAICompatible(url, connect_timeout=0.05))
    failure_with(silence, read_timeout=0.05)
    assert open_descriptors() <= before
