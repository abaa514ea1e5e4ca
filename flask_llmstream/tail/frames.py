"""``FrameLines``: the lines of an event stream as they came, each with its time. Pure.

Lines are split as the standard says (WHATWG HTML, section 9.2.6): at CR, LF and CRLF alone.
Nothing is decoded: comments, heartbeats and fields that nobody knows are shown, too.
"""

from __future__ import annotations

import re
from typing import Iterator, Optional

from .printing import safe

_LINE_END = re.compile(rb"\r\n|\r|\n")


class FrameLines:
    """Makes lines to be shown of bytes that come in any pieces.

    The first line of each frame begins with two times in seconds: since the request, and since the
    time above it. So does a line that came later than the line above it. A CR at the end of a line
    is shown as ``\\r``.

    :param asked_at: when the request was made.
    """

    def __init__(self, asked_at: float) -> None:
        self._asked_at = asked_at
        self._told_at = asked_at
        self._line_at: Optional[float] = None
        self._rest = bytearray()
        self._after_cr = False

    def feed(self, data: bytes, at: float) -> Iterator[str]:
        """The lines that these bytes complete. Each byte is looked at once, in however many pieces
        its line comes."""
        if not data:
            return
        begin = int(self._after_cr and data.startswith(b"\n"))  # the end of a CRLF
        self._after_cr = data.endswith(b"\r")
        for found in _LINE_END.finditer(data, begin):
            line = self._taken() + data[begin : found.end()]
            begin = found.end()
            yield self._shown(line, at)
        self._rest += data[begin:]

    def rest(self, at: float) -> Iterator[str]:
        """The line that was cut off by the end of the connection, if there is one. What comes
        next is of another connection."""
        if self._rest:
            yield self._shown(self._taken(), at) + "  (the connection ended here)"
        self._after_cr, self._line_at = False, None

    def _taken(self) -> bytes:
        """The line's earlier pieces."""
        taken, self._rest = bytes(self._rest), bytearray()
        return taken

    def _shown(self, line: bytes, at: float) -> str:
        text = safe(line.rstrip(b"\n").decode("utf-8", "backslashreplace"))
        is_later, self._line_at = self._line_at != at, at
        if not line.strip(b"\r\n"):  # the frame's end
            is_later, self._line_at = False, None
        return (self._times(at) if is_later else _MARGIN) + text if text else ""

    def _times(self, at: float) -> str:
        since, self._told_at = at - self._told_at, at
        return f"{at - self._asked_at:9.3f} {since:+9.3f}  "


_MARGIN = " " * 21
