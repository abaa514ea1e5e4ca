"""The body of a request, read before its answer begins.

Floor 3: Werkzeug's requests. A proxy may stop sending a request whose answer has begun (nginx does
with a large one), and a server resets a connection that it closes with something unread. So what
the view has left is read first, on the reader's side, and is there for the generator as ever.
"""

from __future__ import annotations

import io
import weakref
from tempfile import SpooledTemporaryFile
from typing import Any, Dict, Iterator, List, Optional, Protocol, Tuple

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream

READ_AHEAD = 16 * 1024 * 1024
"""Bytes that are read of a body before its answer begins: up to IN_MEMORY there, the rest in a
temporary file."""
IN_MEMORY = 256 * 1024
_BLOCK = 64 * 1024


class Unread(Protocol):
    """The body of a request, perhaps unread."""

    def read_ahead(self) -> bool:
        """Read what may be read in advance.

        :returns: whether nothing is left, so that the answer may begin.
        :raises Exception: what the server, or Werkzeug, raises of a body that can't be read.
        """


def has_body(environ: Dict[str, Any]) -> bool:
    """Whether a request brings a body."""
    return environ.get("CONTENT_LENGTH") not in (None, "", "0") or bool(
        environ.get("HTTP_TRANSFER_ENCODING")
    )


def read_in_view(request: Any, most: int) -> bytes:
    """A request's body, or so many bytes of a longer one. Nothing of it is read ahead any more."""
    # Somebody may have read it before; then Werkzeug has kept it, and the stream is at its end.
    body: bytes = request.stream.read(most) or request.get_data()
    request.stream = LimitedStream(io.BytesIO(), 0)
    return body


class RequestBody:
    """What a view has left unread of its request, kept while somebody holds this.

    :param request: Werkzeug's. Whoever has taken its ``stream`` in the view reads that by itself.
    """

    def __init__(self, request: Any) -> None:
        self._request = request

    def read_ahead(self) -> bool:
        """Read the body, up to READ_AHEAD bytes."""
        known = vars(self._request)
        if "form" in known or "_cached_data" in known:
            return True
        if "stream" in known:
            return _is_at_end(known["stream"])
        return self._read(self._request.stream)

    def _read(self, stream: Any) -> bool:
        file = SpooledTemporaryFile(IN_MEMORY)
        # Not with the request: that is in a cycle with its environ, which only gc would free.
        weakref.finalize(self, file.close)
        is_whole = _copy(stream, file, READ_AHEAD)
        length = self._request.content_length
        if is_whole and length is not None and file.tell() < length:
            raise ClientDisconnected()
        file.seek(0)
        self._request.stream = file if is_whole else io.BufferedReader(_Chain(file, stream))
        return is_whole


class ServerInput:
    """A server's input, in its place in ``environ``, that knows whether it has been read.

    :param length: how many bytes there are; ``None``: a read that brings nothing tells.
    :ivar is_exhausted: whether nothing is left.
    """

    def __init__(self, server_input: Any, length: Optional[int]) -> None:
        self._input = server_input
        self._left = length
        self.is_exhausted = length == 0

    def read_ahead(self) -> bool:
        """Nothing is: only the app knows where it may be read."""
        return self.is_exhausted

    def read(self, *size: int) -> bytes:
        """As the server's."""
        return self._seen(self._input.read(*size), size)

    def readline(self, *size: int) -> bytes:
        """As the server's."""
        return self._seen(self._input.readline(*size), size)

    def readlines(self, *hint: int) -> List[bytes]:
        """As the server's, but that the hint is not taken."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _seen(self, data: bytes, size: Tuple[int, ...]) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        if self._left == 0 or (not data and size != (0,)):
            self.is_exhausted = True
        return data


class _Chain(io.RawIOBase):
    """What was read ahead, and behind it what was not."""

    def __init__(self, first: Any, rest: Any) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._first.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _copy(stream: Any, file: Any, most: int) -> bool:
    """Whether the stream ended within so many bytes."""
    while most and not _is_at_end(stream):
        block = stream.read(min(most, _BLOCK))
        if not block:
            return True
        file.write(block)
        most -= len(block)
    return _is_at_end(stream)


def _is_at_end(stream: Any) -> bool:
    """Whether it knows that nothing is left. Some servers' own can't be asked."""
    return bool(getattr(stream, "is_exhausted", False))
