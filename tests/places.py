"""Where a test's reader and its producers run: on greenlets, on native threads, or one on each.

The process is not monkey-patched: a greenlet's reader is what a handler of ``gevent.pywsgi`` is.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, List, NamedTuple

import gevent.event
import pytest

HANG_GUARD = 20
"""Seconds after which a test has hung; nothing is measured by it."""


class Sign:
    """An event that fails the test rather than have it hang."""

    def __init__(self, event: Any) -> None:
        self._event = event
        self.set = event.set
        self.is_set = event.is_set

    def wait(self) -> None:
        assert self._event.wait(HANG_GUARD / 2), "nothing came"


def on_greenlet(test: Callable[[], Any]) -> Any:
    greenlet = gevent.spawn(test)
    try:
        return greenlet.get(timeout=HANG_GUARD)
    finally:
        greenlet.kill()


def on_thread(test: Callable[[], Any]) -> Any:
    outcome: List[Any] = []

    def run() -> None:
        try:
            outcome.extend((test(), None))
        except BaseException as error:
            outcome.extend((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG_GUARD)
    assert outcome, "the test hangs"
    result, error = outcome
    if error is not None:
        raise error
    return result


class Place(NamedTuple):
    """One way to run a test.

    :ivar run: runs the test, which reads.
    :ivar worker: what to ask for so that producers run where this place has them.
    """

    name: str
    run: Callable[[Callable[[], Any]], Any]
    worker: str
    reader_event: Callable[[], Any]
    producer_event: Callable[[], Any]

    def __repr__(self) -> str:
        return self.name

    @property
    def interrupts(self) -> bool:
        """Whether a producer is stopped where it waits; a thread's ends at its next item."""
        return self.producer_event is gevent.event.Event

    def for_reader(self) -> Sign:
        """A sign that the test waits for, set by anybody."""
        return Sign(self.reader_event())

    def for_producer(self) -> Sign:
        """A sign that a source waits for, set by the test."""
        return Sign(self.producer_event())


GREENLETS = Place("greenlets", on_greenlet, "auto", gevent.event.Event, gevent.event.Event)
THREADS = Place("threads", on_thread, "auto", threading.Event, threading.Event)
BESIDE = Place("thread beside greenlet", on_greenlet, "thread", gevent.event.Event, threading.Event)
PLACES = [GREENLETS, THREADS, BESIDE]


def wait_for_worker_threads() -> None:
    """A thread lets go of what it ran, and of its slot, a moment after its last event."""
    for thread in threading.enumerate():
        if thread.name == "llmstream-worker":
            thread.join(HANG_GUARD)


def only(*places: Place) -> Callable[[Any], Any]:
    """Run a test in these places alone."""
    names = [place.name for place in places]
    parametrize = pytest.mark.parametrize("place", places, indirect=True, ids=names)
    return lambda test: pytest.mark.usefixtures("place")(parametrize(test))
