"""``Lockstep``: a caller and its own worker take turns.

One of the two runs while the other waits, until the caller ends the worker.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import Any, Callable, Optional

from gevent import GreenletExit, get_hub, getcurrent

from ..runtime.runtime import Runtime
from ..runtime.workers import GreenletWorker


class Lockstep:
    """Runs steps on a worker, and waits for each. The first step starts the worker.

    All steps see the contextvars that the caller had when this object was made, and the changes
    that earlier steps made to them.

    :param name: the name of the work in the log.
    :param on_abandoned: called on the worker as its last step, if the caller was interrupted.
    :ivar worker: the worker that runs the steps.
    """

    __slots__ = (
        "worker", "_on_abandoned", "_callers_turn", "_workers_turn", "_context", "_greenlet",
        "_step", "_is_in_step", "_for_caller", "_outcome", "_last",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, name: str, on_abandoned: Callable[[], object]) -> None:
        self.worker = runtime.worker(name)
        self._on_abandoned = on_abandoned
        self._callers_turn = runtime.readable()
        self._workers_turn = runtime.writable()
        self._context = copy_context()
        self._greenlet: Any = None
        self._step: Optional[Callable[[], Any]] = None
        self._is_in_step = False
        self._for_caller: Optional[Callable[[], Any]] = None
        self._outcome: Optional[_Outcome] = None
        self._last: Optional[Callable[[], object]] = None  # the turns end once this is set

    # Called by the caller.

    def run(self, step: Callable[[], Any]) -> Any:
        """Run a step on the worker, and return what the step returns.

        An exception that interrupts the caller meanwhile (a kill, ``gevent.Timeout``) is raised in
        the step too, if the worker is a greenlet. The worker then ends, and is not waited for.

        :raises BaseException: the step has raised it.
        :raises RuntimeError: the worker was ended before.
        """
        if self.is_over:
            raise RuntimeError("the worker has ended")
        is_first, self._step = self._step is None, step
        if is_first:
            self.worker.start(self._work)
        else:
            self._workers_turn.set()
        try:
            self._serve()
        except BaseException as error:
            self._abandon(error)
            raise
        return self._taken()

    def end(self, last: Callable[[], object]) -> None:
        """End the worker after its current step. ``last`` is its last step. Does not wait. Only
        the first call counts."""
        if not self.is_over:
            self._last = last
            self._workers_turn.set()
            self._callers_turn.close()

    @property
    def is_over(self) -> bool:
        """Whether the worker was ended."""
        return self._last is not None

    def _serve(self) -> None:
        """Run the functions that the step sends to its caller, until the step is done."""
        self._callers_turn.wait()
        while self._for_caller is not None:
            function, self._for_caller = self._for_caller, None
            self._outcome = _Outcome(function)
            self._workers_turn.set()
            self._callers_turn.wait()

    def _abandon(self, error: BaseException) -> None:
        self.end(self._on_abandoned)
        if isinstance(self.worker, GreenletWorker):
            get_hub().loop.run_callback(self._throw, error)

    def _throw(self, error: BaseException) -> None:
        # Runs in the hub. So the step is waiting somewhere, or is done, or has not begun.
        if self._is_in_step:
            self._greenlet.throw(error)

    # Called by a step.

    def run_at_caller(self, function: Callable[[], Any]) -> Any:
        """Call a function where the caller waits, and return what it returns.

        :raises BaseException: the function has raised it.
        :raises GreenletExit: the caller does not wait any more.
        """
        if not self.is_over:
            self._for_caller = function
            self._callers_turn.set()
            self._workers_turn.wait()
        if self.is_over:
            raise GreenletExit
        return self._taken()

    # Run on the worker.

    def _work(self) -> None:
        if isinstance(self.worker, GreenletWorker):
            self._greenlet = getcurrent()
            self._greenlet.gr_context = self._context
            self._take_turns()
        else:
            # No reference to the greenlet object of a native thread may outlive that thread: the
            # process can crash (``SendLock`` says why).
            self._context.run(self._take_turns)

    def _take_turns(self) -> None:
        try:
            while not self.is_over:
                self._is_in_step = True
                outcome = _Outcome(self._step)
                self._is_in_step = False
                self._outcome = outcome
                self._callers_turn.set()
                if not self.is_over:  # the caller may have been interrupted meanwhile
                    self._workers_turn.wait()
        finally:
            last = self._last or self._on_abandoned  # if the worker was killed while it waited
            self._step = None  # a step may hold this object: a cycle
            self._last = self._on_abandoned = _ended
            last()

    def _taken(self) -> Any:
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        return outcome.take()


def _ended() -> None:
    """The last step, once it has run."""


class _Outcome:
    """The result of a function, or its exception. It can be taken once, and is not kept then."""

    __slots__ = ("_value", "_error")

    def __init__(self, function: Any) -> None:
        self._value: Any = None
        self._error: Optional[BaseException] = None
        try:
            self._value = function()
        except BaseException as error:
            self._error = error

    def take(self) -> Any:
        value, self._value = self._value, None
        error, self._error = self._error, None
        if error is None:
            return value
        try:
            raise error
        finally:
            del error  # its traceback holds this frame: a cycle that only gc would free
