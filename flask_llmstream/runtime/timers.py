"""Timers: a callback after some seconds, in the hub or on one thread for all streams.

A callback must not block: it would hold up the hub, or all other timers.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from time import monotonic
from typing import Any, Callable, List, Optional, Protocol, Tuple

from gevent import get_hub

from ..log import log

LONGEST = 2.0**31
"""The most seconds that a lock can wait for at a time: some 68 years."""

MOST_CANCELLED = 100
"""So many cancelled timers may stay in the heap, or as many as there are others. A stream that ends
at once may leave a timer of an hour: without a limit the heap would keep all of that hour."""


class Timer(Protocol):
    """A callback to come."""

    def cancel(self) -> None:
        """Let the callback never run. Harmless when it has run or was cancelled before."""


Schedule = Callable[[float, Callable[[], None]], Timer]
"""``schedule(seconds, callback)``: calls ``callback`` after ``seconds``."""


class HubTimer:
    """One timer of the current greenlet's hub."""

    __slots__ = ("_watcher", "_callback")

    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self._callback: Optional[Callable[[], None]] = callback
        self._watcher: Any = get_hub().loop.timer(seconds)
        # The loop's clock stands still while the hub does not run. Without an update the timer
        # would fire early.
        self._watcher.start(self._fire, update=True)

    def cancel(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = self._callback = None

    def _fire(self) -> None:
        callback = self._callback
        self.cancel()
        if callback is not None:
            callback()


class ThreadTimer:
    """One entry of the timer thread's heap."""

    __slots__ = ("callback", "_forget")

    def __init__(
        self, callback: Callable[[], None], forget: Callable[[ThreadTimer], None]
    ) -> None:
        self.callback: Optional[Callable[[], None]] = callback
        self._forget = forget

    def cancel(self) -> None:
        self._forget(self)


class TimerThread:
    """One daemon thread for all timers. It starts with the first timer and ends with the last."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all timers and the thread. A forked child has no thread of its parent's."""
        self._changed = threading.Condition()
        self._heap: List[Tuple[float, int, ThreadTimer]] = []
        self._cancelled = 0  # cancelled timers in the heap
        self._order = itertools.count()
        self._thread: Optional[threading.Thread] = None

    def schedule(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` after ``seconds``, on the timer thread."""
        timer = ThreadTimer(callback, self._forget)
        with self._changed:
            if self._thread is None:
                self._thread = self._started()
            heapq.heappush(self._heap, (monotonic() + seconds, next(self._order), timer))
            self._changed.notify()
        return timer

    def _forget(self, timer: ThreadTimer) -> None:
        with self._changed:
            if timer.callback is None:  # it has run, or was cancelled before
                return
            timer.callback = None
            self._cancelled += 1
            if self._cancelled > max(MOST_CANCELLED, len(self._heap) // 2):
                self._drop_the_cancelled()
            self._changed.notify()

    def _drop_the_cancelled(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].callback is not None]
        heapq.heapify(self._heap)
        self._cancelled = 0

    def _started(self) -> threading.Thread:
        """The started thread. It first waits for the lock, which the caller holds."""
        thread = threading.Thread(target=self._run, name="llmstream-timers")
        thread.daemon = True
        thread.start()
        return thread

    def _run(self) -> None:
        while True:
            with self._changed:
                callback = self._next_due()
                if callback is None:
                    self._thread = None
                    return
            log.isolated(callback, "a timer's callback failed")

    def _next_due(self) -> Optional[Callable[[], None]]:
        """Wait for the next callback that is due; ``None`` when no timer is left."""
        while True:
            while self._heap and self._heap[0][2].callback is None:
                heapq.heappop(self._heap)
                self._cancelled -= 1
            if not self._heap:
                return None
            remaining = self._heap[0][0] - monotonic()
            if remaining <= 0:
                timer = heapq.heappop(self._heap)[2]
                callback, timer.callback = timer.callback, None
                return callback
            self._changed.wait(min(remaining, LONGEST))


_timer_thread = TimerThread()


def thread_schedule(seconds: float, callback: Callable[[], None]) -> Timer:
    """Schedule on the process's timer thread."""
    return _timer_thread.schedule(seconds, callback)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_timer_thread.begin_anew)
