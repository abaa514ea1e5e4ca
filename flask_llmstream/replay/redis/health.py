"""``Health`` tells the operator once that Redis is gone, and once that it is back. ``Backoff`` says
when to try again."""

from __future__ import annotations

from random import random
from typing import Set

from ...log import log

LONGEST_WAIT = 0.5


class Health:
    """Who can't use Redis at the moment. One line is logged when the first fails, and one when the
    last works again."""

    def __init__(self) -> None:
        self._failing: Set[object] = set()

    def failed(self, party: object, error: object) -> None:
        """Somebody could not use Redis."""
        was_well = not self._failing
        self._failing.add(party)
        if was_well:
            log.warning(
                "Redis can't be used, and answers go on in this process alone until it can: %s",
                error,
            )

    def works(self, party: object) -> None:
        """Somebody could use Redis, or does not need it any more."""
        if party in self._failing:
            self._failing.discard(party)
            if not self._failing:
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
