"""What formats have in common that write the text of an answer, and more of what it says."""

from __future__ import annotations

from abc import abstractmethod
from typing import Optional, Tuple

from ..deltas import Delta
from .base import Format
from .halves import TEXT, Halves

NO_HEAD = "\ud800"
"""A head that can't be encoded."""


class WritesText(Format):
    """The base of the formats that write text in UTF-8. They join the halves of a character that
    came in two pieces.

    Such a format writes a text right behind its head, and encodes the two together. While half a
    character waits, the head can't be encoded. So the way of a whole text has no check for it: the
    next text fails there, and goes by :meth:`_mended`.

    :param head: the characters before each text. Default: the format's own ``_whole_head``, which
        the first text asks for, as if half a character waited.
    """

    _whole_head: str

    def __init__(self, head: Optional[str] = None) -> None:
        self._head = NO_HEAD if head is None else head
        if head is not None:
            self._whole_head = head
        self._halves = Halves()

    @abstractmethod
    def _written(self, text: str) -> bytes:
        """Write a text.

        :raises UnicodeEncodeError: half a character is in it, or waits.
        """

    def _mended(self, text: str) -> bytes:
        """Write a text with half a character in it, or behind one."""
        text = self._halves.joined(text)
        self._head = self._whole_head
        all_waits = not text and self._halves.wait_for(TEXT)
        frame = b"" if all_waits else self._written(text)
        self._mark()
        return frame

    def text(self, text: str) -> bytes:
        """Write a text, whatever is in it."""
        try:
            return self._written(text)
        except UnicodeEncodeError:
            return self._mended(text)

    def rest(self) -> bytes:
        """The halves that stayed alone, each as U+FFFD."""
        if not self._halves:
            return b""
        rest = self._halves.rest()
        self._mark()
        return self.delta(rest) if any(rest.kinds()) else b""

    def _mark(self) -> None:
        if self._halves.wait_for(TEXT):
            self._head = NO_HEAD
        elif self._head is NO_HEAD:
            self._head = self._whole_head


class ShowsDeltas(WritesText):
    """The base of the formats that show more of a delta than its words."""

    #: The kinds that it does not show.
    unshown: Tuple[str, ...] = ()

    def delta(self, delta: Delta) -> bytes:
        joined = self._halves.joined_delta(delta)
        self._mark()
        kinds = set(joined.kinds())
        self.leave_out(kinds.intersection(self.unshown))
        return self._shown(joined) if kinds.difference(self.unshown) else b""

    @abstractmethod
    def _shown(self, delta: Delta) -> bytes:
        """Write what it shows of a delta, which has no half of a character at an end."""
