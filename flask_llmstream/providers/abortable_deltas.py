"""``Answer``: what ``stream()`` of the shipped providers returns."""

from __future__ import annotations

from typing import Callable, Generator, Iterator

from ..exceptions.handling import name_of
from .base import Delta


class AbortableDeltas:
    """A generator of deltas, and the way to end it from outside.

    The generator must know nothing of its ``Answer``: an answer that is forgotten is closed then,
    and not when the garbage collector comes round to a cycle.

    :param deltas: begins its work when it is entered, and undoes it when it is closed.
    :param abort: frees the generator from what it waits for; see :meth:`Provider.stream`.
    """

    def __init__(self, deltas: Generator[Delta, None, None], abort: Callable[[], None]) -> None:
        self._deltas = deltas
        self.abort = abort
        self.__qualname__ = name_of(deltas) or "deltas"  # what a log calls it

    def __iter__(self) -> Iterator[Delta]:
        return self._deltas

    def close(self) -> None:
        """End the answer, if it still goes on. For whoever iterates it."""
        self._deltas.close()
