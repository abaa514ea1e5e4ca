"""Text as bytes in Redis, and back. Text of Python's may hold what UTF-8 has no bytes for, and
other programs may write bytes that are no text."""

from __future__ import annotations


def to_bytes(text: str) -> bytes:
    """The bytes of a text."""
    return text.encode("utf-8", "surrogatepass")


def to_text(value: bytes) -> str:
    """The text of some bytes."""
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace")
