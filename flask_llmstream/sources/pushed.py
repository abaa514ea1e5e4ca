"""``PushSource``: the source of a stream whose items are sent by an emitter."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from ..runtime.runtime import Runtime
from ..runtime.wakeups import CrossThreadWakeup, ThreadWakeup
from ..runtime.workers import GreenletWorker


class PushSource:
    """Yields no item. On the worker it calls a function, then waits for the stream's end.

    :param runtime: where the worker runs.
    :ivar work: the function. Sends may go on after it has returned. Default: it does nothing.
    """

    def __init__(self, runtime: Runtime) -> None:
        greenlet = runtime.worker is GreenletWorker
        self._is_over = CrossThreadWakeup() if greenlet else ThreadWakeup()
        self.work: Callable[[], object] = _nothing

    def __iter__(self) -> Iterator[Any]:
        work, self.work = self.work, _nothing  # it holds the emitter, which holds this source
        try:
            work()
            self._is_over.wait()
            yield from ()
        finally:
            self._is_over.close()

    def end(self) -> None:
        """Let the worker go on to its finaliser. Any thread or greenlet may call it."""
        self._is_over.set()

    abort = end

    def close(self) -> None:
        """Drop the function, where it was never called."""
        self.work = _nothing


def _nothing() -> None:
    """The function was called, or there is none."""
