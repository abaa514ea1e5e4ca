"""``Deadlines``: how long a reader waits. Standard library only, no I/O."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

from .errors import StreamStalled


class Deadlines:
    """The bounds of each wait, in seconds; ``None``: no bound.

    :param connect: for a connection.
    :param alive: without a byte.
    :param progress: without an event, while the reader waits for one.
    :param clock: returns seconds.
    :raises ValueError: a bound that is not above 0.
    """

    def __init__(
        self,
        connect: Optional[float],
        alive: Optional[float],
        progress: Optional[float],
        clock: Callable[[], float],
    ) -> None:
        self.connect = _checked("connect_timeout", connect)
        self._alive = _checked("alive_timeout", alive)
        self._progress = _checked("progress_timeout", progress)
        self._clock = clock
        self._until = math.inf
        self._is_for_progress = False

    def begin(self) -> None:
        """The reader begins to wait for an event."""
        self._until = self._clock() + (self._progress or math.inf)

    @contextmanager
    def bounded(self, seconds: float) -> Iterator[None]:
        """In this block, the waits end after so many seconds in all."""
        until = self._until
        self._until = min(until, self._clock() + seconds)
        try:
            yield
        finally:
            self._until = until

    def next(self) -> Optional[float]:
        """The bound of the next wait for bytes.

        :raises StreamStalled: no event has come for too long.
        """
        left = self.left()
        alive = math.inf if self._alive is None else self._alive
        self._is_for_progress = left < alive
        bound = min(left, alive)
        return None if bound == math.inf else bound

    def left(self) -> float:
        """The seconds until an event must have come.

        :raises StreamStalled: no event has come for too long.
        """
        left = self._until - self._clock()
        if left <= 0:
            raise StreamStalled("progress", self._progress or 0)
        return left

    def ran_out(self) -> StreamStalled:
        """The error of a wait that has reached its bound."""
        if self._is_for_progress:
            return StreamStalled("progress", self._progress or 0)
        return StreamStalled("alive", self._alive or 0)


def _checked(name: str, seconds: Optional[float]) -> Optional[float]:
    if seconds is not None and not (
        isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0
    ):
        raise ValueError(f"{name} has to be a number of seconds above 0 or None, not {seconds!r}")
    return None if seconds == math.inf else seconds
