"""``Wakeup``: how one side waits for the other, wherever either runs.

Standard library only: the contract between what waits and the runtime that has ways to wait.
"""

from __future__ import annotations

from typing import Optional, Protocol


class Wakeup(Protocol):
    """How one side waits and the other wakes it: a binary semaphore, so that waiting consumes."""

    def set(self) -> None:
        """Wake who waits, or let who waits next go on at once. Never blocks."""

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait up to ``timeout`` seconds (``None``: for ever); ``False`` when they ran out."""

    def close(self) -> None:
        """Let go of timers; nobody waits any more."""
