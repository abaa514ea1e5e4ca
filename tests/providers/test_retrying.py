"""Whether a call that failed is made again, and after which time, without any server."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.errors import ConfigurationError, ProviderError
from flask_llmstream.http.errors import CallAborted, CallFailed, CallTimedOut
from flask_llmstream.providers.upstream.errors import UpstreamErrors
from flask_llmstream.providers.upstream.retrying import (
    A_SECOND,
    FIRST_WAIT,
    LONGEST_WAIT,
    RESERVE,
    SHARE,
    Retrying,
    RetryPolicy,
)

ERRORS = UpstreamErrors("http://here", [])


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def refused(status, body="", retry_after=None):
    with pytest.raises(ProviderError) as caught:
        ERRORS.refuse(status, body, retry_after)
    return caught.value


def failed(error):
    with pytest.raises(ProviderError) as caught:
        ERRORS.fail_call(error)
    return caught.value


def retrying(retries=2, within=2.0, draw=1.0, clock=None):
    return Retrying(RetryPolicy(retries, within, clock or Clock(), lambda: draw))


BUSY = refused(503)
FRACTIONS = st.floats(0, 1)
SECONDS = st.just(0.0) | st.floats(0.01, 10)
WORDS = '{"error": {"type": "%s", "message": "m"}}'


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 507, 520, 521, 522, 529])
def test_a_status_that_may_pass_is_retried(status):
    assert retrying().wait_after(refused(status)) is not None


@pytest.mark.parametrize(
    "status", [301, 400, 401, 402, 403, 404, 405, 413, 415, 418, 422, 451, 501, 504, 505, 524]
)
def test_another_status_is_final(status):
    assert retrying().wait_after(refused(status)) is None


@pytest.mark.parametrize("status", [429, 403, 400, 500, None])
@pytest.mark.parametrize(
    "word", ["insufficient_quota", "billing_hard_limit_reached", "insufficient_balance_error"]
)
def test_an_account_that_is_used_up_is_final(status, word):
    assert retrying().wait_after(refused(status, WORDS % word)) is None


@pytest.mark.parametrize("status", [400, 500, None])
@pytest.mark.parametrize("word", ["rate_limit_exceeded", "RESOURCE_EXHAUSTED", "overloaded_error"])
def test_words_decide_where_a_status_is_vague(status, word):
    assert retrying().wait_after(refused(status, WORDS % word)) is not None


@pytest.mark.parametrize(
    "word", ["invalid_api_key", "context_length_exceeded", "model_not_found", "timeout", "aborted"]
)
def test_words_for_something_that_stays_are_final(word):
    for status in (400, None):
        assert retrying().wait_after(refused(status, WORDS % word)) is None


def test_a_connection_that_fails_is_retried():
    assert retrying().wait_after(failed(CallFailed("refused"))) is not None


@pytest.mark.parametrize("error", [CallTimedOut("silence"), CallAborted("aborted")])
def test_a_silence_and_an_abort_are_final(error):
    assert retrying().wait_after(failed(error)) is None


def test_an_error_of_another_kind_is_final():
    assert retrying().wait_after(ProviderError("busy", status=503)) is None


def test_the_longest_wait_doubles_up_to_its_limit():
    tries = retrying(retries=8, within=1e9)
    waits = [tries.wait_after(BUSY) for _ in range(9)]
    assert waits == [0.5, 1, 2, 4, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT, None]
    assert tries.count == 8


@given(FRACTIONS, st.integers(0, 5), SECONDS, st.none() | st.integers(0, 12))
def test_each_retry_begins_in_time_and_not_before_the_server_wants(draw, retries, within, after):
    clock = Clock()
    tries = retrying(retries, within, draw, clock)
    wait = tries.wait_after(refused(503, retry_after=None if after is None else str(after)))
    if wait is None:
        assert retries == 0 or (after or 0) >= within
    else:
        least = after or 0
        assert least <= wait <= min(least + FIRST_WAIT, within) + 1e-9


def test_a_wait_is_drawn_from_nothing_on():
    assert retrying(draw=0.0).wait_after(BUSY) == 0


@pytest.mark.parametrize("retry_after", ["0", "-5", "0.0", "soon", ""])
def test_a_retry_after_that_names_no_time_leaves_the_random_wait(retry_after):
    assert retrying().wait_after(refused(503, retry_after=retry_after)) == FIRST_WAIT


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_retry_after_that_the_client_would_not_wait_for_is_final(status):
    assert retrying().wait_after(refused(status, retry_after="1")) == 1 + FIRST_WAIT
    assert retrying().wait_after(refused(status, retry_after="2")) is None


def test_a_date_is_a_time_too():
    def date(seconds):
        return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), True)

    assert retrying().wait_after(refused(503, retry_after=date(-60))) == FIRST_WAIT
    assert retrying().wait_after(refused(503, retry_after=date(60))) is None


def test_a_time_in_the_error_itself_counts():
    body = '{"error": {"code": 429, "details": [{"retryDelay": "34s"}]}}'
    assert retrying().wait_after(refused(429, body)) is None


def test_time_that_passed_before_the_failure_counts():
    clock = Clock()
    tries = retrying(clock=clock)
    clock.now += 1.75
    assert tries.wait_after(BUSY) == 0.25
    clock.now += 0.25
    assert tries.wait_after(BUSY) is None


@pytest.mark.parametrize("numbers", [{"retries": 0}, {"within": 0.0}])
def test_retries_can_be_switched_off(numbers):
    assert retrying(**numbers).wait_after(BUSY) is None


def failing(policy, answers):
    """The retries that so many answers make, each of which fails at once."""
    return retries_of([Retrying(policy) for _ in range(answers)])


def retries_of(tries):
    return sum(each.wait_after(BUSY) is not None for each in tries)


def test_a_server_that_fails_for_all_is_asked_little_more_often():
    policy = RetryPolicy(2, 2.0, Clock(), lambda: 0.0)
    assert failing(policy, 10_000) == RESERVE
    in_turn = [failing(policy, 1) for _ in range(100)]
    assert sum(in_turn) <= 100 * SHARE + 1


def test_the_budget_fills_up_with_time():
    clock = Clock()
    policy = RetryPolicy(2, 1e9, clock, lambda: 0.0)
    tries = [Retrying(policy) for _ in range(1000)]
    assert retries_of(tries) == RESERVE
    clock.now += 5
    assert retries_of(tries) == 5 * A_SECOND
    clock.now += 1e6
    assert retries_of(tries) == RESERVE


def test_a_final_error_costs_the_budget_nothing():
    policy = RetryPolicy(2, 2.0, Clock(), lambda: 0.0)
    for _ in range(1000):
        assert Retrying(policy).wait_after(refused(400)) is None
    assert failing(policy, 1000) == RESERVE


@pytest.mark.parametrize("retries", [-1, 1.5, "2", None, True])
def test_a_number_of_retries_that_cannot_work_is_refused(retries):
    with pytest.raises(ConfigurationError, match="^retries: "):
        RetryPolicy(retries, 2.0)


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), "2", None])
def test_a_time_for_retries_that_cannot_work_is_refused(seconds):
    with pytest.raises(ConfigurationError, match="^retry_within: "):
        RetryPolicy(2, seconds)
