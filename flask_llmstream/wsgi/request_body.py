"""The body of a request, read before its answer begins.

A proxy may stop sending a request whose answer has begun (nginx does so with a large one), and a
server resets a connection that it closes with unread bytes. So the part that the view has not read
is read first, where the answer is read, and the generator can still read it as ever.
"""

from __future__ import annotations

import io
import weakref
from tempfile import SpooledTemporaryFile, gettempdir
from typing import Any, Iterator, List, Optional, Protocol, Tuple

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream, get_content_length

from .types import Environ

READ_AHEAD = 16 * 1024 * 1024
"""How many bytes of a body are read before its answer begins. A body of up to IN_MEMORY bytes is
kept in memory, a longer one in a temporary file."""
IN_MEMORY = 256 * 1024
_BLOCK = 64 * 1024


class UnreadBody(Protocol):
    """The body of a request that may not have been read yet."""

    def read_ahead(self) -> bool:
        """Read the part that may be read in advance. A later call looks again.

        :returns: whether all has been read, so that the answer may begin.
        :raises Exception: the body can't be read; raised by the server or Werkzeug.
        """


def has_body(environ: Environ) -> bool:
    """Whether a request has a body."""
    return environ.get("CONTENT_LENGTH") not in (None, "", "0") or bool(
        environ.get("HTTP_TRANSFER_ENCODING")
    )


def read_in_view(request: Any, most: int) -> Optional[bytes]:
    """Read a request's body in its view. Nothing is left to be read ahead.

    :param most: the most bytes that it may have.
    :returns: the body; ``None`` if it is longer. A longer body is read and thrown away, so that
        the client gets the answer, unless its ``Content-Length`` is above READ_AHEAD.
    """
    length, file = request.content_length or 0, io.BytesIO()
    if length <= most:
        _copy(request, request.stream, file, most + 1)
    if max(length, file.tell()) > most:
        if length <= READ_AHEAD:
            _copy(request, request.stream, _Discard(), READ_AHEAD)
        return None
    # If the app has read it before, Werkzeug has kept it, and the stream is at its end.
    body: bytes = file.getvalue() or request.get_data()
    request.stream = _empty_stream()
    return body


class RequestBody:
    """The part of a request's body that its view has not read. It is kept as long as this object.

    Must be made in the view: elsewhere Flask knows no ``MAX_CONTENT_LENGTH``.

    :param request: Werkzeug's. If the view has used its ``stream``, nothing is read ahead: the app
        itself reads the rest.
    :raises HTTPException: the body is longer than ``MAX_CONTENT_LENGTH``.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        # This is set too if the app has looked for a form, perhaps in a body that is no form.
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
        # Not tied to the request: only the garbage collector frees its cycle with its environ.
        weakref.finalize(self, file.close)
        is_whole = self._copied(stream, file)
        self._rest = _empty_stream() if is_whole else stream
        file.seek(0)
        self._request.stream = io.BufferedReader(_Chain(file, self._rest))
        return is_whole

    def _copied(self, stream: Any, file: Any) -> bool:
        if self._is_used_up(stream, file):
            return True
        is_whole = _copy(self._request, stream, file, _limit() - 1)
        length = self._request.content_length
        if is_whole and length is not None and file.tell() < length:
            raise ClientDisconnected()
        return is_whole

    def _is_used_up(self, stream: Any, file: Any) -> bool:
        """Whether the view has read it through ``environ``. A client that has left also brings no
        byte here; that shows later."""
        try:
            _copy(self._request, stream, file, 1)
        except ClientDisconnected:
            pass
        return not file.tell()


class ServerInput:
    """Stands in ``environ`` for a server's input, and knows whether it has been read.

    :param length: how many bytes it has. ``None``: unknown; it is read when a read brings nothing.
    :ivar is_exhausted: whether all has been read.
    :ivar rfile: the file of the client's socket, if the server is gevent.pywsgi.
    """

    def __init__(self, server_input: Any, length: Optional[int]) -> None:
        self._input = server_input
        self.rfile = getattr(server_input, "rfile", server_input)
        self._left = length
        self.is_exhausted = length == 0

    def read_ahead(self) -> bool:
        """Read nothing: only the app knows where it may be read."""
        return self.is_exhausted

    def read(self, *size: int) -> bytes:
        """As the server's."""
        return self._count(self._input.read(*size), size)

    def readline(self, *size: int) -> bytes:
        """As the server's."""
        return self._count(self._input.readline(*size), size)

    def readlines(self, *hint: int) -> List[bytes]:
        """As the server's. The hint is ignored: all lines are returned."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _count(self, data: bytes, size: Tuple[int, ...]) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        if self._left == 0 or (not data and size != (0,)):
            self.is_exhausted = True
        return data


def track_input(environ: Environ) -> ServerInput:
    """Replace ``wsgi.input`` by an input that knows whether the app has read the request."""
    tracked = ServerInput(environ["wsgi.input"], get_content_length(environ))
    environ["wsgi.input"] = tracked
    return tracked


class _Discard:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> None:
        """Do nothing."""


class _Chain(io.RawIOBase):
    """A stream: first the part that was read ahead, then the rest."""

    def __init__(self, first: Any, rest: Any) -> None:
        self._first = first
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._first.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _limit() -> int:
    """How many bytes are read ahead on this machine."""
    try:
        gettempdir()
    except OSError:  # no folder can be written to
        return IN_MEMORY
    return READ_AHEAD


def _copy(request: Any, stream: Any, file: Any, most: int) -> bool:
    """Copy up to ``most`` bytes of a request's stream.

    :returns: whether the stream has ended within them.
    """
    while most and not _is_at_end(stream):
        block = stream.read(min(most, _BLOCK))
        if not block:
            return True
        file.write(block)
        most -= len(block)
    if _is_at_end(stream) and request.content_length is None:
        stream.read(1)  # its end is MAX_CONTENT_LENGTH; raises if the body is longer
    return _is_at_end(stream)


def _empty_stream() -> LimitedStream:
    return LimitedStream(io.BytesIO(), 0)


def _is_at_end(stream: Any) -> bool:
    """Whether the stream knows that it has ended. The streams of some servers can't tell."""
    return bool(getattr(stream, "is_exhausted", False))
