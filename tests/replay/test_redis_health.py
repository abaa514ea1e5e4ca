"""The operator is told once that Redis is gone, and once that it is back."""

from __future__ import annotations

import pytest

from flask_llmstream.replay.redis.health import LONGEST_WAIT, SETTLE_SECONDS, Backoff, Health


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock)


def test_the_first_failure_is_told_and_no_other(health, caplog):
    for _ in range(5):
        health.failed("refused")
        health.works()
    assert [one.getMessage().rpartition(": ")[2] for one in caplog.records] == ["refused"]


def test_a_redis_that_is_too_old_is_told_as_such(health, caplog):
    health.failed("unknown command `GETEX`")
    assert "Redis 6.2 or later" in caplog.text


def test_it_is_back_when_nothing_has_failed_for_a_while(health, clock, caplog):
    health.failed("refused")
    clock.now += SETTLE_SECONDS - 0.1
    health.works()
    assert len(caplog.records) == 1
    clock.now += 0.1
    health.works()
    health.works()
    assert [one.getMessage() for one in caplog.records][1:] == ["Redis can be used again"]


def test_a_redis_that_always_works_is_nothing_to_tell(health, caplog):
    health.works()
    assert not caplog.records


def test_the_second_try_comes_at_once_and_later_ones_after_longer_waits():
    backoff = Backoff()
    waits = [backoff.wait() for _ in range(50)]
    assert waits[0] == 0 < waits[1]
    assert max(waits) <= LONGEST_WAIT < 2 * min(waits[10:])
    backoff.reset()
    assert backoff.wait() == 0
