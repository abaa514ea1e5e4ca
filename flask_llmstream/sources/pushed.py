"""``PushSource``: the source of a stream whose items are sent from elsewhere.

Floor 2: gevent.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

from ..runtime.runtime import Runtime
from ..runtime.wakeup import CrossThreadWakeup, ThreadWakeup
from ..runtime.workers import GreenletWorker


class PushSource:
    """Gives nothing itself: on the worker it calls a function, then waits until all is over.

    :param runtime: where the worker runs.
    :param work: called on the worker, with what may go on after it has returned.
    """

    def __init__(self, runtime: Runtime, work: Callable[[], object]) -> None:
        greenlet = runtime.worker is GreenletWorker
        self._is_over = CrossThreadWakeup() if greenlet else ThreadWakeup()
        self._work = work

    def __iter__(self) -> Iterator[Any]:
        work, self._work = self._work, _nothing  # which holds the emitter, and that this source
        try:
            work()
            self._is_over.wait()
            yield from ()
        finally:
            self._is_over.close()

    def end(self) -> None:
        """Have the worker go on to its finaliser. From anywhere."""
        self._is_over.set()

    abort = end

    def close(self) -> None:
        """Let go of what is called, where it never was."""
        self._work = _nothing


def _nothing() -> None:
    """It was called, or never is."""
