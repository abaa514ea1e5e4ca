"""An abort ends the call at once, wherever it waits, and leaves nothing behind."""

from __future__ import annotations

import pytest

from flask_llmstream.providers import OpenAICompatible
from tests.providers.asking import PROMPT
from tests.providers.waiting import Reading, everywhere
from tests.support.upstream import (
    HANG_GUARD,
    Upstream,
    nobody_accepts,
    open_descriptors,
    silence,
    silence_after,
)


@everywhere
def test_an_abort_ends_the_call_where_it_waits(waiting, certificate):
    with waiting(Reading, certificate) as reading:
        reading.answer.abort()
        assert reading.ended()
    assert reading.error.code == "aborted"


@everywhere
def test_an_aborted_call_leaves_nothing_open(waiting, certificate):
    before = open_descriptors()
    with waiting(Reading, certificate) as reading:
        reading.answer.abort()
        assert reading.ended()
    assert open_descriptors() <= before


def test_an_abort_before_the_beginning_is_not_lost():
    with Upstream(silence) as upstream:
        reading = Reading(upstream.url)
        reading.answer.abort()
        reading.start()
        assert reading.ended()
    assert reading.error.code == "aborted"
    assert upstream.requests == []


@pytest.mark.parametrize("attempt", range(50))
def test_an_abort_that_races_with_connecting_is_not_lost(attempt):
    with Upstream(silence) as upstream:
        reading = Reading(upstream.url)
        reading.start()
        reading.answer.abort()
        assert reading.ended()
    assert reading.error.code == "aborted"


@pytest.mark.parametrize("attempt", range(50))
def test_an_abort_that_races_with_a_connection_never_made_is_not_lost(attempt):
    with nobody_accepts() as url:
        reading = Reading(url)
        reading.start()
        reading.answer.abort()
        assert reading.ended()
    assert reading.error.code == "aborted"


def test_an_abort_ends_a_call_through_a_proxy(monkeypatch):
    with Upstream(silence) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        reading = Reading("http://model.example/v1")
        reading.start()
        assert proxy.asked.wait(HANG_GUARD)
        reading.answer.abort()
        assert reading.ended()
    assert reading.error.code == "aborted"


def test_an_abort_after_the_end_is_harmless():
    with Upstream(silence) as upstream:
        reading = Reading(upstream.url)
        reading.start()
        reading.answer.abort()
        assert reading.ended()
        reading.answer.abort()
        reading.answer.close()
        reading.answer.abort()


def test_closing_the_answer_hangs_up():
    with Upstream(silence_after("a")) as upstream:
        answer = OpenAICompatible(upstream.url).stream(PROMPT)
        assert next(iter(answer)) == "a"
        answer.close()
        assert upstream.hung_up.wait(HANG_GUARD)


def test_closing_the_answer_leaves_nothing_open():
    with Upstream(silence_after("a")) as upstream:
        before = open_descriptors()
        for _ in range(5):
            upstream.hung_up.clear()
            answer = OpenAICompatible(upstream.url).stream(PROMPT)
            assert next(iter(answer)) == "a"
            answer.close()
            assert upstream.hung_up.wait(HANG_GUARD)
        assert open_descriptors() <= before


def test_forgetting_the_answer_hangs_up():
    with Upstream(silence_after("a")) as upstream:
        answer = OpenAICompatible(upstream.url).stream(PROMPT)
        assert next(iter(answer)) == "a"
        del answer
        assert upstream.hung_up.wait(HANG_GUARD)
