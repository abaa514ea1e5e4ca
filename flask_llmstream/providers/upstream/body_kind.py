"""``body_kind``: the kind of an answer's body, told by its first bytes.

A ``Content-Type`` is often wrong: an event stream comes as ``text/plain`` or as JSON, with a label
by each of two proxies, or without any; and a proxy's error page comes as anything. It counts only
where the bytes leave a doubt. Standard library only, no I/O.
"""

from __future__ import annotations

import re

EVENT_STREAM, JSON, OTHER = "event stream", "JSON", "other"

_SKIPPED = b" \t\r\n\0\xef\xbb\xbf\xfe\xff"
"""Blanks, byte order marks, and the NULs of UTF-16 before the first character."""

_SUFFICIENT = re.compile(rb"[{\[<]|[^\r\n:]*[\r\n:]|.{64}", re.DOTALL)
_FIELD = re.compile(rb"(?:data|event|id|retry|error)?(?:[:\r\n]|\Z)")
_OTHER_FIELD = re.compile(rb"[\w-]*:")
_FIELDS = (b"data", b"event", b"id", b"retry")


def suffices(start: bytes) -> bool:
    """Whether these first bytes of a body tell its kind."""
    return _SUFFICIENT.match(start.lstrip(_SKIPPED)) is not None


def body_kind(start: bytes, content_type: str) -> str:
    """The kind of a body: :data:`EVENT_STREAM`, :data:`JSON` or :data:`OTHER`.

    :param start: its first bytes: as many as suffice, or all there are.
    :param content_type: the ``Content-Type``; ``""`` without one.
    """
    text = start.lstrip(_SKIPPED)
    if text[:1] in (b"{", b"["):
        return JSON
    is_labelled = "event-stream" in content_type.lower()
    if _FIELD.match(text) and (text or is_labelled):
        return EVENT_STREAM
    is_field = _OTHER_FIELD.match(text) or any(field.startswith(text) for field in _FIELDS)
    return EVENT_STREAM if is_labelled and is_field else OTHER
