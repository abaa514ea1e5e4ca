"""StreamLimiter: how many streams run, and how many of one client's."""

from __future__ import annotations

import threading
import weakref
from itertools import count

import gevent
import pytest

from flask_llmstream.stream.limits import StreamLimiter
from tests.support.channel_sides import switching_often
from tests.support.runtimes import GREENLETS, HANG_GUARD, only


class A(str):
    """A stream by its name."""


def give_all_back(slots):
    for stream in slots.streams:
        slots.release(stream)


def test_no_more_slots_are_given_than_there_are():
    slots = StreamLimiter(2)
    assert [slots.acquire(stream) is None for stream in map(A, "abc")] == [True, True, False]
    assert slots.taken == 2


def test_who_finds_none_is_told_so_and_when_to_come_back():
    refusal = _full(StreamLimiter(1)).acquire(A("another"))
    assert (refusal.status, refusal.code, refusal.retry_after) == (503, "too_many_streams", 1)


def test_a_slot_that_was_given_back_can_be_taken_again():
    slots = _full(StreamLimiter(1))
    slots.release("a stream")
    assert slots.taken == 0
    assert slots.acquire(A("another")) is None


def test_zero_slots_are_any_number():
    slots = StreamLimiter(0)
    assert all(slots.acquire(stream) is None for stream in map(A, range(5000)))
    assert slots.taken == 5000


def test_the_streams_that_run_can_be_listed():
    slots = StreamLimiter(0)
    for stream in map(A, "abc"):
        slots.acquire(stream)
    slots.release("b")
    assert slots.streams == ["a", "c"]


def test_threads_that_race_for_slots_never_hold_more_than_there_are():
    slots, most, together, streams = StreamLimiter(3), [], threading.Barrier(8), count()

    def race():
        together.wait()
        for _ in range(300):
            stream = A(next(streams))
            if slots.acquire(stream) is None:
                most.append(slots.taken)
                slots.release(stream)

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert max(most) <= 3
    assert slots.taken == 0


def test_threads_that_race_for_the_last_slots_get_all_of_them():
    for _ in range(100):
        slots, together, admitted = StreamLimiter(3), threading.Barrier(6), []

        def race(name):
            together.wait()
            admitted.append(slots.acquire(A(name)) is None)

        with switching_often():
            racers = [threading.Thread(target=race, args=(name,)) for name in "abcdef"]
            for racer in racers:
                racer.start()
            for racer in racers:
                racer.join()
        assert sorted(admitted) == [False] * 3 + [True] * 3
        give_all_back(slots)


# A client's own limit.


@pytest.fixture
def shared():
    """StreamLimiter without a limit of all, and with one of two a client."""
    slots = StreamLimiter(0, per_client=2, client_key=lambda: "a client")
    yield slots
    give_all_back(slots)


def test_whose_a_request_is_is_asked_only_where_it_makes_a_difference(shared):
    assert shared.client() == "a client"
    assert StreamLimiter(5, client_key=pytest.fail).client() is None


def test_a_client_with_too_many_streams_is_told_so_and_others_are_not(shared):
    answers = [shared.acquire(stream, "greedy") for stream in map(A, "abc")]
    assert [answer is None for answer in answers] == [True, True, False]
    assert (answers[2].status, answers[2].code) == (429, "too_many_streams")
    assert answers[2].retry_after == 1
    assert shared.acquire(A("d"), "modest") is None


def test_a_client_whose_stream_ended_may_have_another(shared):
    for stream in map(A, "ab"):
        shared.acquire(stream, "greedy")
    shared.release("a")
    assert shared.acquire(A("c"), "greedy") is None
    assert shared.acquire(A("d"), "greedy").status == 429


def test_who_is_nobody_has_no_limit(shared):
    assert [shared.acquire(stream, None) for stream in map(A, range(50))] == [None] * 50


def test_where_all_are_taken_nobody_is_told_that_it_was_them():
    slots = StreamLimiter(1, per_client=1)
    slots.acquire(A("a"), "greedy")
    assert slots.acquire(A("b"), "greedy").status == 503


class Client:
    """What tells a client by code of its own: a row of a database."""

    def __init__(self, compare=lambda: None):
        self._compare = compare

    def __hash__(self):
        return 1

    def __eq__(self, other):
        self._compare()
        return isinstance(other, Client)


@only(GREENLETS)
def test_telling_clients_apart_may_wait(place, shared):
    def arrive(name):
        return shared.acquire(A(name), Client(lambda: gevent.sleep(0)))

    arriving = [gevent.spawn(arrive, name) for name in "abc"]
    gevent.joinall(arriving, timeout=HANG_GUARD)
    assert sorted(one.value is None for one in arriving) == [False, True, True]


def test_what_fails_to_tell_clients_apart_takes_no_slot(shared):
    def fail():
        raise LookupError

    shared.acquire(A("a"), Client(fail))
    with pytest.raises(LookupError):
        shared.acquire(A("b"), Client())
    assert shared.streams == ["a"]


def test_a_slot_is_given_back_whatever_its_client_does(shared):
    works = [True]

    def fail_later():
        assert works

    shared.acquire(A("a"), Client(fail_later))
    shared.acquire(A("b"), Client(fail_later))
    works.clear()
    shared.release("a")
    shared.release("b")
    assert shared.taken == 0


def test_a_slot_can_be_given_back_in_the_middle_of_taking_one(shared):
    """As garbage collection does, wherever it comes."""
    shared.acquire(A("a"), Client(lambda: shared.release("a")))
    shared.acquire(A("b"), Client())
    assert shared.streams == ["b"]


def test_clients_that_have_gone_are_forgotten():
    slots = StreamLimiter(0, per_client=1)
    client = Client()
    gone = weakref.ref(client)
    slots.acquire(A("a"), client)
    slots.release("a")
    del client
    assert gone() is None


# Once the server is being shut down.


def test_closed_slots_are_given_to_nobody_and_can_be_given_back():
    slots = _full(StreamLimiter(0))
    slots.close()
    refusal = slots.acquire(A("another"))
    assert (refusal.status, refusal.code, refusal.retry_after) == (503, "shutdown", 1)
    slots.release("a stream")
    assert slots.taken == 0


def _full(slots):
    slots.acquire(A("a stream"))
    return slots
