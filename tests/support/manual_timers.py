"""Timers that a test fires, and a clock that a test moves."""

from __future__ import annotations

from typing import Callable, List, Optional


class ManualTimer:
    def __init__(self, seconds: float, callback: Callable[[], None]) -> None:
        self.seconds = seconds
        self.callback: Optional[Callable[[], None]] = callback

    def cancel(self) -> None:
        self.callback = None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        assert callback is not None, "it has fired or was cancelled"
        callback()


class ManualSchedule:
    """A :data:`~flask_llmstream.runtime.timers.Schedule` whose timers wait for the test."""

    def __init__(self) -> None:
        self._timers: List[ManualTimer] = []

    def __call__(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        self._timers.append(ManualTimer(seconds, callback))
        return self._timers[-1]

    @property
    def waiting(self) -> List[ManualTimer]:
        return [timer for timer in self._timers if timer.callback]

    def fire(self) -> None:
        """Fire the one timer that waits."""
        (timer,) = self.waiting
        timer.fire()


class ManualClock:
    """A clock in seconds. It stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
