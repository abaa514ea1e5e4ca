"""A producer that ends in its reader's turn leaves its greenlet to the next, if nobody knows it."""

from __future__ import annotations

import contextvars
import weakref

import gevent
import pytest
from gevent import getcurrent
from gevent.local import local

from flask_llmstream.runtime.spare import spare_greenlet
from flask_llmstream.runtime.workers import GreenletWorker
from tests.support.runtimes import GREENLETS, only

on_greenlets = only(GREENLETS)


def produce(run, name="a source"):
    worker = GreenletWorker(name)
    worker.start(run)
    worker.give_turn()


def greenlet_of_a_producer():
    """The greenlet of a producer that leaves nothing behind, by its number."""
    numbers = []
    produce(lambda: numbers.append(id(getcurrent())))
    return numbers[0]


@pytest.fixture
def spare(place):
    return greenlet_of_a_producer()


@on_greenlets
def test_the_next_producer_runs_on_it(place, spare):
    assert greenlet_of_a_producer() == greenlet_of_a_producer() == spare


@on_greenlets
def test_a_producer_meanwhile_has_a_greenlet_of_its_own(place, spare):
    inner = []
    produce(lambda: inner.append(greenlet_of_a_producer()))
    assert inner != [spare]
    assert greenlet_of_a_producer() in (spare, *inner)


@on_greenlets
def test_a_greenlet_that_somebody_knows_ends_with_its_producer(place, spare):
    known = []
    produce(lambda: known.append(getcurrent()))
    assert id(known[0]) == spare and known[0].dead
    assert greenlet_of_a_producer() != spare


@on_greenlets
def test_so_does_one_with_values_of_its_own(place, spare):
    own, dead = local(), []

    def run():
        own.value = "the first producer's"
        weakref.finalize(getcurrent(), dead.append, True)

    produce(run)
    assert dead == [True]
    produce(lambda: dead.append(hasattr(own, "value")))
    assert dead == [True, False]


@on_greenlets
def test_one_that_has_waited_ends_as_well(place, spare):
    produce(lambda: gevent.sleep(0))
    gevent.sleep(0.001)
    assert spare_greenlet() is None


@on_greenlets
def test_and_so_does_one_whose_producer_has_failed(place, spare, capsys):
    def run():
        raise LookupError("gone")

    produce(run)
    assert "LookupError: gone" in capsys.readouterr().err
    assert spare_greenlet() is None


@on_greenlets
def test_the_next_producer_starts_without_the_contextvars_of_the_last(place, spare):
    name = contextvars.ContextVar("name", default="nobody's")
    produce(lambda: name.set("the first producer's"))
    found = []
    produce(lambda: found.append(name.get()))
    assert found == ["nobody's"]


@on_greenlets
def test_it_keeps_nothing_of_its_last_producer(place, spare):
    class Name(str):
        """One that can be referred to weakly."""

        def run(self):
            """Nothing to do."""

    name = Name("a source")
    produce(name.run, name)
    gone = weakref.ref(name)
    del name
    assert gone() is None


@on_greenlets
def test_one_that_was_ended_meanwhile_is_not_used(place, spare):
    ended = spare_greenlet()
    gevent.kill(ended)
    gevent.sleep(0.001)
    assert ended.dead
    assert greenlet_of_a_producer() != spare
