"""``SDKItems``: the chunks of an SDK that a source gives one by one, as deltas."""

from __future__ import annotations

from typing import Any, List, Optional

from ..base import Piece
from .errors import errors_of
from .events import SDKAnswer


class SDKItems:
    """Reads the chunks of one source. They belong to one answer."""

    def __init__(self) -> None:
        self._answer = SDKAnswer()

    def pieces(self, item: Any) -> Optional[List[Piece]]:
        """The pieces in a chunk; ``None`` where it can't be read.

        :raises ProviderError: the chunk tells an error.
        """
        try:
            pieces = [*self._answer.read(item), *self._answer.counted()]
        except ValueError:
            return None
        if self._answer.failure is not None:
            errors_of(None).refuse_in_band(self._answer.failure)
        return pieces
