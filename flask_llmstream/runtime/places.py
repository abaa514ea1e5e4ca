"""``Places``: a number of places, which anything may take and give back.

Standard library only, no I/O.
"""

from __future__ import annotations

from itertools import repeat
from typing import Iterator, List

from .atomic import try_pop


class Places:
    """A number of places. Each step is atomic: a place can be given back anywhere, also in the
    handler of a signal, or by garbage collection in the middle of a step.

    :param limit: how many places there are; 0: any number.
    """

    __slots__ = ("_new", "_given_back", "__weakref__")

    def __init__(self, limit: int) -> None:
        self._new: Iterator[int] = iter(range(limit)) if limit else repeat(0)
        self._given_back: List[bool] = []

    def take(self) -> bool:
        """Take a place; ``False`` where none is free."""
        if try_pop(self._given_back):
            return True
        if next(self._new, None) is not None:
            return True
        # All new places are taken. One may have been given back since the first look.
        return try_pop(self._given_back) is not None

    def give_back(self) -> None:
        """Give a place back."""
        self._given_back.append(True)
