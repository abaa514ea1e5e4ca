"""Signals that end the process wait for its streams: SIGTERM begins a drain.

Handlers are set only where the application asks for them. A handler that an extension set by itself
would be lost in a fork, or on the thread of a request.
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
    """Let SIGTERM begin a drain. Call it on the main thread, after monkey-patching.

    A handler that is set already (gunicorn's) is called at once, and ends the process in its own
    time. Without one, the process ends by the same signal when the drain is done. A second SIGTERM
    reaches the handler that was set before.

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
    signal.siginterrupt(signal.SIGTERM, False)  # a request's read is restarted, it does not fail


def delay_signal(number: int, work: Callable[[], object]) -> None:
    """Do some work before a signal reaches its handler. Call it on the main thread.

    The first signal begins the work, and its handler runs when the work is done. A second signal
    reaches the handler at once. For a handler that raises: it might interrupt the very code that
    the work waits for.

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
    """Run it beside the code that a signal interrupted. That may be the hub, where nothing may
    block."""
    if on_greenlet() or isinstance(getcurrent(), Hub):
        gevent.spawn(work)
    else:
        # Not by threading.Thread: the interrupted code may hold a lock of threading, as a server
        # does that starts a thread for each request.
        start_bare_thread(work)
