"""``Retrying``: whether a call that failed is made again, and after which time.

Three things bound it. Each answer has so many retries, and so many seconds for them. All answers of
a provider share a budget: when a server fails for all of them, retries must not add to its load
what their readers' own retries add anyway.
"""

from __future__ import annotations

import random
from time import monotonic
from typing import Callable, Optional

from ...errors import ProviderError
from .errors import detail_of
from .settings import checked_count, checked_seconds

FIRST_WAIT = 0.5
"""Seconds: the longest wait before the first retry. It doubles with each one, up to
:data:`LONGEST_WAIT`. openai-python has the same two numbers."""

LONGEST_WAIT = 8.0

RESERVE = 20
"""So many retries may be made at once. :data:`SHARE` and :data:`A_SECOND` fill the reserve up."""

SHARE = 0.1
"""The retries for each answer. Finagle's budget has 0.2 and ten a second."""

A_SECOND = 1.0

Clock = Callable[[], float]


class RetryBudget:
    """The retries that all answers of one provider share, in this process.

    Any thread may use it, without a lock: two that change the number at the same time may lose one
    of the changes, and a retry more or less does no harm.

    :param clock: returns seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(RESERVE)
        self._at = clock()

    def earn(self) -> None:
        """An answer begins."""
        self._left = min(self._left + SHARE, RESERVE)

    def take(self) -> bool:
        """Take one retry, if there is one."""
        now = self._clock()
        left = min(self._left + (now - self._at) * A_SECOND, RESERVE)
        self._at = now
        self._left = left - 1 if left >= 1 else left
        return left >= 1


class RetryPolicy:
    """The retries of one provider.

    :param retries: the most retries for one answer. Default: 2.
    :param retry_within: seconds from the beginning of an answer in which each of them has to
        begin. Default: 2.
    :param clock: returns seconds. Default: ``time.monotonic``.
    :param draw: returns a number from 0 to 1. Default: ``random.random``.
    :raises ConfigurationError: a number that can't work; the message names it.
    """

    def __init__(
        self,
        retries: int = 2,
        retry_within: float = 2.0,
        clock: Clock = monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.retries = checked_count("retries", retries)
        self.within = checked_seconds("retry_within", retry_within)
        self.clock = clock
        self.draw = draw
        self.budget = RetryBudget(clock)


class Retrying:
    """The retries of one answer, which begins when this object is made.

    :param policy: the provider's.
    :ivar count: the retries so far.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._until = policy.clock() + policy.within
        self.count = 0
        policy.budget.earn()

    def wait_after(self, error: ProviderError) -> Optional[float]:
        """The seconds to wait before the next try; ``None`` if the error is final.

        A time that the server names is the least. If the client would have waited too long by
        then, the error is final: the client gets the time with it, and tries again itself. What is
        added to it is drawn at random from 0, so that many that failed at a time do not come back
        at a time.
        """
        policy, detail = self._policy, detail_of(error)
        least = detail.wait or 0
        room = self._until - policy.clock() - least
        if not detail.may_pass or self.count >= policy.retries or room <= 0:
            return None
        if not policy.budget.take():
            return None
        most = min(FIRST_WAIT * 2.0 ** min(self.count, 10), LONGEST_WAIT, room)
        self.count += 1
        return least + policy.draw() * most
