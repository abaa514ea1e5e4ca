"""``Beginning``: keeps the pieces before the first token, which a failure still takes back.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, List, Sequence

from ...deltas import Delta
from ...records import Usage
from ...sse.event import ServerSentEvent

_MOST_KEPT = 64
"""The most pieces that are kept. The answer counts as begun then."""


class Beginning:
    """The beginning of one member's answer.

    The first token is the first piece that says something of the answer: text, reasoning, a
    refusal, a call of a tool, or an item of the application's own.

    :ivar has_begun: whether the first token has come.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self._kept: List[Any] = []

    def take(self, piece: Any) -> Sequence[Any]:
        """Take the next piece, and return the pieces to give on. A report is given on at once, as
        it is no part of the answer."""
        if isinstance(piece, ServerSentEvent):
            return (piece,)
        self._kept.append(piece)
        self.has_begun = _is_token(piece) or len(self._kept) > _MOST_KEPT
        return self.rest() if self.has_begun else ()

    def rest(self) -> Sequence[Any]:
        """The pieces that are kept, where the answer has ended. They are kept no more."""
        kept, self._kept = self._kept, []
        return kept


def _is_token(piece: Any) -> bool:
    if isinstance(piece, str):
        return bool(piece)
    if isinstance(piece, Delta):
        return any(kind != "extra" for kind in piece.kinds())
    return not isinstance(piece, Usage)
