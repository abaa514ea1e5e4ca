"""The counter counts at its pace, and stops at an abort."""

from __future__ import annotations

import threading

import pytest

from flask_llmstream.errors import ConfigurationError, ProviderError
from flask_llmstream.providers import Counter
from flask_llmstream.records import Usage
from tests.providers.asking import PROMPT, ask
from tests.support.upstream import HANG_GUARD

AN_HOUR = 3600


def test_it_counts_ten_messages_a_second_apart():
    assert (Counter().messages, Counter().interval) == (10, 1.0)
    assert ask(Counter(interval=0))[:-1] == list("0123456789")


def test_the_usage_comes_last():
    assert ask(Counter(messages=3, interval=0))[-1] == Usage(0, 3, "stop")


def test_it_may_have_nothing_to_count():
    assert ask(Counter(messages=0, interval=AN_HOUR)) == [Usage(0, 0, "stop")]


def test_the_first_number_comes_at_once():
    assert next(iter(Counter(interval=AN_HOUR).stream(PROMPT))) == "0"


def test_an_abort_ends_it_while_it_waits():
    numbers, got_first, errors = [], threading.Event(), []
    answer = Counter(interval=AN_HOUR).stream(PROMPT)

    def read():
        try:
            for number in answer:
                numbers.append(number)
                got_first.set()
        except ProviderError as error:
            errors.append(error.code)

    reading = threading.Thread(target=read)
    reading.start()
    assert got_first.wait(HANG_GUARD)
    answer.abort()
    reading.join(HANG_GUARD)
    assert (numbers, errors) == (["0"], ["aborted"])


def test_several_count_on_their_own():
    counter = Counter(messages=2, interval=0)
    first, second = iter(counter.stream(PROMPT)), iter(counter.stream(PROMPT))
    assert [next(first), next(second), next(first), next(second)] == ["0", "0", "1", "1"]


@pytest.mark.parametrize("messages", [-1, 1.5, "10", None])
def test_a_number_of_messages_that_cannot_work_is_refused(messages):
    with pytest.raises(ConfigurationError, match="messages"):
        Counter(messages=messages)


@pytest.mark.parametrize("interval", [-1, float("inf"), float("nan"), "1", None])
def test_an_interval_that_cannot_work_is_refused(interval):
    with pytest.raises(ConfigurationError, match="interval"):
        Counter(interval=interval)
