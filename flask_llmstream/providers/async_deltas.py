"""``AsyncDeltas``: asynchronous deltas that say which model was chosen."""

from __future__ import annotations

from typing import Any, AsyncGenerator, Awaitable, Callable

from ..exceptions.handling import name_of
from .base import Piece


class AsyncDeltas:
    """An asynchronous generator of deltas. It is iterated once.

    :param deltas: begins its work at the first ``anext()``, and cleans up when it is closed. It
        must not refer to this object.
    :param chosen: returns the name of the model that was chosen; ``None`` where none was.
    """

    def __init__(self, deltas: AsyncGenerator[Piece, None], chosen: Callable[[], Any]) -> None:
        self._deltas = deltas
        self._chosen = chosen
        self.__qualname__ = name_of(deltas) or "deltas"  # the name in the log

    def __aiter__(self) -> AsyncGenerator[Piece, None]:
        return self._deltas

    @property
    def model(self) -> Any:
        """The model that was chosen; ``None`` where none was."""
        return self._chosen()

    def aclose(self) -> Awaitable[None]:
        """End the deltas, if they go on."""
        return self._deltas.aclose()
