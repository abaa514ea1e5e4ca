"""``SDKItems``: the chunks of an SDK that a source gives one by one, as deltas."""

from __future__ import annotations

from typing import Any, List, Optional

from ..base import Piece
from .errors import errors_of
from .events import SDKAnswer


class SDKItems:
    """Reads the chunks of one source. They belong to one answer, or to one after another."""

    def __init__(self) -> None:
        self._answer = SDKAnswer()
        self._id: Any = None

    def pieces(self, item: Any) -> Optional[List[Piece]]:
        """The pieces in a chunk; ``None`` where it can't be read.

        :raises ProviderError: the chunk tells an error.
        """
        self._begin_anew_at(item)
        try:
            pieces = [*self._answer.read(item), *self._answer.counted()]
        except ValueError:
            return None
        if self._answer.failure is not None:
            errors_of(None).refuse_in_band(self._answer.failure)
        return pieces

    def _begin_anew_at(self, item: Any) -> None:
        """Read the next answer if the chunk belongs to it: it has another ID."""
        id = _answer_id(item)
        if id and id != self._id:
            self._answer.end_turn()
            self._id = id


def _answer_id(item: Any) -> Any:
    """The ID of the answer that a chunk belongs to; ``None`` where it says none. A chunk of counts
    alone says none: it belongs to the answer before it."""
    said = getattr(item, "chunk", None) or getattr(item, "message", item)
    return getattr(said, "id", None) if getattr(said, "choices", True) else None
