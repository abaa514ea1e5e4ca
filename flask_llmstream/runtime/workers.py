"""The workers on which a producer runs: a greenlet or a thread beside the request.

Starts nothing at import, patches nothing ever.
"""

from __future__ import annotations

from functools import partial
from types import FrameType
from typing import Any, Callable, Iterable, Optional

import gevent
from gevent import GreenletExit, get_hub

from .generator_cleanup import LOOK_SECONDS, LOOKS, in_cleanup
from .hub_monitor.monitor import HubMonitor, hub_monitor
from .threads import start_native_thread
from .timers import HubTimer
from .turns import turn_of


class GreenletWorker:
    """The producer on a greenlet; it is stopped by an exception thrown where it waits, unless that
    is its own clean-up, which has 30 s.

    :param name: what the log calls its source.
    """

    __slots__ = ("_name", "_greenlet", "_loop", "_stopped", "_interruptible")

    def __init__(self, name: str) -> None:
        self._name = name
        self._greenlet: Any = None
        self._loop = get_hub().loop
        self._stopped = False
        self._interruptible = False

    def start(self, run: Callable[[], None]) -> None:
        """Have ``run`` called on the greenlet, soon."""
        self._greenlet = gevent.spawn_raw(run)

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Take each item from the source, on the worker, until it ends or is stopped.

        A source that computes without ever waiting would keep the hub, and its own reader, from
        running: past 5 ms of one turn the hub gets its turn after each item.

        :raises GreenletExit: it was stopped, also when before its first item.
        """
        if self._stopped:
            raise GreenletExit
        turn = turn_of(get_hub())
        now, turn_begins, turn_ends = turn.now, 0.0, 0.0
        round: Optional[int] = None
        stalls = hub_monitor(_name_of)
        stalls.enter()
        self._interruptible = True
        try:
            for item in source:
                deliver(item)
                moment = now()  # what ``take_turn`` does, without a call a token
                if not turn_begins <= moment <= turn_ends:
                    turn_begins, turn_ends, round = turn.end(round)
        finally:
            self._interruptible = False
            stalls.leave()

    def stop(self, abort: Callable[[], None]) -> None:
        """Interrupt ``drive`` where it waits. Returns at once; only the first call counts."""
        if not self._stopped:
            self._stopped = True
            # From anywhere: a native thread's overflow, say.
            self._loop.run_callback_threadsafe(self._throw, LOOKS)

    def _throw(self, looks: int) -> None:
        # Runs in the hub, so the producer waits somewhere: in its source, or, past that, in its
        # finaliser, where nothing may be thrown at it any more.
        if not self._interruptible:
            return
        if looks and in_cleanup(self._greenlet.gr_frame, GreenletWorker.drive.__code__):
            HubTimer(LOOK_SECONDS, partial(self._throw, looks - 1))
        else:
            self._greenlet.throw(GreenletExit)


def _name_of(frame: FrameType) -> Optional[str]:
    """What a producer's source is called, where this frame is the producer's."""
    if frame.f_code is not GreenletWorker.drive.__code__:
        return None
    name: str = frame.f_locals["self"]._name
    return name


class ThreadWorker:
    """The producer on a daemon thread of its own; it ends at its next item after a stop.

    :param name: what the log calls its source.
    """

    def __init__(self, name: str) -> None:
        self._stopped = False

    def start(self, run: Callable[[], None]) -> None:
        """Have ``run`` called on the thread, soon."""
        start_native_thread(run, "llmstream-worker")

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Take each item from the source, on the worker, until it ends or is stopped.

        :raises GreenletExit: it was stopped, also when before its first item.
        """
        if self._stopped:
            raise GreenletExit
        for item in source:
            if self._stopped:
                raise GreenletExit
            deliver(item)

    def stop(self, abort: Callable[[], None]) -> None:
        """Free the source from what it waits for, as nothing else reaches a running thread; one
        that can't be aborted is told at its next item, by ``deliver``."""
        self._stopped = True
        abort()


class MonitoredThreadWorker(ThreadWorker):
    """The same, for a reader on a greenlet: whoever holds that hub is told of here as well, or the
    thread's own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name = name or "a callback"

    def start(self, run: Callable[[], None]) -> None:
        """Have ``run`` called on the thread, soon."""
        if gevent._hub_local.get_hub_if_exists() is None:  # on a thread that must not get one
            super().start(run)
            return
        stalls = hub_monitor(_name_of)
        stalls.enter()
        try:
            super().start(partial(_run_watched, self._name, run, stalls))
        except BaseException:
            stalls.leave()
            raise


def _run_watched(name: str, run: Callable[[], None], stalls: HubMonitor) -> None:
    try:
        with stalls.threads.watched(name):
            run()
    finally:
        stalls.leave()
