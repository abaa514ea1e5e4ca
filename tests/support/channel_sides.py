"""The greenlets and threads on which the two sides of a channel run in its tests.

A test with ``sides`` runs three times: both sides on greenlets of one hub; each side on a native
thread of its own; a producer on a thread and a reader on a greenlet. Where the exact order of steps
during a wait matters, one thread plays both sides (``Turns``).
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Type

import gevent
import gevent.event
import pytest

from flask_llmstream.channel.channel import Channel
from flask_llmstream.runtime.wakeup import Wakeup
from flask_llmstream.runtime.wakeups import CrossThreadWakeup, GreenletWakeup, ThreadWakeup
from tests.support.runtimes import HANG_GUARD


class OnGreenlet:
    """Runs work on a greenlet beside the test."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._greenlet = gevent.spawn(work)

    def result(self) -> Any:
        return self._greenlet.get(timeout=HANG_GUARD)


class OnThread:
    """Runs work on a native thread beside the test."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._outcome: Future[Any] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome.set_result(self._work())
        except BaseException as error:
            self._outcome.set_exception(error)

    def result(self) -> Any:
        self._thread.join(HANG_GUARD)
        return self._outcome.result(timeout=0)


class Sides(NamedTuple):
    """One choice of places: the test reads, and ``start`` runs the producer beside it."""

    readable: Callable[[], Wakeup]
    writable: Callable[[], Wakeup]
    sign: Callable[[], Any]
    start: Callable[[Callable[[], Any]], Any]


ALL_SIDES = {
    "greenlets": Sides(GreenletWakeup, GreenletWakeup, gevent.event.Event, OnGreenlet),
    "threads": Sides(ThreadWakeup, ThreadWakeup, threading.Event, OnThread),
    "thread beside greenlet": Sides(CrossThreadWakeup, ThreadWakeup, threading.Event, OnThread),
}
on_all_sides = pytest.mark.parametrize("sides", ALL_SIDES.values(), ids=list(ALL_SIDES))


class Watched:
    """A wakeup that sets an event when a side waits on it."""

    def __init__(self, wakeup: Wakeup, sign: Any) -> None:
        self._wakeup = wakeup
        self._sign = sign
        self.set, self.close = wakeup.set, wakeup.close

    def wait(self, timeout: Optional[float] = None) -> bool:
        self._sign.set()
        return self._wakeup.wait(timeout)

    def somebody_waits(self) -> None:
        """Return when a side waits, or is about to wait."""
        assert self._sign.wait(HANG_GUARD), "nobody waits"


class Turns:
    """A wakeup for one thread that plays both sides. A wait on it runs the other side's turns until
    one of them sets it."""

    def __init__(self, *turns: Callable[[], Any]) -> None:
        self._turns = list(turns)
        self._is_set = False
        self.timeouts: List[Optional[float]] = []
        self.is_closed = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout: Optional[float] = None) -> bool:
        self.timeouts.append(timeout)
        while self._turns and not self._is_set:
            self._turns.pop(0)()
        assert self._is_set or timeout is not None, "it would wait for ever"
        was_set, self._is_set = self._is_set, False
        return was_set

    def close(self) -> None:
        self.is_closed = True


@contextmanager
def open_channel(
    sides: Sides, kind: Type[Channel] = Channel, *arguments: Any, **keywords: Any
) -> Iterator[Any]:
    """A channel of this class, and its two wakeups, which tell whether a side waits."""
    readable = Watched(sides.readable(), sides.sign())
    writable = Watched(sides.writable(), sides.sign())
    channel = kind(readable, writable, *arguments, **keywords)
    try:
        yield channel, readable, writable
    finally:
        channel.discard("the test is over")


@contextmanager
def switching_often() -> Iterator[None]:
    """Let native threads switch as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def blocks_of(channel: Channel) -> List[bytes]:
    """All blocks to the end."""
    blocks: List[bytes] = []
    for block in iter(lambda: channel.receive(HANG_GUARD), None):
        assert block, "nothing came"
        blocks.append(block)
    return blocks
