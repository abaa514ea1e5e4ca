"""The progress line on a terminal, redrawn in place.

Where the answer is printed on the same terminal, the line stands in the last row. The rows above it
become the scrolling region (DECSTBM of the VT100), so the terminal itself wraps and scrolls the
text, whatever the width of its characters; apt shows its progress in the same way. The shell gets
the whole screen back at the end.
"""

from __future__ import annotations

import os
import sys
from typing import Optional, TextIO

from .printing import column_after, cut, safe

_SAVE, _RESTORE = "\x1b7", "\x1b8"
_CLEAR_LINE = "\x1b[K"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_ROOM_BELOW = "\x1bD\x1b[A"
"""Down one row, which scrolls in the last row, and up again: the cursor is not in the last row."""
_LEAST_ROWS = 4


class NoLine:
    """Nothing is redrawn: stderr is no terminal, or is not to be used.

    :ivar is_live: whether a line is redrawn.
    """

    is_live = False

    def draw(self, text: str) -> None:
        """Show this in place of the line before."""

    def erase(self) -> None:
        """Take the line away, as before the last words."""

    def follow(self, text: str) -> None:
        """The answer goes on with this, as it was printed."""


class Line(NoLine):
    """A line of its own, where stdout is elsewhere."""

    is_live = True

    def __init__(self, stream: TextIO) -> None:
        self._stream: Optional[TextIO] = stream
        no_color = os.environ.get("NO_COLOR")
        self._style = ("", "") if no_color else (_DIM, _PLAIN)

    def draw(self, text: str) -> None:
        columns, _ = self._size()
        self._write("\r" + self._styled(text, columns) + _CLEAR_LINE)

    def erase(self) -> None:
        self._write("\r" + _CLEAR_LINE)

    def _styled(self, text: str, columns: int) -> str:
        """One column stays free: a terminal wraps behind its last one."""
        begin, end = self._style
        return begin + cut(safe(text.replace("\n", " ")), columns - 1) + end

    def _size(self) -> "os.terminal_size":
        try:
            size = os.get_terminal_size(self._stream.fileno() if self._stream else 2)
        except OSError:
            size = os.terminal_size((0, 0))
        return os.terminal_size((size.columns or 80, size.lines or 24))

    def _write(self, sequence: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(sequence)
            self._stream.flush()
        except OSError:  # nobody looks any more; the answer goes on
            self._stream = None


class LastRow(Line):
    """The last row of the screen, below the answer. The cursor stays where the answer goes on.

    Behind a row that the answer has filled, the cursor waits for the next character to wrap. Some
    terminals, such as the console of Linux, forget that when the cursor is saved. The line is not
    redrawn there.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._rows = 0
        self._column = 0

    def follow(self, text: str) -> None:
        columns = self._size().columns
        for character in text:
            self._column = column_after(self._column, character, columns)

    def draw(self, text: str) -> None:
        columns, rows = self._size()
        if self._column == columns:
            return
        if rows < _LEAST_ROWS:
            return self.erase()
        if rows != self._rows:  # at first, and when the window has another size
            self.erase()
            self._rows = rows
            self._write(f"{_ROOM_BELOW}{_SAVE}\x1b[1;{rows - 1}r{_RESTORE}")
        line = f"\x1b[{rows};1H{self._styled(text, columns)}{_CLEAR_LINE}"
        self._write(_SAVE + line + _RESTORE)

    def erase(self) -> None:
        if self._rows:
            self._write(f"{_SAVE}\x1b[r\x1b[{self._rows};1H{_CLEAR_LINE}{_RESTORE}")
        self._rows = 0


def line_for(stdout_is_terminal: bool) -> NoLine:
    """The line for this process's stderr."""
    stream = sys.stderr
    if stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return NoLine()
    return LastRow(stream) if stdout_is_terminal else Line(stream)
