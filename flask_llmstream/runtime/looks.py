"""``looks``: waits for something of which no event tells, by looking again and again."""

from __future__ import annotations

from time import monotonic
from typing import Iterator, Tuple

from .wakeup import Wakeup

GROWTH = 1.5

ASLEEP_SECONDS = 1.0
"""A pause that takes so much longer than it should was the process's own: it did not run."""

Pauses = Tuple[float, float]
"""The least and the most seconds between two looks. Each pause is longer than the one before."""


def looks(wakeup: Wakeup, seconds: float, pauses: Pauses) -> Iterator[None]:
    """Give one turn for each look, the first at once and the last when the time is over. While this
    process does not run no time passes: whoever is waited for may not have run, either.

    :param wakeup: the caller's own. A set brings the next look at once.
    :param seconds: the time.
    """
    deadline, (pause, longest) = monotonic() + seconds, pauses
    while True:
        now = monotonic()
        yield
        if now >= deadline:  # a look that began before then may have been too early
            return
        before = monotonic()
        seconds = min(pause, max(deadline - before, 0))
        wakeup.wait(seconds)
        late = monotonic() - before - seconds
        deadline += late if late > ASLEEP_SECONDS else 0
        pause = min(pause * GROWTH, longest)
