"""``ServerSentEvent``: one event of an event stream, checked and encoded.

Source of each rule: WHATWG HTML, section 9.2 "Server-sent events". Standard library only, no I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional

from .json import Encode, json_bytes
from .text import utf8

_LINE_BREAK = re.compile("\r\n|\r|\n")
"""The three line ends of event streams (section 9.2.5). ``str.splitlines`` has eight more."""


@dataclass(frozen=True)
class ServerSentEvent:
    """One event, with full control of its fields. It may have only a comment, an ID or a
    reconnection time.

    :param data: a text is sent as it is, anything else as JSON. ``None`` (the default): no data;
        a reader then gets no event.
    :param event: the event's type. Default: none; a reader then takes ``message``.
    :param id: the reader's new last event ID; ``""`` resets it. Default: not sent. Firefox and
        WebKit forget an ID that comes without ``data``.
    :param retry: the reader's reconnection time, in milliseconds. Default: not sent.
    :param comment: text that readers ignore. Default: none.
    :raises ValueError: ``event`` or ``id`` has a line break, ``id`` has a NUL (a reader would
        ignore it), ``retry`` is not a whole number from 0, or a field is not text.
    """

    data: Any = None
    event: Optional[str] = None
    id: Optional[str] = None
    retry: Optional[int] = None
    comment: Optional[str] = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id), ("comment", self.comment)):
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name}: has to be text, not {type(value).__name__}")
        for name, value in (("event", self.event), ("id", self.id)):
            if value and _LINE_BREAK.search(value):
                raise ValueError(f"{name}: can't hold a line break")
        if "\0" in (self.id or ""):
            raise ValueError("id: can't hold a NUL, a reader would ignore it")
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"retry: has to be whole milliseconds from 0, not {self.retry!r}")

    def encode(self, as_json: Encode = json_bytes) -> bytes:
        """The event in UTF-8, with its closing blank line. An event of only a comment or a
        reconnection time has none: its lines act at once, and widespread readers take each blank
        line for an event (Azure/fetch-event-source#15, florimondmanca/httpx-sse#35).

        ``data:`` is always written with a space. A reader removes one space, so without it a
        token that starts with a space would lose that. Half a surrogate pair, which UTF-8 can't
        hold, becomes U+FFFD.

        :param as_json: encodes ``data`` that is no text. Default: compact JSON.
        :raises TypeError: JSON can't hold ``data``; the message names its type.
        :raises ValueError: ``data`` has a NaN in it; the message names its place.
        """
        # Joined with "+": formatting would call str() of a subclass of str (an Enum).
        text = "" if self.comment is None else _lines(": ", self.comment)
        if self.event is not None:
            text += "event: " + self.event + "\n"
        if self.data is not None:
            text += _lines("data: ", self._text(as_json))
        if self.id is not None:
            text += "id: " + self.id + "\n"
        if self.retry is not None:
            text += f"retry: {self.retry}\n"
        acts_at_once = self.event is None and self.data is None and self.id is None
        return utf8(text if acts_at_once else text + "\n")

    def _text(self, as_json: Encode) -> str:
        return self.data if isinstance(self.data, str) else as_json(self.data).decode()


def with_id(lines: bytes, event_id: Optional[str]) -> bytes:
    """An event of which all lines but the ID are encoded already.

    :param lines: without the event's closing blank line.
    :param event_id: one of our own, which needs no check; ``None``: send none.
    """
    return lines + (b"\n" if event_id is None else f"id: {event_id}\n\n".encode())


def data_lines(text: str) -> str:
    """The ``data`` lines of a text, without the event's closing blank line."""
    return _lines("data: ", text)


def _lines(field: str, text: str) -> str:
    """A field with a text, once for each line of it."""
    # Joined with "+", as in ServerSentEvent.encode().
    if "\n" not in text and "\r" not in text:
        return field + text + "\n"
    return "".join(field + line + "\n" for line in _LINE_BREAK.split(text))
