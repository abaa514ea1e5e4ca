"""Text in UTF-8, which holds no half of a surrogate pair. Standard library only, no I/O.

A model's server that cuts its answer by UTF-16 units sends a character beyond U+FFFF in two halves.
"""

from __future__ import annotations

from typing import Tuple

LONE = "\ufffd"
"""The character in place of a half that stays alone."""


def utf8(text: str) -> bytes:
    """A text in UTF-8. Two halves of a character are joined. A half alone becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _whole(text).encode()


def whole(text: str) -> str:
    """A text that UTF-8 can hold. Two halves of a character are joined. A half alone becomes
    U+FFFD."""
    return _whole(text) if has_half(text) else text


def without_half(text: str) -> Tuple[str, str]:
    """A text that UTF-8 can hold, and the first half of a character that stood at its end, which
    may wait for the second half; ``""`` for none."""
    if "\ud800" <= text[-1:] <= "\udbff":
        return whole(text[:-1]), text[-1]
    return whole(text), ""


def has_half(text: str) -> bool:
    """Whether UTF-8 can't hold the text as it is."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
