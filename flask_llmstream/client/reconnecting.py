"""When a reader comes back, and after which time. Standard library only, no I/O."""

from __future__ import annotations

import random
from typing import Callable, Optional

from .errors import (
    ConnectionFailed,
    EventSourceError,
    ServerFailure,
    StreamStalled,
    StreamTruncated,
)

LONGEST_TOLD = 3600.0
"""Seconds: a longer time that the server names counts as this one."""

_PASSING = (408, 425, 429)


class Backoff:
    """The pause before each connection that follows another.

    It is the time that the server gave (``Retry-After``, else ``retry:``), and a random one on top,
    from 0 to a bound that doubles: readers that one failure has cut off do not return at a time.

    :param first: the bound in seconds at the first try. Default: 1.
    :param longest: the largest bound in seconds. Default: 10.
    :param draw: returns a number from 0 to 1. Default: ``random.random``.
    :raises ValueError: ``first`` or ``longest`` is below 0.
    """

    def __init__(
        self,
        first: float = 1.0,
        longest: float = 10.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        for name, value in (("first", first), ("longest", longest)):
            if not value >= 0:
                raise ValueError(f"{name} has to be 0 seconds or more, not {value!r}")
        self._first = first
        self._longest = longest
        self._draw = draw

    def seconds(self, tries: int, told: float = 0) -> float:
        """How long to wait.

        :param tries: the connections in a row that brought no event.
        :param told: seconds that the server asked for; more than an hour counts as an hour.
        """
        bound = min(self._longest, self._first * 2.0 ** min(tries, 30))
        return min(told, LONGEST_TOLD) + self._draw() * bound


def told_by(failure: EventSourceError, retry: Optional[int]) -> float:
    """The seconds that the server asked for; 0 where it named none.

    :param retry: the stream's ``retry:``, in milliseconds.
    """
    return (retry or 0) / 1000 if failure.retry_after is None else failure.retry_after


def may_pass(failure: EventSourceError) -> bool:
    """Whether another connection may bring the rest."""
    if isinstance(failure, ServerFailure):
        status = failure.status or 0
        return status >= 500 or status in _PASSING
    if isinstance(failure, StreamStalled):
        return failure.deadline == "alive"  # else the connection is well, and the model is not
    return isinstance(failure, (ConnectionFailed, StreamTruncated))
