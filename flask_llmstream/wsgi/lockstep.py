"""``Lockstep``: one flow of control in two places, a caller and a worker of its own.

Floor 2: gevent. One of the two runs while the other waits, until the worker is let go for good.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import Any, Callable, Optional

from gevent import GreenletExit, get_hub, getcurrent

from ..runtime.runtime import Runtime
from ..runtime.workers import GreenletWorker


class Lockstep:
    """Steps on a worker, each waited for; the worker starts with the first.

    All of them see the caller's contextvars as they were when this was made, and what earlier
    steps set.

    :param name: what the log calls what runs on the worker.
    :param deserted: what the worker ends with where its caller was interrupted.
    :ivar worker: where the steps run.
    """

    __slots__ = (
        "worker", "_deserted", "_callers_turn", "_workers_turn", "_context", "_greenlet", "_step",
        "_is_in_step", "_errand", "_outcome", "_last",
    )  # fmt: skip

    def __init__(self, runtime: Runtime, name: str, deserted: Callable[[], object]) -> None:
        self.worker = runtime.worker(name)
        self._deserted = deserted
        self._callers_turn = runtime.readable()
        self._workers_turn = runtime.writable()
        self._context = copy_context()
        self._greenlet: Any = None
        self._step: Optional[Callable[[], Any]] = None
        self._is_in_step = False
        self._errand: Optional[Callable[[], Any]] = None
        self._outcome: Optional[_Outcome] = None
        self._last: Optional[Callable[[], object]] = None  # it takes turns until this is there

    # What the caller calls.

    def run(self, step: Callable[[], Any]) -> Any:
        """Run a step on the worker, and give what it returns or raises.

        What interrupts the caller meanwhile (a kill, ``gevent.Timeout``) interrupts the step, too,
        where that runs on a greenlet; the worker ends then, in its own time.

        :raises RuntimeError: the worker was let go before.
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
            self._desert(error)
            raise
        return self._taken()

    def end(self, last: Callable[[], object]) -> None:
        """Let the worker go between two steps; it ends with ``last``. Does not wait, and only the
        first call counts."""
        if not self.is_over:
            self._last = last
            self._workers_turn.set()
            self._callers_turn.close()

    @property
    def is_over(self) -> bool:
        """Whether the worker was let go."""
        return self._last is not None

    def _serve(self) -> None:
        """Run the worker's errands until its step is done."""
        self._callers_turn.wait()
        while self._errand is not None:
            errand, self._errand = self._errand, None
            self._outcome = _Outcome(errand)
            self._workers_turn.set()
            self._callers_turn.wait()

    def _desert(self, error: BaseException) -> None:
        self.end(self._deserted)
        if isinstance(self.worker, GreenletWorker):
            get_hub().loop.run_callback(self._throw, error)

    def _throw(self, error: BaseException) -> None:
        # Runs in the hub, so the step waits somewhere; or it is done, or was never begun.
        if self._is_in_step:
            self._greenlet.throw(error)

    # What a step calls.

    def back(self, errand: Callable[[], Any]) -> Any:
        """Run something where the caller waits, and give what it returns or raises.

        :raises GreenletExit: nobody waits any more.
        """
        if not self.is_over:
            self._errand = errand
            self._callers_turn.set()
            self._workers_turn.wait()
        if self.is_over:
            raise GreenletExit
        return self._taken()

    # Runs on the worker.

    def _work(self) -> None:
        if isinstance(self.worker, GreenletWorker):
            self._greenlet = getcurrent()
            self._greenlet.gr_context = self._context
            self._take_turns()
        else:
            # What ``getcurrent()`` gives on a native thread is not to be kept: one that was freed
            # behind its thread's end, by another, crashed the process.
            self._context.run(self._take_turns)

    def _take_turns(self) -> None:
        try:
            while not self.is_over:
                self._is_in_step = True
                outcome = _Outcome(self._step)
                self._is_in_step = False
                self._outcome = outcome
                self._callers_turn.set()
                if not self.is_over:  # an interruption of the caller's may have come meanwhile
                    self._workers_turn.wait()
        finally:
            last = self._last or self._deserted  # somebody killed it while it waited
            self._step = None  # and let go of who made this, which holds it in its turn
            self._last = self._deserted = _ended
            last()

    def _taken(self) -> Any:
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        return outcome.take()


def _ended() -> None:
    """The worker has run its last."""


class _Outcome:
    """What a function returned or raised, to be taken once: it is kept no longer."""

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
