"""``LoopCall``: runs a coroutine of the application on the one event loop, and waits for it.

It loads asyncio, and so is itself loaded with the first call.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Callable, Coroutine, Optional

from gevent import GreenletExit

from ..mutex import wakeup_of_the_caller
from .greenlet import LoopGreenlet, Step, loop_greenlet
from .loop import event_loop
from .worker import on_loop

Around = Callable[[Callable[[], Any]], Any]
"""Calls a function inside contexts, which it enters where it is called."""


class LoopCall:
    """One call of an asynchronous function. For the caller it looks like a plain call that waits.

    The coroutine runs in a task of its own, with a copy of the caller's contextvars. The values
    that it sets are set for the caller, and its exception is raised to the caller.

    :param coroutine: the coroutine, not begun yet.
    :param around: calls a function inside the contexts in which the coroutine runs.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], around: Around) -> None:
        self._coroutine = coroutine
        self._around = around
        self._task: Optional[asyncio.Task[Any]] = None  # while the coroutine runs
        self._is_cancelled = self._is_over = False
        self._result: Any = None
        self._error: Optional[BaseException] = None
        self._context = Context()

    # Called by the caller that waits.

    def wait(self) -> Any:
        """Wait for the end of the coroutine, and return its result.

        An exception that is thrown at the caller meanwhile (a stop, a timeout, Ctrl-C) cancels the
        coroutine. It is raised when the coroutine has ended, however long its clean-up takes.

        :raises GreenletExit: the call was cancelled by :meth:`cancel`.
        :raises RuntimeError: the caller is a task of the event loop, and would wait for ever.
        """
        here = loop_greenlet()
        if here is not None:
            return drive(here, self._coroutine)
        self._begin()
        self._outlast()
        for variable, value in self._context.items():
            if variable.get(self) is not value:
                variable.set(value)
        return self._outcome()

    def _begin(self) -> None:
        self._ended = wakeup_of_the_caller()
        try:
            _refuse_on_the_loop()
            on_loop(self._run, "a call", copy_context())
        except BaseException:
            self._ended.close()
            self._coroutine.close()
            raise

    def _outlast(self) -> None:
        try:
            self._wait()
        except BaseException:
            self.cancel()
            self._wait()
            self._error = None  # its traceback has frames that hold this object
            raise
        finally:
            self._ended.close()

    def _wait(self) -> None:
        while not self._is_over:
            self._ended.wait()

    def _outcome(self) -> Any:
        error, self._error = self._error, None
        try:
            if error is None:
                return self._result
            if self._is_cancelled and isinstance(error, asyncio.CancelledError):
                raise GreenletExit("the call was cancelled") from None
            raise error
        finally:
            error = None  # its traceback has this frame: a cycle

    # Called from anywhere.

    def cancel(self) -> None:
        """Cancel the coroutine where it awaits. Returns at once. Only the first call counts."""
        if not self._is_cancelled:
            self._is_cancelled = True
            event_loop().call_soon_threadsafe(self._cancel)

    # On the loop.

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            if self._is_cancelled:  # before it began
                self._coroutine.close()
                raise asyncio.CancelledError
            self._task = asyncio.current_task()
            self._result = self._around(partial(drive, loop_greenlet(), self._coroutine))
        except BaseException as error:
            self._error = error
        finally:
            self._task = None  # a later step must not be cancelled
            del self._coroutine  # its frame may hold the holder of this object
            self._context = copy_context()
            self._is_over = True
            self._ended.set()


def drive(here: LoopGreenlet, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine step by step on this greenlet, so that plain code that it calls can wait,
    too.

    :returns: the coroutine's result.
    """
    go_on: Callable[[Any], Any] = coroutine.send
    sent: Any = None
    try:
        while True:
            awaited = go_on(sent)
            try:
                go_on, sent = coroutine.send, here.wait_for(Step(awaited))
            except BaseException as error:
                go_on, sent = coroutine.throw, error
    except StopIteration as end:
        return end.value
    finally:
        sent = None  # an error, whose traceback has this frame: a cycle


def _refuse_on_the_loop() -> None:
    try:
        is_running = asyncio.get_running_loop() is event_loop()
    except RuntimeError:
        return
    if is_running:
        raise RuntimeError(
            "an asynchronous function was called where a task of the event loop waits for its "
            "result, and only await can do that; call it from the task's own function instead"
        )
