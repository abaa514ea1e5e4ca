"""``Encoder``: makes items bytes, on the path of every token."""

from __future__ import annotations

from typing import Any, Callable, List

from ..deltas import Delta
from ..errors import UnsendableItem
from ..formats import Format
from ..records import MAX_TEXT
from ..sse.text import whole


class Encoder:
    """Makes items bytes, and keeps their text where ``on_finish`` asks for it.

    The channel holds the encoder, and the sink holds the channel. If encoder and sink were one
    object, only gc could free the two.

    :param name: the name of the source in an error.
    :param keeps_text: whether the text is kept.
    """

    __slots__ = ("_name", "_format", "_keeps_text", "_text", "_text_room")

    def __init__(self, name: str, format: Format, keeps_text: bool) -> None:
        self._name = name
        self._format = format
        self._keeps_text = keeps_text
        self._text: List[str] = []
        self._text_room = MAX_TEXT

    @property
    def text(self) -> str:
        """The words of the deltas so far, joined."""
        return whole("".join(self._text))

    @property
    def encode(self) -> Callable[[Any], bytes]:
        """The function that makes an item bytes."""
        return self._recorded if self._keeps_text else self._format.item

    def encoded(self, item: Any) -> bytes:
        """Make an item bytes.

        :raises UnsendableItem: JSON can't hold it; the message names the source.
        """
        try:
            return self.encode(item)
        except (TypeError, ValueError) as error:
            raise UnsendableItem(self._name, error) from error

    def _recorded(self, item: Any) -> bytes:
        frame = self._format.item(item)
        words = item.words if isinstance(item, Delta) else item
        if isinstance(words, str) and self._text_room > 0:
            self._text.append(words[: self._text_room])
            self._text_room -= len(words)
        return frame
