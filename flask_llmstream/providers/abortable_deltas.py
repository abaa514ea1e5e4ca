"""``AbortableDeltas``: the deltas that ``stream()`` of the shipped providers returns."""

from __future__ import annotations

from typing import Callable, Generator, Iterator, Optional

from ..exceptions.handling import name_of
from .base import Piece


def _nothing() -> None:
    """No model was chosen."""


class AbortableDeltas:
    """A generator of deltas that can be ended from another thread.

    The generator must not refer to this object. Then deltas that nobody holds any more are closed
    at once; a cycle would keep them until the garbage collector runs.

    :param deltas: begins its work at the first ``next()``, and cleans up when it is closed.
    :param abort: ends the generator's wait, from any thread; see :meth:`Provider.stream`.
    :param chosen: returns the name of the model that was chosen, for the summary. Default: none is.
    """

    def __init__(
        self,
        deltas: Generator[Piece, None, None],
        abort: Callable[[], None],
        chosen: Callable[[], Optional[str]] = _nothing,
    ) -> None:
        self._deltas = deltas
        self.abort = abort
        self._chosen = chosen
        self.__qualname__ = name_of(deltas) or "deltas"  # the name in the log

    def __iter__(self) -> Iterator[Piece]:
        return self._deltas

    @property
    def model(self) -> Optional[str]:
        """The model that was chosen; ``None`` where none was."""
        return self._chosen()

    def close(self) -> None:
        """End the deltas, if they go on. Only the thread that iterates them may call it."""
        self._deltas.close()
