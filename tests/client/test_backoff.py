"""When a reader comes back, and after which time."""

from __future__ import annotations

import pytest

from flask_llmstream import (
    Backoff,
    ConnectionFailed,
    NotAnEventStream,
    ServerFailure,
    StreamStalled,
    StreamTruncated,
)
from flask_llmstream.client.reconnecting import may_pass, told_by


def test_the_bound_doubles():
    backoff = Backoff(draw=lambda: 1.0)
    assert [backoff.seconds(tries) for tries in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.seconds(10**9) == 10


def test_the_whole_pause_is_drawn():
    assert Backoff(draw=lambda: 0.0).seconds(3) == 0
    assert Backoff(first=8, longest=8, draw=lambda: 0.5).seconds(0) == 4


def test_the_server_s_time_is_the_least():
    assert Backoff(draw=lambda: 0.5).seconds(0, told=20) == 20.5


def test_an_hour_is_the_most():
    assert Backoff(draw=lambda: 0.0).seconds(0, told=10**9) == 3600


def test_retry_after_goes_before_retry():
    assert told_by(ServerFailure("", retry_after=0), 5000) == 0
    assert told_by(ServerFailure(""), 1500) == 1.5
    assert told_by(ServerFailure(""), None) == 0


@pytest.mark.parametrize("name", ["first", "longest"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_a_bound_that_can_t_be(name, value):
    with pytest.raises(ValueError, match=name):
        Backoff(**{name: value})


@pytest.mark.parametrize(
    "failure, passes",
    [
        (ConnectionFailed(""), True),
        (StreamTruncated(""), True),
        (StreamStalled("alive", 1), True),
        (StreamStalled("progress", 1), False),
        (NotAnEventStream("", status=200), False),
        (ServerFailure("", status=429), True),
        (ServerFailure("", status=503), True),
        (ServerFailure("", status=410), False),
        (ServerFailure(""), False),
    ],
)
def test_which_failures_may_pass(failure, passes):
    assert may_pass(failure) is passes
