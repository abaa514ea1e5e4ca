"""``EventStreamDecoder``: decodes the bytes of an event stream into events.

Source of each rule: WHATWG HTML, section 9.2.6 "Interpreting an event stream". Standard library
only, no I/O.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterable, List, NamedTuple, Optional, Tuple

from ..errors import EventTooLarge

_BOM = b"\xef\xbb\xbf"
_MAX_RETRY = 2**53 - 1
"""The largest whole number of JavaScript (285,000 years). A longer time becomes this one."""


class MessageEvent(NamedTuple):
    """One event as a reader gets it.

    :ivar event: the type; ``message`` if the stream named none.
    :ivar data: the text: the ``data`` lines, joined by LF.
    :ivar id: the last event ID at this event, perhaps of an earlier one; ``""`` for none.
    """

    event: str
    data: str
    id: str


_event: Callable[[Tuple[str, str, str]], MessageEvent] = partial(tuple.__new__, MessageEvent)
"""Makes an event of its fields, in half the time of the class."""


class EventStreamDecoder:
    """Decodes an event stream that arrives in any pieces.

    Lines end with CR, LF or CRLF, and with nothing else. The decoder splits bytes, not text; it
    can, because UTF-8 has no CR or LF inside a character. Bytes that are not UTF-8 become U+FFFD.
    At the end of the stream nothing is called: an event without its blank line is dropped.

    :param max_event_bytes: the most bytes of one line, and of all ``data`` lines of one event
        together. Default: 1 MiB, some thousand times the size of a token. Beyond it :meth:`feed`
        raises. The pieces in which the stream arrives do not matter, and comments between events
        do not add up.
    :raises ValueError: ``max_event_bytes`` is below 1.
    :ivar last_event_id: the ID that a reader sends as ``Last-Event-ID`` when it reconnects. A
        block without data sets it, too.
    :ivar retry: the reconnection time of the stream in milliseconds; ``None`` without one.
    """

    def __init__(self, max_event_bytes: int = 1_048_576) -> None:
        if max_event_bytes < 1:
            raise ValueError(f"max_event_bytes: has to be at least 1, not {max_event_bytes!r}")
        self.max_event_bytes = max_event_bytes
        self.last_event_id: str = ""
        self.retry: Optional[int] = None
        self._start: Optional[bytes] = b""
        self._line = bytearray()
        self._after_cr = False
        self._overgrown = False
        self._data: List[bytes] = []
        self._data_bytes = 0
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> List[MessageEvent]:
        """Decode the next bytes of the stream.

        :returns: the events that these bytes complete.
        :raises EventTooLarge: a line or an event is larger than ``max_event_bytes``. If the same
            bytes complete events before it, these are returned, and the next call raises. Each
            later call raises, too.
        """
        events: List[MessageEvent] = []
        if not self._overgrown:
            self._read(chunk, events)
        if self._overgrown and not events:
            raise EventTooLarge(self.max_event_bytes)
        return events

    def _read(self, chunk: bytes, events: List[MessageEvent]) -> None:
        if self._start is not None:
            chunk = self._without_bom(chunk)
        *blocks, rest = self._with_lf_only(chunk).split(b"\n\n")
        if blocks:
            blocks[0] = self._whole(blocks[0])
        for block in blocks:
            if self._is_one_line_of_data(block):
                self.last_event_id = self._id
                events.append(_event(("message", _text(block[6:]), self._id)))
            else:
                self._read_lines([*block.split(b"\n"), b""], events)
        *lines, rest = rest.split(b"\n")
        if lines:
            lines[0] = self._whole(lines[0])
            self._read_lines(lines, events)
        self._line += rest
        self._overgrown |= self._data_bytes + len(self._line) > self.max_event_bytes

    def _whole(self, end: bytes) -> bytes:
        """A line whose beginning came before, with this end."""
        line = bytes(self._line) + end
        self._line.clear()
        return line

    def _is_one_line_of_data(self, block: bytes) -> bool:
        """Whether a block is a whole event of the most common kind."""
        if not block.startswith(b"data: ") or b"\n" in block or self._data or self._event:
            return False
        return len(block) <= self.max_event_bytes and not self._overgrown

    def _read_lines(self, lines: Iterable[bytes], events: List[MessageEvent]) -> None:
        for line in lines:
            self._overgrown |= self._data_bytes + len(line) > self.max_event_bytes
            if self._overgrown:
                return
            if line:
                self._field(line, events)
            else:
                self._dispatch(events)

    def _without_bom(self, chunk: bytes) -> bytes:
        start = (self._start or b"") + chunk
        if _BOM.startswith(start):  # the first part of a BOM, or a whole one and no more
            self._start = start
            return b""
        self._start = None
        return start[len(_BOM) :] if start.startswith(_BOM) else start

    def _with_lf_only(self, chunk: bytes) -> bytes:
        # A CR ends its line at once. An LF at the start of the next chunk belongs to that CR.
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" not in chunk:
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def ignored(self, line: bytes, events: List[MessageEvent]) -> None:
        """A line that the standard ignores: a comment, a field that it does not know, or the
        ``event`` of a block without data, at the end of that block.

        A subclass may read it, for a server that does not keep to the standard. Default: nothing.

        :param events: the events that are complete. The line may add one.
        """

    def _field(self, line: bytes, events: List[MessageEvent]) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(line)
        elif name == b"event":
            self._event = _text(value)
        elif name == b"id" and b"\0" not in value:
            self._id = _text(value)
        elif name == b"retry" and value.isdigit():
            self.retry = _milliseconds(value)
        else:
            self.ignored(line, events)

    def _dispatch(self, events: List[MessageEvent]) -> None:
        self.last_event_id = self._id
        if self._data:
            data = _text(b"\n".join(self._data))
            events.append(MessageEvent(self._event or "message", data, self._id))
            self._data.clear()
            self._data_bytes = 0
        elif self._event:
            self.ignored(b"event:" + self._event.encode(), events)
        self._event = ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _milliseconds(digits: bytes) -> int:
    # 17 significant digits are above the maximum already, and int() refuses very long numbers.
    return min(int(digits.lstrip(b"0")[:17] or b"0"), _MAX_RETRY)
