"""``Departure``: ends a stream that goes on without its reader, once nobody reads it any more.

A stream that is kept may have other readers, in other processes too.
"""

from __future__ import annotations

from time import monotonic
from typing import Callable, Optional, Protocol

from ..runtime.timers import Schedule, Timer

LOOK_SECONDS = (1.0, 5.0)
"""The least and the most seconds between two looks for readers."""

LATE_SECONDS = 1.0
"""A look that comes so much later than it should decides nothing, unless the one before it was late
too. This process did not run; nor did others, perhaps, whose readers are there."""


class Detached(Protocol):
    """A stream that goes on without its reader."""

    @property
    def reason(self) -> Optional[str]:
        """``None`` until the stream ends."""

    def is_read(self) -> bool:
        """Whether it has another reader. May block."""

    def end(self, reason: str) -> bool:
        """End it."""


class Departure:
    """The time that a stream has without any reader.

    :param seconds: how long it goes on. 0: it ends at once, unless it has another reader.
    :param spawn: calls a function where waiting is allowed, from anywhere.
    :param schedule: makes a timer. It is called where ``spawn`` calls.
    """

    __slots__ = (
        "_stream", "_seconds", "_spawn", "_schedule", "_clock", "_timer", "_read_at", "_look_at",
        "_was_late",
    )  # fmt: skip

    def __init__(
        self,
        stream: Detached,
        seconds: float,
        spawn: Callable[[Callable[[], None]], object],
        schedule: Schedule,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._seconds = seconds
        self._spawn = spawn
        self._schedule = schedule
        self._clock = clock
        self._timer: Optional[Timer] = None
        self._read_at = self._look_at = clock()
        self._was_late = False

    def begin(self) -> None:
        """The reader has left. Does not block."""
        self._look_at = self._clock()
        self._spawn(self._look_later if self._seconds else self._decide)

    def cancel(self) -> None:
        """The stream has ended. May be called anywhere, and again."""
        timer, self._timer = self._timer, None
        if timer is not None:
            self._spawn(timer.cancel)  # a timer of a hub is cancelled on that hub's thread

    def _look_later(self) -> None:
        least, most = LOOK_SECONDS
        pause = most if self._was_late else min(max(self._seconds, least), most)
        self._look_at = self._clock() + pause
        self._timer = self._schedule(pause, self._look)
        if self._stream.reason is not None:  # it has ended, perhaps before the timer was there
            self.cancel()

    def _look(self) -> None:
        self._spawn(self._decide)

    def _decide(self) -> None:
        if self._stream.reason is not None:
            return
        is_late = self._clock() - self._look_at > LATE_SECONDS
        if self._stream.is_read():
            self._read_at = self._clock()
        elif self._clock() - self._read_at >= self._seconds and (self._was_late or not is_late):
            self._stream.end("disconnect")
            return
        self._was_late = is_late
        self._look_later()
