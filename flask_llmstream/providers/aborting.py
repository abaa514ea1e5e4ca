"""``Current``: passes an abort on to the deltas that are iterated at present."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Deque


class Current:
    """The deltas of an answer that is made from others' deltas: of one, or of several in turn.

    :ivar aborted: whether the answer was aborted.
    """

    __slots__ = ("aborted", "_deltas", "_waiting")

    def __init__(self) -> None:
        self.aborted = False
        self._deltas: Any = None
        self._waiting: Deque[Callable[[], None]] = deque(maxlen=1)

    def abort(self) -> None:
        """Abort these deltas, or those that come next. Any thread may call it, at any time."""
        self.aborted = True
        self._pass_on()

    def begin(self, deltas: Any) -> None:
        """These deltas are iterated from now on."""
        self._deltas = deltas
        self._waiting.append(getattr(deltas, "abort", _do_nothing))  # in the place of the last one
        # abort() sets the flag and then looks into the deque. Either it finds this function there,
        # or it has set the flag before this line.
        if self.aborted:
            self._pass_on()

    def end(self) -> None:
        """The deltas have ended: no abort reaches them any more."""
        self._waiting.clear()

    def model(self) -> Any:
        """The model that the deltas say they chose; ``None`` where they say none."""
        return getattr(self._deltas, "model", None)

    def _pass_on(self) -> None:
        try:
            abort = self._waiting.popleft()
        except IndexError:  # there are no deltas, or the other thread has taken their abort()
            return
        abort()


def _do_nothing() -> None:
    """Stands for a missing ``abort()``: such deltas are closed at their next piece."""
