"""How a native thread or a greenlet waits, and is woken from its own hub or from another thread.

Each class is a :class:`~flask_llmstream.runtime.wakeup.Wakeup`.
"""

from __future__ import annotations

from time import monotonic
from typing import Any, Optional

from gevent import get_hub
from gevent.hub import Waiter

from .threads import allocate_lock
from .timers import LONGEST


class ThreadWakeup:
    """A native thread waits, woken from anywhere: one original lock, held while nothing is set."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:  # it is set already
            return

    def wait(self, timeout: Optional[float] = None) -> bool:
        return bool(self._lock.acquire(True, -1 if timeout is None else min(timeout, LONGEST)))

    def close(self) -> None:
        """Nothing to release."""


class GreenletWakeup:
    """A greenlet waits, woken from another greenlet of the same hub.

    ``gevent.event.Event`` starts and stops a timer for each wait. A stream waits once a token,
    nearly always with the same timeout. So here one timer stays armed, and checks when it fires
    whether the current wait has lasted that long.
    """

    __slots__ = ("_loop", "_waiter", "_wake", "_is_set", "_timer", "_fires_at", "_deadline")

    def __init__(self) -> None:
        self._loop = get_hub().loop
        self._waiter: Any = None  # made at the first wait: a producer may never wait for room
        self._wake: Any = None
        self._is_set = False
        self._timer: Any = None
        self._fires_at = 0.0
        self._deadline: Optional[float] = None  # of the current wait

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            if self._wake is not None:
                self._loop.run_callback(self._wake, None)

    def wait(self, timeout: Optional[float] = None) -> bool:
        if self._wake is None:
            self._waiter = Waiter()
            self._wake = self._waiter.switch
        # Only then the flag: a set on another thread looks at the two in the other order.
        if not self._is_set:
            if timeout is None:
                self._deadline = None
            else:
                self._deadline = deadline = monotonic() + timeout
                if self._timer is None or self._fires_at > deadline:
                    self._start_timer(deadline, timeout)
            waiter = self._waiter
            waiter.get()
            # The callback of a set that came between two waits may end a later wait, so the reason
            # of each switch is checked.
            while not self._is_set and not self._has_expired():
                waiter.clear()
                waiter.get()
        was_set, self._is_set = self._is_set, False
        return was_set

    def close(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _has_expired(self) -> bool:
        return self._deadline is not None and self._deadline <= monotonic()

    def _start_timer(self, fires_at: float, seconds: float) -> None:
        self.close()
        self._fires_at = fires_at
        self._timer = self._loop.timer(max(seconds, 0.0))
        self._timer.start(self._expire)

    def _expire(self) -> None:
        self.close()
        if self._deadline is None:
            return
        remaining = self._deadline - monotonic()
        if remaining > 0:
            self._start_timer(self._deadline, remaining)
        else:
            self._wake(None)


class CrossThreadWakeup(GreenletWakeup):
    """A greenlet waits, woken from a native thread."""

    __slots__ = ()

    def wait(self, timeout: Optional[float] = None) -> bool:
        # A hub raises LoopExit when it has nothing to wait for, and it does not see native
        # threads. A timer of some decades is something to wait for.
        return super().wait(LONGEST if timeout is None else timeout)

    def set(self) -> None:
        # Always through the hub, which runs the callback after the greenlet has switched to it. So
        # a set between the waiter's look at the flag and its switch is not lost.
        self._is_set = True
        if self._wake is not None:
            self._loop.run_callback_threadsafe(self._wake, None)
