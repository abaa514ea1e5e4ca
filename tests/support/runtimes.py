"""``Place``: where a test's reader and its producers run: on greenlets, on threads, or one on each.

The process is not monkey-patched. A reader on a greenlet is like a handler of ``gevent.pywsgi``.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any, Callable, Coroutine, List, NamedTuple

import gevent.event
import pytest

from flask_llmstream.runtime.event_loop.loop import event_loop
from flask_llmstream.runtime.event_loop.worker import LoopWakeup, LoopWorker
from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.runtime.wakeups import CrossThreadWakeup

HANG_GUARD = 20
"""Seconds after which a test counts as hanging. Nothing is measured by it."""


_names: "weakref.WeakKeyDictionary[Any, object]" = weakref.WeakKeyDictionary()


def here() -> object:
    """Tells the current greenlet, and so its thread, from all others. A test must not keep the
    greenlet object of a thread that ends: the process can crash (``SendLock`` says why)."""
    return _names.setdefault(gevent.getcurrent(), object())


class OneWaiterEvent:
    """An event on which one side waits. Any thread may set it: gevent's own event may be lost when
    a native thread sets it.

    :param wakeup: the wakeup on which that side waits.
    """

    def __init__(self, wakeup: Any) -> None:
        self._wakeup = wakeup
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        self._wakeup.set()

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float) -> bool:
        try:
            return self._is_set or self._wakeup.wait(timeout)
        finally:
            self._wakeup.close()


def hub_event() -> OneWaiterEvent:
    return OneWaiterEvent(CrossThreadWakeup())


def loop_event() -> OneWaiterEvent:
    return OneWaiterEvent(LoopWakeup())


class Sign:
    """An event whose ``wait()`` fails the test after some seconds: the test does not hang."""

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
    """One choice of where a test and its producers run.

    :ivar run: runs the test, which is the reader.
    :ivar worker: the option ``worker`` by which producers run as this place wants it.
    :ivar reader_event: makes an event on which the reader waits.
    :ivar producer_event: makes an event on which a producer waits.
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
        """Whether a producer is stopped where it waits. On a thread it ends at its next item."""
        return self.producer_event is not threading.Event

    @property
    def is_loop(self) -> bool:
        """Whether producers are tasks of the event loop."""
        return self.producer_event is loop_event

    def new_worker(self, name: str) -> Any:
        """A worker of this place. It must be made where the test runs."""
        runtime = runtime_for(self.worker)
        return LoopWorker(name, runtime, lambda: False) if self.is_loop else runtime.worker(name)

    def for_reader(self) -> Sign:
        """An event on which the test waits. Any code may set it."""
        return Sign(self.reader_event())

    def for_producer(self) -> Sign:
        """An event on which a source waits. The test sets it."""
        return Sign(self.producer_event())


GREENLETS = Place("greenlets", on_greenlet, "auto", hub_event, gevent.event.Event)
THREADS = Place("threads", on_thread, "auto", threading.Event, threading.Event)
BESIDE = Place("thread beside greenlet", on_greenlet, "thread", hub_event, threading.Event)
PLACES = [GREENLETS, THREADS, BESIDE]
LOOP_BESIDE_GREENLET = Place(
    "event loop beside greenlet", on_greenlet, "auto", hub_event, loop_event
)
LOOP_BESIDE_THREAD = Place(
    "event loop beside thread", on_thread, "auto", threading.Event, loop_event
)
LOOPS = [LOOP_BESIDE_GREENLET, LOOP_BESIDE_THREAD]
"""The places of asynchronous sources. The engine treats a source in the same way there."""


def wait_for_worker_threads() -> None:
    """Wait for the threads of ended streams: a slot is released a moment after the last event."""
    for thread in threading.enumerate():
        if thread.name == "llmstream-worker" and thread.is_alive():
            thread.join(HANG_GUARD)


def run_on_the_loop(place: Place, coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine on the event loop, and wait here until it has ended."""
    ended = place.for_reader()

    async def run() -> None:
        try:
            await coroutine
        finally:
            ended.set()

    asyncio.run_coroutine_threadsafe(run(), event_loop())
    ended.wait()


async def others_have_ended() -> None:
    """Wait for the tasks of ended streams. They end a moment after their last event."""
    this = asyncio.current_task()
    streams = [one for one in asyncio.all_tasks() if one is not this]
    if streams:
        await asyncio.wait(streams, timeout=HANG_GUARD)


def only(*places: Place) -> Callable[[Any], Any]:
    """A decorator: run a test only in these places."""
    names = [place.name for place in places]
    parametrize = pytest.mark.parametrize("place", places, indirect=True, ids=names)
    return lambda test: pytest.mark.usefixtures("place")(parametrize(test))
