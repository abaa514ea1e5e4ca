"""``Flag``: tells a test that something has happened."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, List, Sequence

from ..errors import ConfigurationError
from ..runtime.mutex import wakeup_of_the_caller
from ..runtime.wakeup import Wakeup

PATIENCE = 10.0
"""Seconds after which a test counts as stuck. Nothing is measured by it."""


class Flag:
    """A flag on which threads and greenlets wait, and which any of them sets.

    It takes the place of ``threading.Event``, which blocks the hub where a greenlet of a process
    that is not patched waits, and of gevent's, which loses the ``set()`` of another thread.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: List[Wakeup] = []

    def set(self) -> None:
        """Set it, for good, and wake all that wait."""
        self._is_set = True  # before the look at the waiters; a waiter has the opposite order
        for wakeup in self._waiters.copy():
            with suppress(ValueError):  # its hub was destroyed while it waited
                wakeup.set()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def wait(self, timeout: float = PATIENCE) -> None:
        """Wait until it is set.

        :param timeout: seconds. Default: 10.
        :raises TimeoutError: it was not set in that time. So a test that waits in vain fails.
        :raises ConfigurationError: ``timeout`` is no number from 0.
        """
        if not wait_for_any([self], checked_seconds("timeout", timeout)):
            raise TimeoutError(f"It has not happened within {timeout:g} s.")

    def add_waiter(self, wakeup: Wakeup) -> None:
        """Wake this one, too."""
        self._waiters.append(wakeup)

    def remove_waiter(self, wakeup: Wakeup) -> None:
        """Wake it no more."""
        self._waiters.remove(wakeup)


def checked_seconds(name: str, seconds: Any) -> float:
    """Seconds that can be waited for.

    :raises ConfigurationError: it is no number from 0; the message has the name.
    """
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{name}: has to be seconds from 0, not {seconds!r}")
    return seconds


def wait_for_any(flags: Sequence[Flag], timeout: float) -> bool:
    """Wait until one of the flags is set.

    :param timeout: seconds.
    :returns: ``False`` where the time ran out.
    """
    wakeup = wakeup_of_the_caller()
    for flag in flags:
        flag.add_waiter(wakeup)
    try:
        if not any(flag.is_set() for flag in flags):
            wakeup.wait(timeout)
        return any(flag.is_set() for flag in flags)
    finally:
        for flag in flags:
            flag.remove_waiter(wakeup)
        wakeup.close()
