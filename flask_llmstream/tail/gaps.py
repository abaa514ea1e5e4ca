"""``Gaps``: how long the waits between two tokens were, in seconds. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Counter as Counts
from typing import Iterator, NamedTuple

_MICRO = 1_000_000


class Bucket(NamedTuple):
    """How many gaps are shorter than ``below`` seconds, and not in the bucket before this one."""

    below: float
    gaps: int


class Gaps:
    """The gaps between tokens, each counted by its first two digits, as people are shown it.

    So an endless stream needs no more memory than a short one: 90 counts for each power of ten.
    """

    def __init__(self) -> None:
        self._counts: Counts[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one more gap."""
        self._counts[_two_digits(round(seconds * _MICRO))] += 1

    def __len__(self) -> int:
        return sum(self._counts.values())

    def percentile(self, percent: float) -> float:
        """The shortest time in seconds within which this share of all gaps lies (nearest rank).

        :raises ValueError: there are no gaps.
        """
        left = max(1.0, len(self) * percent / 100)
        for gap in sorted(self._counts):
            left -= self._counts[gap]
            if left <= 0:
                return gap / _MICRO
        raise ValueError("there are no gaps")

    def buckets(self) -> Iterator[Bucket]:
        """The gaps by their length, from the shortest to the longest, empty buckets between them
        included. The bounds are 1 ms, 2 ms, 5 ms, 10 ms, 20 ms …"""
        gaps = sorted(self._counts)
        began = False
        for below in _bounds():
            if not gaps:
                return
            inside = [gap for gap in gaps if gap < below]
            gaps = gaps[len(inside) :]
            began = began or bool(inside)
            if began:
                yield Bucket(below / _MICRO, sum(self._counts[gap] for gap in inside))


def _two_digits(number: int) -> int:
    unit = int(10 ** max(0, len(str(number)) - 2))
    return (number + unit // 2) // unit * unit


def _bounds() -> Iterator[int]:
    """In microseconds."""
    bound = 1000
    while True:
        yield from (bound, 2 * bound, 5 * bound)
        bound *= 10
