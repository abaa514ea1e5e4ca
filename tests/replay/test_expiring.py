"""Values that are kept for a time, and as many as there is room for."""

from __future__ import annotations

import pytest

from flask_llmstream.replay.expiring import Expiring
from tests.support.manual_timers import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


def test_a_value_is_kept_for_its_time(clock):
    kept = Expiring(10, 0, clock)
    kept.set("a", 1)
    clock.now += 9
    assert kept.get("a") == 1
    clock.now += 1
    assert kept.get("a") is None


def test_the_first_of_two_that_are_added_stays(clock):
    kept = Expiring(10, 0, clock)
    assert kept.add("a", 1) is None
    assert kept.add("a", 2) == 1
    assert kept.get("a") == 1


def test_one_that_is_set_has_its_time_from_then_on(clock):
    kept = Expiring(10, 0, clock)
    kept.set("a", 1)
    clock.now += 9
    kept.set("a", 2)
    clock.now += 9
    assert kept.get("a") == 2


def test_the_oldest_makes_room_for_a_new_one(clock):
    kept = Expiring(10, 2, clock)
    for key in "abc":
        kept.set(key, key)
    assert [kept.get(key) for key in "abc"] == [None, "b", "c"]


def test_a_look_takes_no_room(clock):
    kept = Expiring(10, 2, clock)
    kept.add("a", 1)
    kept.add("b", 2)
    assert [kept.get("b"), kept.get("a"), kept.get("b")] == [2, 1, 2]


def test_the_oldest_can_be_taken(clock):
    kept = Expiring(10, 0, clock)
    assert kept.pop_oldest() is None
    kept.set("a", 1)
    kept.set("b", 2)
    assert (kept.pop_oldest(), kept.pop("b"), len(kept)) == ("a", 2, 0)
