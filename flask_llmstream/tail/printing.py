"""Text that is safe on a terminal, and where the answer is printed.

A server must not control the terminal of the one who looks at it: an escape sequence can move the
cursor over what was printed, set the title, or make the terminal type an answer.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import unicodedata
from typing import BinaryIO, Match, Optional, TextIO

_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters but for tabs and line breaks, what changes the direction of text, and halves
of characters. Spaces and joiners of all languages are no harm."""


_WITHOUT_WIDTH = ("Mn", "Me", "Cf")  # marks on the character before; joiners
_SOFT_HYPHEN = "\xad"


def safe(text: str) -> str:
    """A text with each character that a terminal may obey as Python writes it: an escape as
    ``\\x1b``. Tabs and line breaks stay."""
    return _CONTROLS.sub(_escaped, text)


def _escaped(found: Match[str]) -> str:
    return repr(found.group())[1:-1]


def cut(text: str, columns: int) -> str:
    """As much of a line as fits into so many columns of a terminal. Wide characters take two."""
    for index, character in enumerate(text):
        columns -= _width(character)
        if columns < 0:
            return text[:index]
    return text


def column_after(column: int, character: str, columns: int) -> int:
    """Where a character leaves the cursor of a terminal: so many columns are filled."""
    if character == "\n":
        return 0
    if character == "\t":
        return max(column, min(columns - 1, column // 8 * 8 + 8))
    width = _width(character)
    return column + width if column + width <= columns else width


def _width(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH and character != _SOFT_HYPHEN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Output:
    """Standard output. Each write goes out at once.

    To a terminal: text in its encoding, made safe. Elsewhere (a pipe, a file): the bytes of the
    text in UTF-8, as they are.

    :ivar is_terminal: whether a person looks at it.
    :ivar may_be_on_screen: whether it is a terminal, or a pipe: ``| tee`` shows all on the screen.
    :raises BrokenPipeError: from each write, when nobody reads any more.
    :raises OSError: from each write, when there is no room for it.
    """

    def __init__(self) -> None:
        stream = sys.stdout  # None where the process was started without one
        self.is_terminal = stream is not None and stream.isatty()
        self._encoding = (stream.encoding if self.is_terminal else None) or "utf-8"
        self._file: Optional[BinaryIO] = None if stream is None else stream.buffer
        self.may_be_on_screen = self.is_terminal or _is_pipe(self._file)
        self._at_line_start = True
        self._half = ""

    def text(self, text: str) -> None:
        """A piece of the answer."""
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        self._write(_whole(text[:-1] if self._half else text))

    def line(self, text: str) -> None:
        """A line that was made safe already."""
        self._write(text + "\n")

    def end(self) -> None:
        """The answer is over. On a terminal the next words begin a new line."""
        if self._half:
            self._write(_whole(self._half))
        if self.is_terminal and not self._at_line_start:
            self._write("\n")

    @property
    def is_amid_line_of_stderr(self) -> bool:
        """Whether words on stderr would stand behind the text, as with ``> log 2>&1``."""
        return not self._at_line_start and _is_one_file(self._file, sys.stderr)

    def _write(self, text: str) -> None:
        if not text or self._file is None:
            return
        self._at_line_start = text.endswith("\n")
        text = safe(text) if self.is_terminal else text
        try:
            self._file.write(text.encode(self._encoding, "backslashreplace"))
            self._file.flush()
        except OSError:
            _give_up(self._file)
            raise


def _is_pipe(file: Optional[BinaryIO]) -> bool:
    try:
        return file is not None and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    except OSError:  # it is no file of the system
        return False


def _is_one_file(file: Optional[BinaryIO], stream: Optional[TextIO]) -> bool:
    try:
        if file is None or stream is None:
            return False
        return os.path.sameopenfile(file.fileno(), stream.fileno())
    except OSError:  # one is no file of the system
        return False


def _whole(text: str) -> str:
    """Two halves of a character are one; a half alone becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _give_up(file: BinaryIO) -> None:
    """What could not be written is still in the buffer. The interpreter would try to write it once
    more at its end, and complain: it gets a place where it can."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, file.fileno())
    os.close(nowhere)
