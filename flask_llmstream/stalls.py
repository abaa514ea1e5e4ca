"""A warning about who holds the hub: a generator that computes without ever waiting.

Floor 2: gevent. While it does, no other stream of the process moves, no heartbeat is sent and no
departure noticed. One native thread looks, and only while producers run on greenlets.
"""

from __future__ import annotations

import os
import sys
import weakref
from time import monotonic
from types import FrameType
from typing import Any, Callable, Iterator, Optional

from gevent import get_hub
from gevent.monkey import get_original

from .log import log
from .native import start_native_thread

STALL_SECONDS = 1.0
"""A hub that has had no turn for so long is told of, and again after 2, 4, 8 …"""

LOOK_SECONDS = 0.5
_QUIET_LOOKS = 20
"""Looks without a producer, after which the thread ends: one a stream would be dear."""

_allocate_lock = get_original("_thread", "allocate_lock")
_sleep = get_original("time", "sleep")

NameOf = Callable[[FrameType], Optional[str]]


class StallWatch:
    """Looks whether one hub has its turn.

    :param name_of: what a frame's producer is called, ``None`` where it is no producer's.
    :param stall_seconds: how long the hub may be held before it is told.
    :param look_seconds: how long it is left alone between two looks.
    """

    def __init__(
        self,
        name_of: NameOf,
        stall_seconds: float = STALL_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._name_of = name_of
        self._stall_seconds = stall_seconds
        self._look_seconds = look_seconds
        self._hub = weakref.ref(get_hub())
        self._thread_id = get_original("_thread", "get_ident")()
        self._lock = _allocate_lock()
        self._producers = 0
        self._is_running = False

    # On the hub's thread.

    def enter(self) -> None:
        """One more producer runs."""
        with self._lock:
            self._producers += 1
            starts, self._is_running = not self._is_running, True
        if starts:
            log.isolated(self._start, "nobody watches for stalls")

    def _start(self) -> None:
        try:
            start_native_thread(self._run, "llmstream-stalls")
        except BaseException:  # no thread is to be had; the next producer tries again
            self._is_running = False
            raise

    def leave(self) -> None:
        """One less."""
        with self._lock:
            self._producers -= 1

    # On its own.

    def _run(self) -> None:
        quiet = 0
        while self._goes_on(quiet):
            if self._producers:
                log.isolated(self._wait_for_a_turn, "the watch for stalls failed")
            quiet = 0 if self._producers else quiet + 1
            _sleep(self._look_seconds)

    def _goes_on(self, quiet: int) -> bool:
        with self._lock:
            over = quiet > _QUIET_LOOKS and not self._producers
            self._is_running = not over and self._frame() is not None
            return self._is_running

    def _wait_for_a_turn(self) -> None:
        turn, asked_at, patience = _allocate_lock(), monotonic(), self._stall_seconds
        turn.acquire()
        loop = self._loop()
        if loop is not None:
            loop.run_callback_threadsafe(turn.release)
        while not turn.acquire(True, patience):
            frame = self._frame()
            if frame is None or not self._producers:
                return
            self._warn(frame, monotonic() - asked_at)
            patience *= 2

    def _loop(self) -> Any:
        """The hub's loop, ``None`` when it has ended."""
        hub = self._hub()
        return None if hub is None else hub.loop

    def _frame(self) -> Optional[FrameType]:
        """What the hub's thread executes, ``None`` when it or its hub has ended."""
        return sys._current_frames().get(self._thread_id) if self._loop() is not None else None

    def _warn(self, frame: FrameType, seconds: float) -> None:
        names = [name for name in map(self._name_of, _callers(frame)) if name is not None]
        code = frame.f_code
        log.warning(
            "%s has held the hub for %.1f s, at %s:%d in %s: no other stream of this process "
            "moves meanwhile. Have it wait now and then, gevent.sleep(0) will do, or run it with "
            "worker='thread'.",
            f"the generator of {names[0]}" if names else "something that is no stream's generator",
            seconds, code.co_filename, frame.f_lineno, code.co_name,
        )  # fmt: skip


def _callers(frame: Optional[FrameType]) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


_watches: "weakref.WeakKeyDictionary[Any, StallWatch]" = weakref.WeakKeyDictionary()


def stall_watch(name_of: NameOf) -> StallWatch:
    """The watch of the current thread's hub."""
    hub = get_hub()
    watch = _watches.get(hub)
    if watch is None:
        watch = _watches[hub] = StallWatch(name_of)
    return watch


def _forget_watches() -> None:
    """A forked child has none of its parent's threads."""
    _watches.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_watches)
