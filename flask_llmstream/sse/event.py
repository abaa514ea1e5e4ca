"""``ServerSentEvent``: one event of an event stream, its checks and its bytes.

Ground floor: no sockets, no gevent, no Flask. Source of every rule here: WHATWG HTML, section
9.2 "Server-sent events".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional

from .json import Encode, json_bytes

_LINE_BREAK = re.compile("\r\n|\r|\n")
"""The three ends of a line (section 9.2.5). ``str.splitlines`` knows eight more."""


@dataclass(frozen=True)
class ServerSentEvent:
    """One event (or only a comment, an ID, a reconnection time) with full control of its fields.

    :param data: text, sent as it is; anything else is sent as JSON. ``None`` (the default): no
        data, and a reader is then told nothing of the event.
    :param event: the event's type. Default: none, which a reader calls ``message``.
    :param id: becomes the reader's last event ID; ``""`` resets it. Default: not sent. Firefox and
        WebKit forget one that comes without ``data``.
    :param retry: the reader's reconnection time, in milliseconds. Default: not sent.
    :param comment: a line that readers ignore. Default: none.
    :raises ValueError: ``event`` or ``id`` with a line break, ``id`` with a NUL (a reader would
        ignore it), ``retry`` that is not a natural number, a field that is not text.
    """

    data: Any = None
    event: Optional[str] = None
    id: Optional[str] = None
    retry: Optional[int] = None
    comment: Optional[str] = None

    def __post_init__(self) -> None:
        for name in ("event", "id", "comment"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name}: has to be text, not {type(value).__name__}")
        for name in ("event", "id"):
            if _LINE_BREAK.search(getattr(self, name) or ""):
                raise ValueError(f"{name}: can't hold a line break")
        if "\0" in (self.id or ""):
            raise ValueError("id: can't hold a NUL, a reader would ignore it")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"retry: has to be whole milliseconds from 0, not {self.retry!r}")

    def encode(self, as_json: Encode = json_bytes) -> bytes:
        """The event's block, its closing blank line included, in UTF-8.

        ``data: `` always has its space: a reader removes one, so a token that starts with a
        space would lose it. Text that UTF-8 can't carry (lone surrogates) has each such
        character replaced by U+FFFD.

        :param as_json: makes what is no text JSON.
        :raises TypeError: ``data`` that JSON can't hold; the message names its type.
        :raises ValueError: ``data`` with NaN in it; the message names where.
        """
        # Joined with "+": formatting would ask a text of one's own class (an Enum) for its str().
        lines = [": " + line for line in self._lines(self.comment)]
        if self.event is not None:
            lines.append("event: " + self.event)
        lines += ["data: " + line for line in self._lines(self._text(as_json))]
        if self.id is not None:
            lines.append("id: " + self.id)
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        return utf8("\n".join(lines) + "\n\n")

    def _text(self, as_json: Encode) -> Optional[str]:
        if self.data is None or isinstance(self.data, str):
            return self.data
        return as_json(self.data).decode()

    @staticmethod
    def _lines(text: Optional[str]) -> "list[str]":
        return [] if text is None else _LINE_BREAK.split(text)


def data_lines(text: str) -> bytes:
    """The bare ``data`` lines of a text, without the block's closing blank line."""
    if "\n" not in text and "\r" not in text:
        return utf8("data: " + text + "\n")
    return utf8("".join("data: " + line + "\n" for line in _LINE_BREAK.split(text)))


def utf8(text: str) -> bytes:
    """UTF-8, with U+FFFD in place of each lone surrogate, as a reader would decode it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
