"""``Health`` tells the operator once that Redis is gone, and once that it is back. ``Backoff`` says
when to try again."""

from __future__ import annotations

from random import random
from time import monotonic
from typing import Callable

from ...log import log

LONGEST_WAIT = 0.5

SETTLE_SECONDS = 3.0
"""Redis counts as back when nothing has failed for so long. Whatever can't be done is tried again
much sooner; and a Redis that is full does some commands."""


class Health:
    """Whether Redis can be used. One line is logged when it can't, and one when it can again.

    :param clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._is_well = True
        self._clock = clock
        self._failed_at = 0.0

    def failed(self, error: object) -> None:
        """Redis could not be used."""
        self._failed_at = self._clock()
        was_well, self._is_well = self._is_well, False
        if was_well:
            log.warning(
                "Redis can't be used, and answers go on in this process alone until it can: %s%s",
                error,
                "; Redis 6.2 or later knows it" if "unknown command" in str(error) else "",
            )

    def works(self) -> None:
        """Redis could be used."""
        if not self._is_well and self._clock() - self._failed_at >= SETTLE_SECONDS:
            self._is_well = True
            log.warning("Redis can be used again")


class Backoff:
    """The waits between the tries: none before the first, then longer ones up to 0.5 s, and each a
    little random, so that a site's processes do not come all at once."""

    def __init__(self) -> None:
        self.tries = 0

    def wait(self) -> float:
        """How long to wait now that a try has failed, in seconds."""
        self.tries += 1
        if self.tries == 1:
            return 0.0
        longest = min(LONGEST_WAIT, 0.02 * 2.0 ** min(self.tries, 10))
        return longest * (0.5 + random() / 2)

    def reset(self) -> None:
        """A try has succeeded."""
        self.tries = 0
