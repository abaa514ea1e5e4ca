"""A producer on the event loop: the engine's blocking code on a greenlet of the loop's thread.

Floor 2: gevent. Whenever that greenlet has to wait, it hands what it waits for to a task, which
awaits it: so the loop goes on, and a source runs in a task like any other coroutine.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from time import monotonic
from typing import Any, Awaitable, Callable, Iterable, Optional, Set

from gevent import GreenletExit, getcurrent

from ...exceptions.handling import traceback_of
from ..generator_cleanup import LOOK_SECONDS, LOOKS
from ..runtime import Runtime
from .greenlet import LoopGreenlet, loop_greenlet
from .loop import event_loop

_TURN_SECONDS = 0.02
"""How long a source may keep the loop. The loop lets go of the GIL between two turns and takes it
again at once; were that as often as other threads ask for it (5 ms), they would hardly get it."""

_running: Set[asyncio.Task[None]] = set()
"""Kept here, as the loop itself knows its tasks but weakly."""


async def _run_on_greenlet(run: Callable[[], None]) -> None:
    task_side: Any = getcurrent()
    blocking: Any = LoopGreenlet(run)
    # One and the same context: what the greenlet pushes or sets, the coroutines of its task see.
    blocking.gr_context = task_side.gr_context
    awaited = blocking.switch()
    while blocking:
        try:
            result = await awaited
        except BaseException as error:
            awaited = blocking.throw(type(error), error, traceback_of(error))
        else:
            awaited = blocking.switch(result)


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Its result, on a greenlet of a :class:`LoopWorker`, which waits as if it blocked."""
    return loop_greenlet().wait_for(awaitable)


def on_loop(run: Callable[[], None], name: str, context: Optional[Context] = None) -> None:
    """Have ``run`` called on such a greenlet, soon. From any thread.

    :param context: one to make a copy of for it. Default: an empty one.
    """
    event_loop().call_soon_threadsafe(_begin, run, name, context=context or Context())


def _begin(run: Callable[[], None], name: str) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(_run_on_greenlet(run), name=name)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


class LoopWakeup:
    """Wakes what waits on a greenlet of a :class:`LoopWorker`."""

    __slots__ = ("_loop", "_is_set", "_waiter")

    def __init__(self) -> None:
        self._loop = event_loop()
        self._is_set = False
        self._waiter: Optional[asyncio.Future[None]] = None

    def set(self) -> None:
        # The loop runs the callback when the greenlet waits or does something else: a set between
        # its look at the flag and its wait is not lost.
        self._is_set = True
        self._loop.call_soon_threadsafe(self._wake)

    def wait(self, timeout: Optional[float] = None) -> bool:
        deadline = None if timeout is None else monotonic() + timeout
        while not self._is_set:  # an earlier set may wake a later wait, so it is asked
            left = None if deadline is None else max(deadline - monotonic(), 0)
            self._waiter = self._loop.create_future()
            woken, _ = wait_for(asyncio.wait([self._waiter], timeout=left))
            if not woken:
                break
        was_set, self._is_set = self._is_set, False
        return was_set

    def close(self) -> None:
        """Nothing to let go of."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LoopWorker:
    """The producer as a task of the one event loop; it is cancelled where it waits, unless that is
    its own clean-up, which has 30 s.

    :param name: what the log calls its source.
    :param runtime: whose kind of worker is used for what may block. Made where that is at home.
    :param in_cleanup: tells on the loop, while the source waits, whether it is in its clean-up.
    """

    __slots__ = ("_name", "_spawn", "_in_cleanup", "_task", "_stopped", "_interruptible")

    def __init__(self, name: str, runtime: Runtime, in_cleanup: Callable[[], bool]) -> None:
        self._in_cleanup = in_cleanup
        self._name = name
        self._spawn = runtime.spawner()
        self._task: Optional[asyncio.Task[None]] = None
        self._stopped = False
        self._interruptible = False

    def start(self, run: Callable[[], None]) -> None:
        """Have ``run`` called on the loop's thread, soon; it may wait there by ``wait_for``."""
        event_loop().call_soon_threadsafe(self._begin, run, context=Context())

    def _begin(self, run: Callable[[], None]) -> None:
        self._task = _begin(run, self._name)

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Take each item from the source, on the worker, until it ends or is stopped.

        A source that never really waits would keep the loop from all others: once in 20 ms
        the loop gets its turn.

        :raises GreenletExit: it was stopped, also when before its first item.
        """
        if self._stopped:
            raise GreenletExit
        self._interruptible = True
        try:
            self._take_all(source, deliver)
        except asyncio.CancelledError:
            if self._stopped:
                raise GreenletExit from None
            raise
        finally:
            self._interruptible = False

    def _take_all(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        turn_ends = monotonic() + _TURN_SECONDS
        for item in source:
            deliver(item)
            if monotonic() > turn_ends:
                wait_for(asyncio.sleep(0))
                turn_ends = monotonic() + _TURN_SECONDS

    def run_blocking(self, work: Callable[[], None]) -> None:
        """Have ``work`` called where it may block, and return when it has ended."""
        ended = LoopWakeup()

        def run() -> None:
            try:
                work()
            finally:
                ended.set()

        try:
            self._spawn(run)
        except RuntimeError:  # no thread is to be had: the system's limit, or the interpreter ends
            run()
        ended.wait()

    def stop(self, abort: Callable[[], None]) -> None:
        """Cancel ``drive`` where it waits. Returns at once; only the first call counts."""
        if not self._stopped:
            self._stopped = True
            event_loop().call_soon_threadsafe(self._cancel, LOOKS)

    def _cancel(self, looks: int) -> None:
        # The loop runs this, so the producer waits somewhere: in its source or for room, or, past
        # that, in its finaliser, which is not to be cancelled any more.
        if self._task is None or not self._interruptible:
            return
        if looks and self._in_cleanup():
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._cancel, looks - 1)
        else:
            self._task.cancel()
