"""Foreign text made fit for a log or a terminal: no line breaks, no control characters.

Standard library only, no I/O.
"""

from __future__ import annotations

from traceback import TracebackException
from typing import List, Optional

from .handling import traceback_of

_MARGIN = "\n    "
"""Begins each further line, so that no line looks like a log record."""


def printable(text: str) -> str:
    """A text with each unprintable character as Python writes it in a string: a line break as
    ``\\n``, an escape as ``\\x1b``, half of a character as ``\\ud83d``. Characters that change the
    text's direction, or have no width, are unprintable, too."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def printable_traceback(error: BaseException) -> Optional[str]:
    """A traceback as Python prints it, made fit; ``None`` where Python's own is fit already.

    :raises BaseException: an error of the exception's own code, which runs when it is shown.
    """
    bare = TracebackException(type(error), error, None, limit=0)
    if all(map(_is_fit, _chain(bare))):
        return None
    whole = TracebackException(type(error), error, traceback_of(error))
    lines = "".join(map(_told, reversed(_chain(whole)))).rstrip("\n").split("\n")
    return "\n".join(map(printable, lines))


def _chain(shown: Optional[TracebackException]) -> List[TracebackException]:
    """An exception and the exceptions that are shown with it, the last raised first."""
    chain: List[TracebackException] = []
    while shown is not None:
        chain.append(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return chain


def _is_fit(shown: TracebackException) -> bool:
    lines = _said(shown).split("\n")
    return all(map(str.isprintable, lines)) and (len(lines) == 1 or _is_group(shown))


def _told(shown: TracebackException) -> str:
    """One exception of a chain, after the sentence that Python puts before it."""
    return f"{_sentence(shown)}{_where(shown)}{_said(shown)}\n"


def _where(shown: TracebackException) -> str:
    if _is_group(shown) or not shown.stack:
        return ""
    return "".join(["Traceback (most recent call last):\n", *shown.stack.format()])


def _sentence(shown: TracebackException) -> str:
    if shown.__cause__ is not None:
        return "\nThe above exception was the direct cause of the following exception:\n\n"
    if shown.__context__ is not None and not shown.__suppress_context__:
        return "\nDuring handling of the above exception, another exception occurred:\n\n"
    return ""


def _said(shown: TracebackException) -> str:
    """The lines for the exception itself. An exception group has its traceback, with a margin."""
    if _is_group(shown):
        return "".join(shown.format(chain=False)).rstrip("\n")
    return "".join(shown.format_exception_only()).rstrip("\n").replace("\n", _MARGIN)


def _is_group(shown: TracebackException) -> bool:
    return bool(getattr(shown, "exceptions", None))
