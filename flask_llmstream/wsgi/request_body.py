"""The body of a request, read before its answer begins.

Floor 3: Werkzeug's requests. A proxy may stop sending a request whose answer has begun (nginx does
with a large one), and a server resets a connection that it closes with something unread. So what
the view has left is read first, on the reader's side, and is there for the generator as ever.
"""

from __future__ import annotations

import io
import weakref
from tempfile import SpooledTemporaryFile, gettempdir
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
        """Read what may be read in advance; when called again, look once more.

        :returns: whether nothing is left, so that the answer may begin.
        :raises Exception: what the server, or Werkzeug, raises of a body that can't be read.
        """


def has_body(environ: Dict[str, Any]) -> bool:
    """Whether a request brings a body."""
    return environ.get("CONTENT_LENGTH") not in (None, "", "0") or bool(
        environ.get("HTTP_TRANSFER_ENCODING")
    )


def read_in_view(request: Any, most: int) -> Optional[bytes]:
    """A request's body; nothing of it is read ahead any more. ``None``: it is longer.

    Then it is read and thrown away, for the answer to arrive, unless it says that it is longer
    than READ_AHEAD.
    """
    said, file = request.content_length or 0, io.BytesIO()
    if said <= most:
        _copy(request, request.stream, file, most + 1)
    if max(said, file.tell()) > most:
        if said <= READ_AHEAD:
            _copy(request, request.stream, _Nowhere(), READ_AHEAD)
        return None
    # Somebody may have read it before; then Werkzeug has kept it, and the stream is at its end.
    body: bytes = file.getvalue() or request.get_data()
    request.stream = _nothing()
    return body


class RequestBody:
    """What a view has left unread of its request, kept while somebody holds this.

    Made in the view: elsewhere Flask knows no ``MAX_CONTENT_LENGTH``.

    :param request: Werkzeug's. Whoever has taken its ``stream`` in the view reads that by itself.
    :raises HTTPException: it is longer than that.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        # It is taken also where a form was looked for, which may be in what is none.
        self._rest = vars(request).get("stream")
        self._stream = request.stream

    def read_ahead(self) -> bool:
        """Read the body, up to READ_AHEAD bytes."""
        known = vars(self._request)
        if "_cached_data" in known or known.get("form") or known.get("files"):
            return True
        if self._rest is not None:
            return _is_at_end(self._rest)
        return self._read(self._stream)

    def _read(self, stream: Any) -> bool:
        file = SpooledTemporaryFile(IN_MEMORY)
        # Not with the request: that is in a cycle with its environ, which only gc would free.
        weakref.finalize(self, file.close)
        is_whole = self._copied(stream, file)
        self._rest = _nothing() if is_whole else stream
        file.seek(0)
        self._request.stream = io.BufferedReader(_Chain(file, self._rest))
        return is_whole

    def _copied(self, stream: Any, file: Any) -> bool:
        if self._brings_nothing(stream, file):
            return True
        is_whole = _copy(self._request, stream, file, _most() - 1)
        length = self._request.content_length
        if is_whole and length is not None and file.tell() < length:
            raise ClientDisconnected()
        return is_whole

    def _brings_nothing(self, stream: Any, file: Any) -> bool:
        """Has the view read it by way of ``environ``? Or nobody is there, as will show."""
        try:
            _copy(self._request, stream, file, 1)
        except ClientDisconnected:
            pass
        return not file.tell()


class ServerInput:
    """A server's input, in its place in ``environ``, that knows whether it has been read.

    :param length: how many bytes there are; ``None``: a read that brings nothing tells.
    :ivar is_exhausted: whether nothing is left.
    :ivar rfile: the file of the client's socket, where gevent.pywsgi's own input has it.
    """

    def __init__(self, server_input: Any, length: Optional[int]) -> None:
        self._input = server_input
        self.rfile = getattr(server_input, "rfile", server_input)
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


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Nobody wants it."""


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


def _most() -> int:
    """How much is read ahead here."""
    try:
        gettempdir()
    except OSError:  # nothing can be written anywhere
        return IN_MEMORY
    return READ_AHEAD


def _copy(request: Any, stream: Any, file: Any, most: int) -> bool:
    """Whether the stream of a request ended within so many bytes."""
    while most and not _is_at_end(stream):
        block = stream.read(min(most, _BLOCK))
        if not block:
            return True
        file.write(block)
        most -= len(block)
    if _is_at_end(stream) and request.content_length is None:
        stream.read(1)  # its end is MAX_CONTENT_LENGTH, and what is longer is refused
    return _is_at_end(stream)


def _nothing() -> LimitedStream:
    return LimitedStream(io.BytesIO(), 0)


def _is_at_end(stream: Any) -> bool:
    """Whether it knows that nothing is left. Some servers' own can't be asked."""
    return bool(getattr(stream, "is_exhausted", False))
