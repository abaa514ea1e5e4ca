"""``looks``: waits for something of which no event tells, by looking again and again."""

from __future__ import annotations

from time import monotonic
from typing import Iterator, Tuple

from .wakeup import Wakeup

GROWTH = 1.5

Pauses = Tuple[float, float]
"""The least and the most seconds between two looks. Each pause is longer than the one before."""


def looks(wakeup: Wakeup, seconds: float, pauses: Pauses) -> Iterator[None]:
    """Give one turn for each look, the first at once and the last when the time is over.

    :param wakeup: the caller's own. A set brings the next look at once.
    :param seconds: the time.
    """
    deadline, (pause, longest) = monotonic() + seconds, pauses
    while True:
        yield
        left = deadline - monotonic()
        if left <= 0:
            return
        wakeup.wait(min(pause, left))
        pause = min(pause * GROWTH, longest)
