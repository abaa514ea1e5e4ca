"""The words of the progress line and of the last line."""

from __future__ import annotations

import pytest

from flask_llmstream.tail.arrivals import Arrivals
from flask_llmstream.tail.progress import duration, progress, summary


def arrived(*times, asked_at=100.0):
    """Tokens so many seconds after a request."""
    arrivals = Arrivals(asked_at)
    for time in times:
        arrivals.token(asked_at + time)
    return arrivals


@pytest.mark.parametrize(
    "seconds, told",
    [
        (0, "0.0 ms"), (0.0042, "4.2 ms"), (0.00994, "9.9 ms"), (0.00996, "10 ms"),
        (0.4123, "412 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (12.34, "12.3 s"),
        (99.94, "99.9 s"), (99.96, "100 s"), (3723, "3723 s"),
    ],
)  # fmt: skip
def test_a_time(seconds, told):
    assert duration(seconds) == told


def test_before_the_first_token_it_says_what_is_waited_for():
    assert progress("connecting", arrived(), 101.24) == "connecting 1.2 s"


def test_the_first_token_says_how_long_it_took():
    assert progress("silent", arrived(0.41), 100.5) == "first 410 ms | 1 token"


def test_tokens_have_a_rate_and_a_longest_gap():
    line = progress("silent", arrived(0.5, 1.0, 2.5), 102.6)
    assert line == "first 500 ms | 3 tokens | 1.0/s | longest gap 1.5 s"


def test_silence_is_told_after_a_second():
    assert progress("silent", arrived(0.5), 101.4) == "first 500 ms | 1 token"
    assert progress("silent", arrived(0.5), 102.0) == "silent 1.5 s | first 500 ms | 1 token"


def test_a_burst_has_no_rate():
    assert progress("silent", arrived(0.5, 0.5), 100.6) == "first 500 ms | 2 tokens"


def test_a_high_rate_has_no_fraction():
    arrivals = arrived(*(number / 1000 for number in range(1001)))
    assert "| 1000/s |" in progress("silent", arrivals, 101.1)


def test_reconnects_are_counted():
    arrivals = arrived(0.5)
    arrivals.reconnects = 2
    assert progress("silent", arrivals, 100.6) == "first 500 ms | 1 token | 2 reconnects"


def test_the_reason_of_a_reconnect_comes_last():
    arrivals = arrived(0.5)
    arrivals.reconnects = 1
    line = progress("reconnecting", arrivals, 100.75, "The connection broke.")
    assert line == (
        "reconnecting 0.2 s | first 500 ms | 1 token | 1 reconnect | The connection broke."
    )


def test_the_last_line_says_how_it_ended_and_what_it_cost():
    line = summary("complete", arrived(0.5, 1.0), 1.25, "usage: 3 in, 2 out")
    assert line == (
        "complete in 1.2 s | first 500 ms | 2 tokens | 2.0/s | longest gap 500 ms"
        " | usage: 3 in, 2 out"
    )


def test_the_last_line_of_an_answer_without_text():
    assert summary("complete", arrived(), 0.05) == "complete in 50 ms | no tokens"
