"""``HubMonitor``: warns of code that blocks the hub, at a stretch or in many short pieces.

Such code computes on a greenlet. Meanwhile no other stream of the process moves, no heartbeat is
sent and no departure is noticed. One native thread looks, and only while producers run.
"""

from __future__ import annotations

import os
import random
import weakref
from time import monotonic, process_time
from types import FrameType
from typing import Any, Callable, NamedTuple, Optional

from gevent import get_hub

from ...log import log
from ..threads import allocate_lock, get_ident, sleep, start_native_thread
from .stacks import began_by, callers, outermost, place_of
from .suspects import Suspects
from .thread_frames import thread_frames
from .worker_threads import ThreadBlocker, WorkerThreads

STALL_SECONDS = 1.0
"""Seconds without a turn of the hub until the log warns; again after 2, 4, 8 … times as long."""

LOOK_SECONDS = 0.3
"""Mean seconds between two looks. The pauses are random, so that no rhythm of a source can hide
between them."""

HOLD_SECONDS = 0.03
"""A look counts against a greenlet that then keeps the hub for longer than these seconds."""

_QUIET_LOOKS = 30
"""Looks without a producer until the thread ends. A thread for each stream would be expensive."""

_random = random.Random()  # an application that has seeded its own keeps its sequence

NameOf = Callable[[FrameType], Optional[str]]
"""Returns the name of a frame's producer; ``None`` where the frame is no producer's."""

_CURES = (
    "Run what computes on a native thread, in the function of streams.create(..., worker='thread') "
    "itself, or in a process of its own: a patched threading.Thread is a greenlet, whichever "
    "worker reads from it.",
    "Have it wait now and then, gevent.sleep(0) will do, or run it with worker='thread'.",
)


class Blocker(NamedTuple):
    """Code that was seen blocking a hub. Only texts, so that no frame is kept alive.

    :ivar name: its name in the log.
    :ivar place: the line that it executed.
    :ivar is_producer: whether it is a stream's generator.
    """

    name: str
    place: str
    is_producer: bool


