"""SIGTERM begins a drain, and the process ends behind it; other signals wait for a farewell.

Floor 2: gevent. Only ever on somebody's word: a handler that an extension sets by itself would be
lost in a fork, or on a request's thread.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Callable, Optional

import gevent
from gevent import getcurrent
from gevent.hub import Hub

from .runtime import on_greenlet
from .threads import start_bare_thread


def on_sigterm(drain: Callable[[], object]) -> None:
    """Have SIGTERM begin a drain. Call it on the main thread, behind monkey-patching.

    A handler that is there already (gunicorn's) is called at once and ends the process in its own
    time. Where there is none, the process ends by the same signal once the drain is done. A second
    SIGTERM finds the handler that was there before.

    :raises ValueError: not on the main thread.
    """
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: Optional[FrameType]) -> None:
        signal.signal(signal.SIGTERM, before)
        if callable(before):
            run_in_background(drain)
            before(number, frame)
        else:
            run_in_background(lambda: _run_then_signal(drain, number))

    signal.signal(signal.SIGTERM, handle)
    signal.siginterrupt(signal.SIGTERM, False)  # a request's read goes on, it does not fail


def delay_signal(number: int, work: Callable[[], object]) -> None:
    """Have a signal's handler wait until some work is done, which the first such signal begins; the
    second finds the handler at once. Call it on the main thread.

    For a handler that raises: what it interrupts may be what the work waits for.

    :raises ValueError: not on the main thread.
    """
    before = signal.getsignal(number)

    def handle(number: int, frame: Optional[FrameType]) -> None:
        signal.signal(number, before)
        run_in_background(lambda: _run_then_signal(work, number))

    signal.signal(number, handle)


def _run_then_signal(work: Callable[[], object], number: int) -> None:
    try:
        work()
    finally:
        os.kill(os.getpid(), number)


def run_in_background(work: Callable[[], object]) -> None:
    """Run it beside what a signal interrupted, which may be the hub: there nothing may block."""
    if on_greenlet() or isinstance(getcurrent(), Hub):
        gevent.spawn(work)
    else:
        # Not by threading.Thread: what the signal interrupted may hold threading's own lock, as
        # a server does that starts a thread for each request.
        start_bare_thread(work)
