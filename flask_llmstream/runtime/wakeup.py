"""``Wakeup``: the protocol by which one side waits and another side wakes it.

Standard library only. The implementations: :mod:`.wakeups`, and ``LoopWakeup`` in
:mod:`.event_loop.worker`.
"""

from __future__ import annotations

from typing import Optional, Protocol


class Wakeup(Protocol):
    """A binary semaphore with one waiter: a wait consumes the set that ended it."""

    def set(self) -> None:
        """Wake the waiter, or let the next wait return at once. Never blocks."""

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait for a set.

        :param timeout: seconds; ``None``: for ever.
        :returns: ``False`` when the time ran out.
        """

    def close(self) -> None:
        """Release timers. Nobody waits after this."""