class HubMonitor:
    """Looks again and again whether one hub has its turn.

    :param name_of: returns the name of a frame's producer.
    :param stall_seconds: how long the hub may be held at a stretch before the log warns.
    :param look_seconds: the mean time between two looks.
    :param hold_seconds: how long the hub may be held after a look began before that counts.
    :ivar threads: the threads of producers whose readers run on this hub. They are looked at, too.
    """

    def __init__(
        self,
        name_of: NameOf,
        stall_seconds: float = STALL_SECONDS,
        look_seconds: float = LOOK_SECONDS,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self.threads = WorkerThreads()
        self._name_of = name_of
        self._stall_seconds = stall_seconds
        self._look_seconds = look_seconds
        self._hold_seconds = hold_seconds
        self._suspects = Suspects(stall_seconds * 2)
        self._hub = weakref.ref(get_hub())
        self._thread_id = get_ident()
        self._lock = allocate_lock()
        self._producers = self._changes = 0
        self._is_running = False

    # On the hub's thread.

    def enter(self) -> None:
        """Count one more running producer, and start the thread if it does not run."""
        with self._lock:
            self._producers += 1
            self._changes += 1
            starts, self._is_running = not self._is_running, True
        if starts:
            log.isolated(self._start, "nobody watches for stalls")

    def _start(self) -> None:
        try:
            start_native_thread(self._run, "llmstream-stalls")
        except BaseException:  # no thread can be started; the next producer tries again
            self._is_running = False
            raise

    def leave(self) -> None:
        """Count one running producer less."""
        with self._lock:
            self._producers -= 1
            self._changes += 1

    # On the monitor's own thread.

    def _run(self) -> None:
        quiet = 0
        while self._goes_on(quiet):
            if self._producers:
                log.isolated(self._look, "the watch for stalls failed")
                log.isolated(self._look_at_threads, "the watch over worker threads failed")
            else:
                self._suspects.forget()
            quiet = 0 if self._producers else quiet + 1
            sleep(self._look_seconds * _random.uniform(0.5, 1.5))

    def _goes_on(self, quiet: int) -> bool:
        with self._lock:
            over = quiet > _QUIET_LOOKS and not self._producers
            self._is_running = not over and self._frame() is not None
            return self._is_running

    def _look(self) -> None:
        turn, began, stack = allocate_lock(), monotonic(), self._stack()
        turn.acquire()
        loop = self._loop()
        if loop is not None:
            loop.run_callback_threadsafe(turn.release)
        if turn.acquire(True, self._hold_seconds):
            self._suspects.saw(None)
            return
        # Many greenlets that each hold the hub for a moment are a busy server: none is to blame.
        blocker = self._blocker() if self._stack() == stack else None
        share = self._suspects.saw(None if blocker is None else blocker.name)
        if blocker is not None and share:
            self._warn(blocker, f"for {share:.0%} of the last seconds")
        self._wait_for_a_turn(turn, began)

    def _wait_for_a_turn(self, turn: Any, began: float) -> None:
        patience, since, spent = self._stall_seconds, monotonic(), process_time()
        changes = self._changes
        while not turn.acquire(True, patience):
            blocker = self._blocker()
            if blocker is None or not self._producers:
                return
            was_stopped = monotonic() - since > patience * 2 and process_time() - spent < patience
            since, spent = monotonic(), process_time()
            # A process is stopped by a signal, or with its machine. In a rush the hub does not go
            # round, and yet hundreds of streams begin and end.
            moves, changes = changes != self._changes, self._changes
            if not was_stopped and not moves:
                self._warn(blocker, f"for {since - began:.1f} s")
                patience *= 2

    def _look_at_threads(self) -> None:
        self.threads.look(self._warn_of_thread)

    def _loop(self) -> Any:
        """The hub's loop; ``None`` when the hub has ended."""
        hub = self._hub()
        return None if hub is None else hub.loop

    def _frame(self) -> Optional[FrameType]:
        """The frame that the hub's thread executes; ``None`` when the thread or hub has ended."""
        return thread_frames().get(self._thread_id) if self._loop() is not None else None

    def _stack(self) -> int:
        """Identifies the greenlet that the hub's thread executes, by its outermost frame. The frame
        is not kept."""
        return id(outermost(self._frame()))

    def _blocker(self) -> Optional[Blocker]:
        """The code that has the hub; ``None`` when the hub has ended."""
        frame = self._frame()
        if frame is None:
            return None
        names = [name for name in map(self._name_of, callers(frame)) if name is not None]
        place = place_of(frame)
        if names:
            return Blocker(f"the generator of {names[0]}", place, True)
        return Blocker(f"something that is no stream's generator ({began_by(frame)})", place, False)

    def _warn(self, blocker: Blocker, how_long: str) -> None:
        if self._suspects.may_warn(blocker.name, monotonic()):
            log.warning(
                "%s has held the hub %s, at %s: no other stream of this process moves meanwhile. "
                "%s",
                *(blocker.name, how_long, blocker.place, _CURES[blocker.is_producer]),
            )

    def _warn_of_thread(self, blocker: ThreadBlocker) -> None:
        if self._suspects.may_warn(blocker.name, monotonic()):
            log.warning(
                "%s has held the hub of its thread for %.0f%% of the last looks, at %s: that "
                "stream moves only while this waits. %s",
                *(blocker.name, blocker.share * 100, blocker.place, _CURES[False]),
            )


_monitors: "weakref.WeakKeyDictionary[Any, HubMonitor]" = weakref.WeakKeyDictionary()


def hub_monitor(name_of: NameOf) -> HubMonitor:
    """The monitor of the current thread's hub."""
    hub = get_hub()
    monitor = _monitors.get(hub)
    if monitor is None:
        monitor = _monitors[hub] = HubMonitor(name_of)
    return monitor


def _forget_monitors() -> None:
    """A forked child has no thread of its parent's."""
    _monitors.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_monitors)
