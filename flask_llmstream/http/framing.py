"""Where a body ends: by its length, by its chunks, or with its connection (RFC 9112, 6.3).

Standard library only, no I/O. Bytes are put in as they arrive, in any pieces.
"""

from __future__ import annotations

import re
from typing import Iterable, List, Mapping, Protocol

MAX_LINE_BYTES = 4096
"""The most bytes of a chunk's size line with its extensions. Nobody is known to send extensions;
Node takes 16 KiB of them, Go 4 KiB of a line."""

MAX_TRAILER_BYTES = 8192
"""The most bytes of all trailers. They are read and not used."""

_SIZE = rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n\0]*)?\r\n"
_FIRST_SIZE = re.compile(_SIZE)
_NEXT_SIZE = re.compile(rb"\r\n" + _SIZE)
_TRAILERS = re.compile(rb"(?:[!#$%&'*+.^`|~\w-]+:[^\r\n\0]*\r\n)*\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_WHITESPACE = " \t\r\n"
"""HTTP's own, with that of a folded line. ``str.strip`` takes more, which other readers see."""


class Body(Protocol):
    """A body that is read.

    :ivar is_whole: whether its exact end was read.
    :ivar is_over: whether no further bytes are wanted: it is whole, or is broken.
    :ivar behind: the bytes that came behind its end.
    """

    is_whole: bool
    is_over: bool
    behind: bytes

    def take(self, data: bytes) -> bytes:
        """Take the next bytes of the connection, and return those of the body in them."""


class SizedBody:
    """A body with a length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.is_whole = self.is_over = length == 0
        self.behind = b""

    def take(self, data: bytes) -> bytes:
        taken = data[: self._left]
        self._left -= len(taken)
        if not self._left:
            self.is_whole = self.is_over = True
            self.behind = data[len(taken) :]
        return taken


class OpenBody:
    """A body that ends with its connection. So it is never known to be whole."""

    def __init__(self) -> None:
        self.is_whole = self.is_over = False
        self.behind = b""

    def take(self, data: bytes) -> bytes:
        return data


class ChunkedBody:
    """A body in chunks (RFC 9112, 7.1), without their sizes, extensions and trailers.

    It is broken by what the standard does not allow. http.client takes sizes such as ``+5``,
    ``0x5`` and ``5_0``, and lines that end in LF alone; another server on the way may not, and then
    they see different ends.
    """

    def __init__(self) -> None:
        self._held = b""
        self._left = 0  # of the chunk
        self._size_line = _FIRST_SIZE
        self._is_trailing = False
        self.is_whole = self.is_over = False
        self.behind = b""

    def take(self, data: bytes) -> bytes:
        if self._held:
            data, self._held = self._held + data, b""
        parts: List[bytes] = []
        at, end = 0, len(data)
        while at < end and not self._is_trailing:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                continue
            line = self._size_line.match(data, at)
            if line is None:
                self._hold(data[at:], b"\n" in data[at + 2 :], MAX_LINE_BYTES)
                break
            at, self._left, self._size_line = line.end(), int(line[1], 16), _NEXT_SIZE
            self._is_trailing = not self._left
        if self._is_trailing:
            self._end(data[at:])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _end(self, rest: bytes) -> None:
        trailers = _TRAILERS.match(rest)
        if trailers is not None and trailers.end() <= MAX_TRAILER_BYTES:
            self.is_whole = self.is_over = True
            self.behind = rest[trailers.end() :]
        else:
            self._hold(rest, b"\n\r\n" in rest or rest[:2] == b"\r\n", MAX_TRAILER_BYTES)

    def _hold(self, rest: bytes, is_complete: bool, most: int) -> None:
        """Keep a line that has not arrived whole."""
        self._held = rest
        self.is_over = is_complete or len(rest) > most


def body_of(method: str, status: int, headers: Mapping[str, str]) -> Body:
    """The body that an answer will have.

    :param headers: values of one name joined by commas.
    """
    if method == "HEAD" or status in (204, 304) or status < 200:
        return SizedBody(0)
    codings = _words(headers.get("Transfer-Encoding", ""))
    if codings not in ([], ["identity"]):  # RFC 2616 had identity: the length counts
        return ChunkedBody() if codings[-1] == "chunked" else OpenBody()
    first = headers.get("Content-Length", "").split(",")[0].strip(_WHITESPACE)
    return SizedBody(int(first)) if _LENGTH.fullmatch(first) else OpenBody()


def keeps_connection(method: str, status: int, version: int, headers: Mapping[str, str]) -> bool:
    """Whether another answer may follow a whole one on its connection.

    An answer whose end two readers may see at different places is the last one. So is one without
    a body that announces a body: it might come all the same.

    :param version: the second digit of the HTTP version. HTTP/1.0 has no chunks, and says in ways
        of its own that a connection is kept: it is not.
    """
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if version < 1 or status < 200 or "close" in _words(headers.get("Connection", "")):
        return False
    if method == "HEAD" or status in (204, 304):
        return coding is None and length in (None, "0")
    if coding is not None:
        return length is None and _words(coding) == ["chunked"]
    return length is not None and _LENGTH.fullmatch(length) is not None


def _words(value: str) -> List[str]:
    words: Iterable[str] = (word.strip(_WHITESPACE).lower() for word in value.split(","))
    return [word for word in words if word]
