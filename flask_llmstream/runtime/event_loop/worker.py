"""``LoopWorker``: a producer on the event loop, its blocking code on a greenlet of that thread.

When the greenlet must wait, it hands the awaitable to a task, which awaits it. So the loop goes on,
and a source runs in a task like any other coroutine.
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
"""How long a source may keep the loop. Between two turns the loop releases the GIL, and takes it
again at once. Other threads ask for the GIL every 5 ms: with turns as short as that they would
hardly get it."""

_running: Set[asyncio.Task[None]] = set()
"""The running tasks: the loop itself has only weak references to them."""


async def _run_on_greenlet(run: Callable[[], None]) -> None:
    task_side: Any = getcurrent()
    blocking: Any = LoopGreenlet(run)
    # The same context, so that the task's coroutines see what the greenlet pushes or sets.
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
    """Wait for an awaitable, and return its result. On a :class:`LoopGreenlet` only."""
    return loop_greenlet().wait_for(awaitable)


def on_loop(run: Callable[[], None], name: str, context: Optional[Context] = None) -> None:
    """Call ``run`` on a :class:`LoopGreenlet`, soon. May be called on any thread.

    :param name: the name of its task.
    :param context: the contextvars to copy for it. Default: none.
    """
    event_loop().call_soon_threadsafe(_begin, run, name, context=context or Context())


def _begin(run: Callable[[], None], name: str) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(_run_on_greenlet(run), name=name)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


class LoopWakeup:
    """A :class:`LoopGreenlet` waits, woken from anywhere."""

    __slots__ = ("_loop", "_is_set", "_waiter")

    def __init__(self) -> None:
        self._loop = event_loop()
        self._is_set = False
        self._waiter: Optional[asyncio.Future[None]] = None

    def set(self) -> None:
        # The loop runs the callback only while the greenlet waits. So a set between the waiter's
        # look at the flag and its wait is not lost.
        self._is_set = True
        self._loop.call_soon_threadsafe(self._wake)

    def wait(self, timeout: Optional[float] = None) -> bool:
        deadline = None if timeout is None else monotonic() + timeout
        while not self._is_set:  # an earlier set may wake a later wait
            left = None if deadline is None else max(deadline - monotonic(), 0)
            self._waiter = self._loop.create_future()
            woken, _ = wait_for(asyncio.wait([self._waiter], timeout=left))
            if not woken:
                break
        was_set, self._is_set = self._is_set, False
        return was_set

    def close(self) -> None:
        """Nothing to release."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LoopWorker:
    """Runs a producer as a task of the one event loop.

    A stop cancels the task where it waits. A producer that waits in its own clean-up has up to 30 s
    first. Make the worker on the thread of the request, as :meth:`Runtime.spawner` requires.

    :param name: the name of the source in the log.
    :param runtime: where the request runs: blocking work is spawned there.
    :param in_cleanup: says whether the waiting source is in its clean-up. Called on the loop.
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
        """Call ``run`` on the loop's thread, soon. It may wait there by :func:`wait_for`."""
        event_loop().call_soon_threadsafe(self._begin, run, context=Context())

    def give_turn(self) -> None:
        """Nothing to do: the loop runs beside the caller."""

    def _begin(self, run: Callable[[], None]) -> None:
        self._task = _begin(run, self._name)

    def drive(self, source: Iterable[Any], deliver: Callable[[Any], None]) -> None:
        """Deliver each item of the source until it ends or is stopped. Runs on the worker.

        A source that never really waits would keep the loop from all other tasks. So the loop gets
        its turn once in 20 ms.

        :raises GreenletExit: it was stopped, perhaps before its first item.
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
        """Run ``work`` where it may block, and return when it has ended."""
        ended = LoopWakeup()

        def run() -> None:
            try:
                work()
            finally:
                ended.set()

        try:
            self._spawn(run)
        except RuntimeError:  # no thread can be started: a limit, or the interpreter ends
            run()
        ended.wait()

    def stop(self, abort: Callable[[], None]) -> None:
        """Cancel ``drive`` where it waits. Returns at once. Only the first call counts."""
        if not self._stopped:
            self._stopped = True
            event_loop().call_soon_threadsafe(self._cancel, LOOKS)

    def _cancel(self, looks: int) -> None:
        # Runs on the loop, so the producer waits: in its source or for room, or behind that in the
        # end of the stream, which must not be cancelled.
        if self._task is None or not self._interruptible:
            return
        if looks and self._in_cleanup():
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._cancel, looks - 1)
        else:
            self._task.cancel()
