"""The workers on which a producer runs: a greenlet or a native thread beside the request.

The import starts nothing. Nothing here patches anything.
"""

from __future__ import annotations

from functools import partial
from types import FrameType
from typing import Any, Callable, Iterable, Optional

import gevent
from gevent import GreenletExit, get_hub, getcurrent
from greenlet import greenlet

from .generator_cleanup import LOOK_SECONDS, LOOKS, in_cleanup
from .hub_monitor.monitor import HubMonitor, hub_monitor
from .threads import start_native_thread
from .timers import HubTimer
from .turns import turn_of


class _Producer(greenlet):  # type: ignore[misc]
    """A greenlet as ``gevent.spawn_raw`` makes it, without the notes about its ancestors."""

    __slots__ = ()

    @property
    def loop(self) -> Any:
        """The loop of its hub, by which ``gevent.kill`` reaches it."""
        return get_hub().loop


class GreenletWorker:
    """Runs a producer on a greenlet.

    A stop throws an exception at the place where the producer waits. A producer that waits in its
    own clean-up has up to 30 s first.

    :param name: the name of the source in the log.
    """

    __slots__ = (
        "_name", "_greenlet", "_loop", "_stopped", "_interruptible", "_run", "_start", "_giver",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self._name = name
        self._greenlet: Any = None
        self._loop = get_hub().loop
        self._stopped = False
        self._interruptible = False
        self._run: Callable[[], None] = _has_begun
        self._start: Any = None
        self._giver: Any = None  # the greenlet that waits in ``give_turn``

    def start(self, run: Callable[[], None]) -> None:
        """Call ``run`` on the greenlet, soon."""
        hub: Any = get_hub()
        self._run = run
        self._greenlet = _Producer(self._begin, hub)
        self._start = hub.loop.run_callback(self._greenlet.switch)

    def give_turn(self) -> None:
        """Let the producer run at once, unless it has begun. Call this on another greenlet of the
        same hub, where that has nothing else to do.

        The hub calls the greenlets that are ready one after the other. Where hundreds are ready, a
        producer would wait for all of them, and its reader again behind the producer. So the caller
        gives its own turn to the producer, and has it back when the producer has ended. If the
        producer waits for something before, the caller goes on in its order.
        """
        if not self._start.pending:
            return
        self._start.stop()
        giver = self._giver = getcurrent()
        back = self._loop.run_callback(giver.switch)
        try:
            self._greenlet.switch()
        finally:  # also where this greenlet is killed meanwhile
            self._giver = None
            back.stop()

    def _begin(self) -> None:
        run, self._run = self._run, _has_begun
        run()
        if self._giver is not None:
            # A greenlet that ends switches to its parent: the hub, unless it is another here.
            getcurrent().parent = self._giver

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Deliver each item of the source until it ends or is stopped. Runs on the worker.

        A source that computes and never waits would keep the hub, and its own reader, from running.
        So after 5 ms the hub gets its turn before the next item.

        :raises GreenletExit: it was stopped, perhaps before its first item.
        """
        if self._stopped:
            raise GreenletExit
        monitor = hub_monitor(_name_of)
        monitor.enter()
        turn = turn_of(get_hub())
        now, (turn_begins, turn_ends, round) = turn.now, turn.renew()
        self._interruptible = True
        try:
            for item in source:
                deliver(item)
                moment = now()  # as ``take_turn``, without a call for each token
                if not turn_begins <= moment <= turn_ends:
                    turn_begins, turn_ends, round = turn.end(round)
        finally:
            self._interruptible = False
            monitor.leave()

    def stop(self, abort: Callable[[], None]) -> None:
        """Interrupt ``drive`` where it waits. Returns at once. Only the first call counts."""
        if not self._stopped:
            self._stopped = True
            # The caller may be on any thread (a sender whose overflow ends the stream).
            self._loop.run_callback_threadsafe(self._throw, LOOKS)

    def _throw(self, looks: int) -> None:
        # Runs in the hub, so the producer waits: in its source, or behind that in the end of the
        # stream, where nothing may be thrown at it.
        if not self._interruptible:
            return
        if looks and in_cleanup(self._greenlet.gr_frame, GreenletWorker.drive.__code__):
            HubTimer(LOOK_SECONDS, partial(self._throw, looks - 1))
        else:
            self._greenlet.throw(GreenletExit)


def _name_of(frame: FrameType) -> Optional[str]:
    """The name of the source if this frame is a producer's, else ``None``."""
    if frame.f_code is not GreenletWorker.drive.__code__:
        return None
    name: str = frame.f_locals["self"]._name
    return name


class ThreadWorker:
    """Runs a producer on a native daemon thread of its own. After a stop it ends at the next item.

    :param name: the name of the source in the log.
    """

    def __init__(self, name: str) -> None:
        self._stopped = False

    def start(self, run: Callable[[], None]) -> None:
        """Call ``run`` on the thread, soon."""
        start_native_thread(run, "llmstream-worker")

    def give_turn(self) -> None:
        """Nothing to do: the thread runs beside the caller."""

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Deliver each item of the source until it ends or is stopped. Runs on the worker.

        :raises GreenletExit: it was stopped, perhaps before its first item.
        """
        if self._stopped:
            raise GreenletExit
        for item in source:
            if self._stopped:
                raise GreenletExit
            deliver(item)

    def stop(self, abort: Callable[[], None]) -> None:
        """Call ``abort``, which ends the call that the source waits for. Nothing else reaches a
        running thread. A source that can't be aborted ends at its next item."""
        self._stopped = True
        abort()


class MonitoredThreadWorker(ThreadWorker):
    """A thread worker whose reader is on a greenlet. The log names the code that blocks the
    reader's hub, or the hub of the worker's own thread."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name = name or "a callback"

    def start(self, run: Callable[[], None]) -> None:
        """Call ``run`` on the thread, soon."""
        if gevent._hub_local.get_hub_if_exists() is None:  # this thread must not get one
            super().start(run)
            return
        monitor = hub_monitor(_name_of)
        monitor.enter()
        try:
            super().start(partial(_run_monitored, self._name, run, monitor))
        except BaseException:
            monitor.leave()
            raise


def _run_monitored(name: str, run: Callable[[], None], monitor: HubMonitor) -> None:
    try:
        with monitor.threads.watched(name):
            run()
    finally:
        monitor.leave()


def _has_begun() -> None:
    """The function of a worker has begun, or there is none."""
