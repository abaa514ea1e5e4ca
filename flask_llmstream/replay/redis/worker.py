"""``Worker``: one loop of this process beside everything else. It starts when there is something to
do, and ends when there was nothing for a while.

redis-py blocks where it runs. In a monkey-patched process only a greenlet is blocked, so the worker
is a greenlet of the main thread's hub. In any other process it is a native thread.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Callable, List, Optional

import gevent
from gevent.hub import MAIN_THREAD_IDENT
from gevent.monkey import is_module_patched

from ...log import log
from ...runtime.mutex import wakeup_of_the_caller
from ...runtime.threads import allocate_lock, get_ident, start_native_thread
from ...runtime.wakeup import Wakeup
from ...runtime.wakeups import CrossThreadWakeup, ThreadWakeup

IDLE_SECONDS = 30.0
CLOSE_SECONDS = 10.0
INTERRUPT_SECONDS = 0.05


class Worker:
    """Calls a function again and again, on a greenlet or a thread of its own.

    :param turn: does what is to be done. It returns in how many seconds it wants to be called
        again, if nobody wakes it before; ``None``: there is nothing to wait for.
    :param rest: called when the worker ends.
    :param name: of the thread.
    """

    def __init__(
        self, turn: Callable[[], Optional[float]], rest: Callable[[], object], name: str
    ) -> None:
        self._turn = turn
        self._rest = rest
        self._name = name
        self._lock = allocate_lock()  # held for a few steps of this class
        self._runs = False
        self._is_asked = False
        self._is_closing = False
        self._waiting: Optional[Wakeup] = None  # on which the worker waits
        self._seconds: Optional[float] = None  # what the last turn returned
        self._closers: List[Wakeup] = []

    def wake(self) -> None:
        """Let the worker take a turn soon. Any code may call it; it waits for nothing while the
        worker runs."""
        # The worker sets the second before it looks at the first. So one of the two sees the other.
        self._is_asked = True
        waiting = self._waiting
        if waiting is not None:
            waiting.set()
        elif not self._runs:
            self._start()

    def close(self, interrupt: Callable[[], object]) -> None:
        """End the worker, and wait until it has ended.

        :param interrupt: ends what the worker waits for in its turn.
        """
        closer = wakeup_of_the_caller()
        with self._lock:
            if not self._runs:
                return
            self._is_closing = True
            self._closers.append(closer)
        self.wake()
        deadline = monotonic() + CLOSE_SECONDS
        interrupt()
        while not closer.wait(INTERRUPT_SECONDS) and monotonic() < deadline:
            interrupt()  # it was about to connect
        closer.close()

    def _start(self) -> None:
        with self._lock:
            if self._runs:
                return
            self._runs, self._is_closing = True, False
        if _is_on_a_patched_main_thread():
            gevent.spawn_raw(self._run, CrossThreadWakeup)
        else:
            start_native_thread(lambda: self._run(ThreadWakeup), self._name)

    # On the worker.

    def _run(self, make_wakeup: Callable[[], Wakeup]) -> None:
        wakeup, process = make_wakeup(), os.getpid()
        try:
            while not self._has_ended(self._take_turn(), wakeup):
                if process != os.getpid():  # a greenlet's copy in a forked child
                    return
        except BaseException:  # somebody kills all greenlets of the process
            self._runs = False
            raise
        finally:
            wakeup.close()
            closers, self._closers = self._closers, []
            for closer in closers:
                closer.set()

    def _take_turn(self) -> Optional[float]:
        self._is_asked = False
        self._seconds = 1.0  # after an error of ours
        if not self._is_closing:
            log.isolated(self._call_turn, "the copying of streams to Redis failed")
        return self._seconds

    def _call_turn(self) -> None:
        self._seconds = self._turn()

    def _has_ended(self, seconds: Optional[float], wakeup: Wakeup) -> bool:
        is_idle = seconds is None
        self._waiting = wakeup
        if self._is_asked or self._is_closing or seconds == 0:
            was_woken = True
        else:
            was_woken = wakeup.wait(IDLE_SECONDS if seconds is None else seconds)
        self._waiting = None
        return (self._is_closing or (is_idle and not was_woken)) and self._end()

    def _end(self) -> bool:
        with self._lock:
            if self._is_asked and not self._is_closing:
                return False
            self._runs = False
        log.isolated(self._rest, "a connection to Redis could not be closed")
        return True


def _is_on_a_patched_main_thread() -> bool:
    """Whether a greenlet started here may block in redis-py, and its hub runs as long as the
    process."""
    return bool(is_module_patched("socket") and get_ident() == MAIN_THREAD_IDENT)
