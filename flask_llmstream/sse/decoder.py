"""``EventStreamDecoder``: the bytes of an event stream in, its events out.

Ground floor: no sockets, no gevent, no Flask. Source of every rule here: WHATWG HTML, section
9.2.6 "Interpreting an event stream".
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from ..errors import EventTooLarge

_BOM = b"\xef\xbb\xbf"
_MAX_RETRY = 2**53 - 1
"""Where JavaScript's whole numbers end (285,000 years); a longer time is taken as this one."""


class MessageEvent(NamedTuple):
    """One event as its reader gets it.

    :ivar event: its type; ``message`` where the stream named none.
    :ivar data: its text, the ``data`` lines joined by LF.
    :ivar id: the last event ID when it was dispatched, perhaps from an earlier block; ``""`` for
        none.
    """

    event: str
    data: str
    id: str


class EventStreamDecoder:
    """The parser of event streams, for bytes that arrive in any pieces.

    Lines end with CR, LF or CRLF, and with nothing else. They are split as bytes, which loses
    nothing: UTF-8 has no CR or LF inside a character. What is not UTF-8 becomes U+FFFD. At the
    end of the stream there is nothing to call: a block without its blank line is dropped.

    :param max_event_bytes: bound on one line, and on the ``data`` lines of one event together, in
        bytes. Default: 1 MiB, some thousand times what a token needs. Past it :meth:`feed`
        raises, wherever the stream was cut. Comments between events never add up.
    :ivar last_event_id: what a reader that reconnects sends as ``Last-Event-ID``. A block
        without data sets it too.
    :ivar retry: the reconnection time the stream asked for, in milliseconds, or ``None``.
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
        """Take the stream's next bytes; return the events they complete.

        :raises EventTooLarge: past ``max_event_bytes``. Events that the same bytes completed
            before are returned first, and the next call raises; so does every later one.
        """
        events: List[MessageEvent] = []
        if not self._overgrown:
            self._read(chunk, events)
        if self._overgrown and not events:
            raise EventTooLarge(self.max_event_bytes)
        return events

    def _read(self, chunk: bytes, events: List[MessageEvent]) -> None:
        *lines, rest = self._with_lf_only(self._without_bom(chunk)).split(b"\n")
        if lines:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        self._line += rest
        for line in lines:
            if self._data_bytes + len(line) > self.max_event_bytes:
                self._overgrown = True
                return
            if line:
                self._field(line)
            else:
                self._dispatch(events)
        self._overgrown = self._data_bytes + len(self._line) > self.max_event_bytes

    def _without_bom(self, chunk: bytes) -> bytes:
        if self._start is None:
            return chunk
        start = self._start + chunk
        if _BOM.startswith(start):  # too short to tell, or a BOM and nothing else yet
            self._start = start
            return b""
        self._start = None
        return start[len(_BOM) :] if start.startswith(_BOM) else start

    def _with_lf_only(self, chunk: bytes) -> bytes:
        # A CR ends its line at once, so an LF that follows in the next chunk belongs to it.
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" not in chunk:
            return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _field(self, line: bytes) -> None:
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

    def _dispatch(self, events: List[MessageEvent]) -> None:
        self.last_event_id = self._id
        if self._data:
            data = _text(b"\n".join(self._data))
            events.append(MessageEvent(self._event or "message", data, self._id))
            self._data.clear()
            self._data_bytes = 0
        self._event = ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _milliseconds(digits: bytes) -> int:
    # 17 significant digits are past the maximum already, and int() refuses very long numbers.
    return min(int(digits.lstrip(b"0")[:17] or b"0"), _MAX_RETRY)
