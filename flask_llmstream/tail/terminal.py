"""The progress line on a terminal, redrawn in place.

Where the answer may be on the same terminal, the line stands in the last row. The rows above it
become the scrolling region (DECSTBM of the VT100), so the terminal itself wraps and scrolls the
text, whatever the width of its characters; apt shows its progress in the same way. The shell gets
the whole screen back at the end.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Optional, TextIO

from .printing import column_after, cut, safe

_SAVE, _RESTORE = "\x1b7", "\x1b8"
_CLEAR_LINE = "\x1b[K"
_CLEAR_BELOW = "\x1b[B\r\x1b[J"
_WHOLE = "\x1b[r"
"""The scrolling region is the whole screen. The cursor goes to its first row."""
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
    """A line of its own, where stdout is a file."""

    is_live = True

    def __init__(self, stream: TextIO) -> None:
        self._stream: Optional[TextIO] = stream
        no_color = os.environ.get("NO_COLOR")
        self._style = ("", "") if no_color else (_DIM, _PLAIN)

    def draw(self, text: str) -> None:
        columns = self._size().columns
        self._write("\r" + self._styled(text, columns) + _CLEAR_LINE)

    def erase(self) -> None:
        self._write("\r" + _CLEAR_LINE)

    def _styled(self, text: str, columns: int) -> str:
        """One column stays free: a terminal wraps behind its last one."""
        begin, end = self._style
        return begin + cut(safe(text.replace("\n", " ")), columns - 1) + end

    def _size(self) -> "os.terminal_size":
        return size_of(self._stream)

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

    Each terminal moves and wraps its rows in its own way when the window gets another size. All
    that stands below the cursor then is an earlier line.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._drawn_on: Optional[os.terminal_size] = None
        self._column = 0

    def follow(self, text: str) -> None:
        columns = self._size().columns
        for character in text:
            self._column = column_after(self._column, character, columns)

    def draw(self, text: str) -> None:
        size = self._size()
        columns, rows = size
        if self._column == columns:
            return
        if rows < _LEAST_ROWS:
            return self.erase()
        if size != self._drawn_on:  # at first, and when the window has another size
            self._make_room(size)
        line = f"\x1b[{rows};1H{self._styled(text, columns)}{_CLEAR_LINE}"
        self._write(_SAVE + line + _RESTORE)

    def _make_room(self, size: "os.terminal_size") -> None:
        whole = "" if self._drawn_on is None else f"{_SAVE}{_WHOLE}{_RESTORE}"
        clear = "" if self._drawn_on is None else _CLEAR_BELOW
        region = f"\x1b[1;{size.lines - 1}r"
        self._drawn_on = size  # before it is so: a signal may end the write, and erase() follows
        self._write(f"{whole}{_ROOM_BELOW}{_SAVE}{clear}{region}{_RESTORE}")

    def erase(self) -> None:
        if self._drawn_on is None:
            return
        row = f"\x1b[{self._drawn_on.lines};1H{_CLEAR_LINE}"
        is_there = self._size() == self._drawn_on  # elsewhere the text may stand there now
        self._write(_SAVE + _WHOLE + (row if is_there else "") + _RESTORE)
        self._drawn_on = None


def size_of(stream: Optional[TextIO]) -> "os.terminal_size":
    """The size of the terminal behind a stream; 80 by 24 where there is none, or it has none."""
    try:
        size = os.get_terminal_size(stream.fileno() if stream else 2)
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    return os.terminal_size((size.columns or 80, size.lines or 24))


def line_for(stdout_may_be_on_screen: bool) -> NoLine:
    """The line for this process's stderr."""
    stream = sys.stderr
    if stream is None or not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return NoLine()
    stream = _unbuffered(stream)
    return LastRow(stream) if stdout_may_be_on_screen else Line(stream)


def _unbuffered(stream: TextIO) -> TextIO:
    """The stream without its buffer, which refuses a write in the middle of another one: so the
    handler of a signal may write, too."""
    raw = open(stream.fileno(), "wb", buffering=0, closefd=False)
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, write_through=True)
